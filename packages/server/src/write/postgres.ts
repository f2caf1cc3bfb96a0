import { LockstepError } from '@lockstep/protocol'
import type { Sql, TransactionSql } from 'postgres'
import { guardTransaction } from './guard.ts'
import type { Execute, Transactions } from './write.ts'

/** Transactions of the client `postgres`, which the server itself uses. */
export function postgresTransactions(client: Sql): Transactions<TransactionSql> {
  return {
    async transaction(run, isolation) {
      let end: ((reason: LockstepError) => void) | undefined
      try {
        await client.begin(
          isolation === undefined ? '' : `isolation level ${isolation}`,
          async (transaction) => {
            const guarded = guardTransaction(client, transaction)
            end = guarded.end
            await run(guarded.sql, executeOn(transaction))
          },
        )
      } finally {
        end?.(new LockstepError('internal', 'The transaction of this write is over.'))
      }
    },
  }
}

function executeOn(transaction: TransactionSql): Execute {
  return (statement, values) => transaction.unsafe(statement, [...values], { prepare: true })
}
