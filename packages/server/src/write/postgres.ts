import type { Sql, TransactionSql } from 'postgres'
import type { Transactions } from './write.ts'

/** Transactions of the client `postgres`, which the server itself uses. */
export function postgresTransactions(client: Sql): Transactions<TransactionSql> {
  return {
    async transaction(run, isolation) {
      await client.begin(isolation === undefined ? '' : `isolation level ${isolation}`, (transaction) =>
        run(transaction, (statement, values) =>
          transaction.unsafe(statement, [...values], { prepare: true }),
        ),
      )
    },
  }
}
