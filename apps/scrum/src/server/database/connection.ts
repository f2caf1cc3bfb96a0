import { PgDatabase, PgDialect } from 'drizzle-orm/pg-core'
import { type PostgresJsQueryResultHKT, PostgresJsSession } from 'drizzle-orm/postgres-js'
import type { Sql, TransactionSql } from 'postgres'

/** Drizzle over a pool or over one transaction of it. */
export type Database = PgDatabase<PostgresJsQueryResultHKT, Record<string, never>>

/**
 * Drizzle on somebody else's connection: `drizzle()` itself wants a whole pool and changes its parsers, which
 * the transaction that `server.write` hands over is not and must not have.
 */
export function drizzleOn(sql: Sql | TransactionSql): Database {
  const dialect = new PgDialect()
  // A transaction lacks only what the session uses to begin one; nothing here nests transactions.
  const session = new PostgresJsSession(sql as Sql, dialect, undefined, {})
  return new PgDatabase(dialect, session, undefined)
}
