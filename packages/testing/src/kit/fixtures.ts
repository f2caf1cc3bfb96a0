import type { Sql } from 'postgres'

/** Rows by table, as column to value. */
export type Fixtures = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>

/**
 * Inserts the rows in one transaction, table after table in the order given. Resolves with them as they are in
 * the database, with what it filled in.
 */
export async function insertFixtures(
  sql: Sql,
  fixtures: Fixtures,
): Promise<Record<string, Record<string, unknown>[]>> {
  const inserted: Record<string, Record<string, unknown>[]> = {}
  await sql.begin(async (transaction) => {
    for (const [table, rows] of Object.entries(fixtures)) {
      const made: Record<string, unknown>[] = []
      for (const row of rows) {
        made.push(...(await transaction`INSERT INTO ${transaction(table)} ${transaction(row)} RETURNING *`))
      }
      inserted[table] = made
    }
  })
  return inserted
}
