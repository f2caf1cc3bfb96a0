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
  /** A cursor puts another one in its place for each batch. */
  reject: (error: unknown) => void
  cursor: (...values: unknown[]) => unknown
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
  }
  noteRejection(value, state)
  const cursor = value.cursor
  value.cursor = (...given) => guardCursor(cursor.apply(value, given), state)
  return value
}

/** Looks at what a statement is rejected with, when it is: whoever waits for it goes on later than that. */
function noteRejection(statement: Statement, state: TransactionState): void {
  let reject = statement.reject
  Object.defineProperty(statement, 'reject', {
    get: () => (error: unknown) => {
      state.note(error)
      reject(error)
    },
    set: (next: Statement['reject']) => {
      reject = next
    },
  })
}

/** The batches of a cursor. When the connection is lost between two of them, the client would say that these were all. */
function guardCursor(cursor: unknown, state: TransactionState): unknown {
  if (typeof cursor !== 'object' || cursor === null || !(Symbol.asyncIterator in cursor)) return cursor
  const { [Symbol.asyncIterator]: iterate } = cursor as AsyncIterable<unknown> // it says so
  return {
    [Symbol.asyncIterator]() {
      const batches = iterate.call(cursor)
      return {
        async next() {
          state.assertOpen()
          const batch = await batches.next()
          if (batch.done === true) state.assertOpen()
          return batch
        },
        // Whoever leaves early closes the cursor, which is gone with the connection.
        async return() {
          return state.isOver ? over : ((await batches.return?.()) ?? over)
        },
      }
    },
  }
}

const over = { done: true, value: undefined } as const

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
