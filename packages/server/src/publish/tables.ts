import type { Sql, TransactionSql } from 'postgres'
import type { Collection } from '../definition/definition.ts'
import type { ExternalColumn } from '../definition/external.ts'
import { connectionFault } from '../fault/connection.ts'
import { withTable } from '../setup/own-table.ts'
import { connect } from '../source/connect.ts'
import { qualifiedName, quoteName } from '../source/names.ts'

/**
 * Makes the tables of external collections where they are missing, and adds columns that were declared
 * since. Other tables are not touched.
 * @throws SetupError where the database cannot be reached; Error with the SQL that mends it, where a column has another type by now
 */
export async function prepareExternal(url: string, collections: readonly Collection[]): Promise<void> {
  if (collections.every((collection) => collection.external === undefined)) return
  const sql = connect(url, { max: 1, applicationName: 'lockstep setup' })
  try {
    await makeTables(sql, collections)
  } catch (error) {
    throw connectionFault(error, url) ?? error
  } finally {
    await sql.end({ timeout: 1 })
  }
}

async function makeTables(sql: Sql, collections: readonly Collection[]): Promise<void> {
  for (const collection of collections) {
    const { external } = collection
    if (external === undefined) continue
    const name = qualifiedName(collection)
    const key = collection.key.map((column) => quoteName(collection.columns[column] ?? '')).join(', ')
    const columns = external.map((column) => `  ${quoteName(column.name)} ${column.type}`)
    await withTable(
      sql,
      {
        name,
        create: [
          `CREATE TABLE ${name} (\n${[...columns, `  PRIMARY KEY (${key})`].join(',\n')}\n)`,
          `ALTER TABLE ${name} REPLICA IDENTITY FULL`,
        ],
      },
      (transaction) => adapt(transaction, name, external),
    )
  }
}

async function adapt(
  transaction: TransactionSql,
  name: string,
  external: readonly ExternalColumn[],
): Promise<void> {
  const found = await transaction<{ name: string; type: string }[]>`
    SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
    WHERE attrelid = to_regclass(${name}) AND attnum > 0 AND NOT attisdropped`
  const types = new Map(found.map((column) => [column.name, column.type]))
  for (const column of external) {
    const type = types.get(column.name)
    if (type === column.type) continue
    if (type !== undefined) {
      throw new Error(
        `Column "${column.name}" of ${name} has the type ${type}, not ${column.type}. Run: ALTER TABLE ${name} ALTER COLUMN ${quoteName(column.name)} TYPE ${column.type} USING ${quoteName(column.name)}::${column.type}; or, to have all rows published anew: DROP TABLE ${name};`,
      )
    }
    await transaction.unsafe(`ALTER TABLE ${name} ADD COLUMN ${quoteName(column.name)} ${column.type}`)
  }
}
