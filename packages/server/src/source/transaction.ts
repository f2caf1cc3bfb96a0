import type { Sql, TransactionSql } from 'postgres'

/**
 * Makes the transactions of a client survive the loss of their connection. The client itself would send a
 * ROLLBACK, or the application's next statement, to a socket that is gone, which ends the process (its
 * issues 1154 and 1208); or it would run the statement on a connection that meanwhile serves somebody else.
 * Here a transaction whose connection is lost rejects at once, and nothing more is sent for it. The same
 * goes for a transaction that is over: what comes late is refused.
 */
export function guardTransactions(client: Sql): Sql {
  const begin = client.begin
  const guarded = (first: unknown, second?: unknown): Promise<unknown> => {
    const [options, run] = typeof first === 'string' ? [first, second] : ['', first]
    // One of the two signatures of `begin`: the function comes last.
    return runGuarded(client, begin, options, run as (sql: TransactionSql) => unknown)
  }
  // Same signatures as the method it stands for; those are overloads that cannot be written as one type.
  return Object.assign(client, { begin: guarded as Sql['begin'] })
}

async function runGuarded(
  client: Sql,
  begin: Sql['begin'],
  options: string,
  run: (sql: TransactionSql) => unknown,
): Promise<unknown> {
  const state = new TransactionState()
  const done = begin(options, async (transaction) => {
    const guarded = guard(transaction, client, state)
    let result: unknown
    try {
      const returned = run(guarded)
      result = await (Array.isArray(returned) ? Promise.all(returned) : returned)
    } catch (error) {
      if (state.isOver) return never // else the client would send a ROLLBACK
      throw error
    }
    return state.isOver ? never : result
  })
  try {
    return await Promise.race([done, state.lost])
  } finally {
    done.catch(() => {}) // it rejects too when the connection is lost, or never settles
    state.end()
  }
}

const never = new Promise<never>(() => {})

class TransactionState {
  /** Rejects when a statement finds that the connection is gone. */
  readonly lost: Promise<never>
  #lose: (error: unknown) => void = () => {}
  #isOver = false

  constructor() {
    this.lost = new Promise((_, reject) => {
      this.#lose = reject
    })
    this.lost.catch(() => {}) // nobody listens once the transaction has ended
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Looks at an error of a statement: after some there is no connection any more. */
  note(error: unknown): void {
    if (this.#isOver || !(error instanceof Error) || !('code' in error)) return
    if (!lostCodes.has(String(error.code))) return
    this.#isOver = true
    this.#lose(error)
  }

  end(): void {
    this.#isOver = true
  }

  /** @throws Error when nothing may be sent any more */
  assertOpen(): void {
    if (this.#isOver) throw new TransactionOverError()
  }
}

/** A statement came when its transaction had ended, or had lost its connection. */
export class TransactionOverError extends Error {
  override readonly name = 'TransactionOverError'
  readonly code = 'CONNECTION_ENDED'

  constructor() {
    super('The transaction is over.')
  }
}

const lostCodes: ReadonlySet<string> = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
])

/** What the client's statements are inside: they run when somebody waits for them, through `handler`. */
interface Statement extends Promise<unknown> {
  handler: (statement: Statement) => void
  reject(error: unknown): void
}

function isStatement(value: unknown): value is Statement {
  return value instanceof Promise && 'handler' in value && 'reject' in value
}

/**
 * The transaction with every statement checked at the moment when it is sent. Shows the client's options
 * too, which Drizzle looks for: `drizzle(tx)`.
 */
function guard(transaction: TransactionSql, client: Sql, state: TransactionState): TransactionSql {
  return new Proxy(transaction, {
    apply(target, self, values) {
      return guardStatement(Reflect.apply(target, self, values), state)
    },
    get(target, name) {
      if (name === 'options') return client.options
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function' || !runsStatements.has(name)) return value
      return (...values: unknown[]) => {
        state.assertOpen()
        const given = name === 'savepoint' ? values.map((v) => guardBody(v, client, state)) : values
        return guardStatement(Reflect.apply(value, target, given), state)
      }
    },
  })
}

const runsStatements: ReadonlySet<string | symbol> = new Set(['unsafe', 'file', 'notify', 'savepoint'])

function guardStatement<T>(value: T, state: TransactionState): T {
  if (!isStatement(value)) return value
  const send = value.handler
  value.handler = (statement) => {
    if (state.isOver) {
      statement.reject(new TransactionOverError())
      return
    }
    send(statement)
    statement.catch((error) => state.note(error))
  }
  return value
}

/** The body of a savepoint: after the connection is lost it stays open, or the client would roll it back. */
function guardBody(body: unknown, client: Sql, state: TransactionState): unknown {
  if (typeof body !== 'function') return body
  return async (inner: TransactionSql) => {
    let result: unknown
    try {
      result = await body(guard(inner, client, state))
    } catch (error) {
      if (!state.isOver) throw error
    }
    return state.isOver ? never : result
  }
}
