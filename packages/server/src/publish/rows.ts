import { joinKey, LockstepError } from '@lockstep/protocol'
import { quoteName } from '../source/names.ts'
import { databaseFault } from '../write/faults.ts'
import type { Execute } from '../write/write.ts'
import type { ExternalCollection, PublishedRow, PublishedRows } from './publish.ts'

/**
 * Brings published rows into their table, within the open transaction.
 * @returns keys of rows to update or destroy that were not there, or not in the channel
 * @throws LockstepError `bad_value` for a key that Postgres spells otherwise
 */
export async function applyRows(execute: Execute, rows: PublishedRows): Promise<readonly string[]> {
  const { collection, parameters } = rows
  if (rows.create.length > 0) await create(execute, collection, rows.create)
  const missing: string[] = []
  for (const row of rows.update) {
    if (!(await update(execute, collection, parameters, row))) missing.push(row.key)
  }
  if (rows.destroy.length > 0) {
    missing.push(...(await destroy(execute, collection, parameters, rows.destroy)))
  }
  return missing
}

async function create(
  execute: Execute,
  collection: ExternalCollection,
  rows: readonly PublishedRow[],
): Promise<void> {
  const names = collection.columns.map(quoteName).join(', ')
  const key = collection.key.map(quoteName).join(', ')
  const others = collection.columns
    .filter((column) => !collection.key.includes(column))
    .map((column) => `${quoteName(column)} = EXCLUDED.${quoteName(column)}`)
  // With nothing but a key, the key stands for what is to be set: the row must come back either way.
  const set =
    others.length > 0 ? others : collection.key.map((k) => `${quoteName(k)} = EXCLUDED.${quoteName(k)}`)
  const distinct = new Map(rows.map((row) => [row.key, row]))
  const created = await execute(
    `INSERT INTO ${collection.table} AS kept (${names})
    SELECT ${names} FROM json_populate_recordset(NULL::${collection.table}, $1::text::json)
    ON CONFLICT (${key}) DO UPDATE SET ${set.join(', ')} RETURNING ${keyTexts(collection, 'kept')}`,
    [JSON.stringify([...distinct.values()].map((row) => row.values))],
  ).catch((error: unknown) => {
    // One row under two keys, which cannot both be its spelling.
    throw databaseFault(error)?.code === '21000' ? otherSpelling() : error
  })
  for (const row of created) if (!distinct.has(keyOf(collection, row))) throw otherSpelling()
}

async function update(
  execute: Execute,
  collection: ExternalCollection,
  parameters: Readonly<Record<string, string>>,
  row: PublishedRow,
): Promise<boolean> {
  const set = Object.keys(row.values)
    .filter((column) => !collection.key.includes(column))
    .map((column) => `${quoteName(column)} = published.${quoteName(column)}`)
  const own = set.length > 0 ? set : collection.key.map((k) => `${quoteName(k)} = kept.${quoteName(k)}`)
  const values: string[] = [JSON.stringify(row.values)]
  // A row that says itself that it is in the channel moves there, wherever it was.
  const enters = Object.entries(parameters).every(
    ([column, text]) => row.values[column] !== undefined && String(row.values[column]) === text,
  )
  const where = [...sameKey(collection), ...(enters ? [] : inChannel(parameters, values))]
  const updated = await execute(
    `UPDATE ${collection.table} AS kept SET ${own.join(', ')}
    FROM json_populate_record(NULL::${collection.table}, $1::text::json) AS published
    WHERE ${where.join(' AND ')} RETURNING ${keyTexts(collection, 'kept')}`,
    values,
  )
  for (const found of updated) if (keyOf(collection, found) !== row.key) throw otherSpelling()
  return updated.length > 0
}

async function destroy(
  execute: Execute,
  collection: ExternalCollection,
  parameters: Readonly<Record<string, string>>,
  rows: readonly PublishedRow[],
): Promise<readonly string[]> {
  const values: string[] = [JSON.stringify(rows.map((row) => row.values))]
  const where = [...sameKey(collection), ...inChannel(parameters, values)]
  const destroyed = await execute(
    `DELETE FROM ${collection.table} AS kept
    USING json_populate_recordset(NULL::${collection.table}, $1::text::json) AS published
    WHERE ${where.join(' AND ')} RETURNING ${keyTexts(collection, 'kept')}`,
    values,
  )
  const gone = new Set(destroyed.map((row) => keyOf(collection, row)))
  const keys = new Set(rows.map(({ key }) => key))
  for (const key of gone) if (!keys.has(key)) throw otherSpelling()
  return [...keys].filter((key) => !gone.has(key))
}

function sameKey(collection: ExternalCollection): readonly string[] {
  return collection.key.map((column) => `kept.${quoteName(column)} = published.${quoteName(column)}`)
}

/** The stored row is in the channel: by the texts that channels are spelled with. */
function inChannel(parameters: Readonly<Record<string, string>>, values: string[]): readonly string[] {
  return Object.entries(parameters).map(([column, text]) => {
    values.push(text)
    return `format('%s', kept.${quoteName(column)}) = $${values.length}::text COLLATE "C"`
  })
}

/** The key's columns as Postgres spells them: `k0`, `k1`. */
function keyTexts({ key }: ExternalCollection, row: string): string {
  return key.map((column, i) => `format('%s', ${row}.${quoteName(column)}) AS k${i}`).join(', ')
}

function keyOf({ key }: ExternalCollection, row: Readonly<Record<string, unknown>>): string {
  return joinKey(key.map((_, i) => String(row[`k${i}`])))
}

/** "017" would be row 17 under a key that no subscriber knows. */
function otherSpelling(): LockstepError {
  return new LockstepError('bad_value', 'A key is not spelled as its column spells it, such as 17 for 017.')
}
