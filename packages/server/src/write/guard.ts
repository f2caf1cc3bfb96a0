import type { LockstepError } from '@lockstep/protocol'
import type { Sql, TransactionSql } from 'postgres'

/** A transaction that refuses to be used once it is over. */
export interface GuardedTransaction {
  readonly sql: TransactionSql
  /** From now on every statement is refused with `reason`. */
  end(reason: LockstepError): void
}

const runsStatements: ReadonlySet<string | symbol> = new Set(['unsafe', 'file', 'notify'])

/**
 * The client's transaction object outlives the transaction: a statement that comes late would run on a
 * connection that already serves somebody else, or that is gone. The guard refuses it instead. It also
 * shows the client's options, which Drizzle looks for: `drizzle(tx.sql)`.
 */
export function guardTransaction(client: Sql, transaction: TransactionSql): GuardedTransaction {
  let over: LockstepError | undefined
  const assertOpen = (): void => {
    if (over !== undefined) throw over
  }
  const guard = (inner: TransactionSql): TransactionSql =>
    new Proxy(inner, {
      apply(target, self, values) {
        assertOpen()
        return Reflect.apply(target, self, values)
      },
      get(target, name) {
        if (name === 'options') return client.options
        const value: unknown = Reflect.get(target, name)
        if (name === 'savepoint') return guardedSavepoint(target)
        if (typeof value !== 'function' || !runsStatements.has(name)) return value
        return (...values: unknown[]) => {
          assertOpen()
          return Reflect.apply(value, target, values)
        }
      },
    })
  const guardedSavepoint =
    (target: TransactionSql) =>
    (...values: unknown[]) => {
      assertOpen()
      const guarded = values.map((value) =>
        // The only function among a savepoint's arguments is its body, which takes the inner transaction.
        typeof value === 'function' ? (inner: TransactionSql) => value(guard(inner)) : value,
      )
      return Reflect.apply(target.savepoint, target, guarded)
    }
  return {
    sql: guard(transaction),
    end(reason) {
      over ??= reason
    },
  }
}
