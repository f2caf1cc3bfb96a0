import type { Sql, TransactionSql } from 'postgres'

/** A table of ours and the statements that make it. */
export interface OwnTable {
  /** With its schema. */
  readonly name: string
  readonly create: readonly string[]
}

/**
 * Makes a table of ours where it is missing, then runs `run`, in one transaction and one caller at a time:
 * `IF NOT EXISTS` alone fails when two nodes start together and make the same thing. What exists is only
 * looked at, so that a role without the right to create can start where an administrator has set it up.
 */
export async function withTable<T>(
  sql: Sql,
  table: OwnTable,
  run: (transaction: TransactionSql) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await makeAndRun(sql, table, run)
    } catch (error) {
      // The schema is made elsewhere too, without this lock; now it is there.
      const code = error instanceof Error && 'code' in error ? String(error.code) : ''
      if (attempt === 3 || !['23505', '42P06', '42P07'].includes(code)) throw error
    }
  }
}

async function makeAndRun<T>(
  sql: Sql,
  table: OwnTable,
  run: (transaction: TransactionSql) => Promise<T>,
): Promise<T> {
  let value: { readonly made: T } | undefined
  await sql.begin(async (transaction) => {
    await transaction`SELECT pg_advisory_xact_lock(hashtext('lockstep setup'))`
    const [found] = await transaction<{ schema: boolean; relation: boolean }[]>`
      SELECT to_regnamespace('lockstep') IS NOT NULL AS schema, to_regclass(${table.name}) IS NOT NULL AS relation`
    if (!found?.schema) await transaction.unsafe('CREATE SCHEMA lockstep')
    if (!found?.relation) for (const statement of table.create) await transaction.unsafe(statement)
    value = { made: await run(transaction) }
  })
  if (value === undefined) throw new Error('the transaction ended without having run')
  return value.made
}
