import { joinKey, LockstepError } from '@lockstep/protocol'
import type { Sql, TransactionSql } from 'postgres'
import type { Collection } from '../definition/definition.ts'
import { TypeCatalog } from '../source/catalog.ts'
import { connect } from '../source/connect.ts'
import { type Encoder, keyEncoderOf } from '../source/encoder.ts'
import { qualifiedName, quoteName } from '../source/names.ts'
import { parseVisibility } from '../source/visibility.ts'
import type { SnapshotPart, SnapshotRead, SnapshotReader, SnapshotRow } from './snapshot.ts'

export interface PostgresSnapshotOptions {
  readonly url: string
  /** Connections at most. Default 4. */
  readonly connectionsMax?: number
  /** Rows fetched at a time. Default 1000. */
  readonly batchRows?: number
}

export interface PostgresSnapshotReader extends SnapshotReader {
  close(): Promise<void>
}

/** Reads snapshots over connections of its own, whose settings agree with the stream's. */
export function postgresSnapshots(options: PostgresSnapshotOptions): PostgresSnapshotReader {
  return new PostgresSnapshots(options)
}

class PostgresSnapshots implements PostgresSnapshotReader {
  readonly #sql: Sql
  /** For the catalog alone: reads that hold all other connections may be waiting for it. */
  readonly #catalogSql: Sql
  readonly #batchRows: number
  readonly #types = new TypeCatalog()

  constructor(options: PostgresSnapshotOptions) {
    this.#sql = connect(options.url, {
      max: options.connectionsMax ?? 4,
      applicationName: 'lockstep snapshot',
    })
    this.#catalogSql = connect(options.url, { max: 1, applicationName: 'lockstep snapshot types' })
    this.#batchRows = options.batchRows ?? 1000
  }

  async read(parts: readonly SnapshotPart[]): Promise<SnapshotRead> {
    try {
      return await this.#read(parts)
    } catch (cause) {
      if (cause instanceof LockstepError) throw cause
      throw new LockstepError('unavailable', undefined, { cause })
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#sql.end({ timeout: 1 }), this.#catalogSql.end({ timeout: 1 })])
  }

  async #read(parts: readonly SnapshotPart[]): Promise<SnapshotRead> {
    // Not returned from the transaction: its connection would keep what was, until the next one.
    let found: SnapshotRead | undefined
    const read = async (tx: TransactionSql): Promise<void> => {
      const [first] = await tx<{ snapshot: string }[]>`SELECT pg_current_snapshot()::text AS snapshot`
      const visibility = parseVisibility(first?.snapshot ?? '')
      const rows: SnapshotRow[][] = []
      for (const part of parts) rows.push(await this.#part(tx, part))
      found = { visibility, rows }
    }
    await this.#sql.begin('ISOLATION LEVEL REPEATABLE READ READ ONLY', read)
    if (found === undefined) throw new LockstepError('unavailable')
    return found
  }

  async #part(tx: TransactionSql, part: SnapshotPart): Promise<SnapshotRow[]> {
    const { collection } = part
    const parameters: string[] = []
    const where = await this.#where(tx, part, parameters)
    if (where === undefined) return []
    // The part's columns first, then those of the key that it lacks.
    const numbers = [...part.columns, ...collection.key.filter((column) => !part.columns.includes(column))]
    const names = numbers.map((column) => quoteName(collection.columns[column] ?? ''))
    const keys = collection.key.map((column) => numbers.indexOf(column))
    const order = collection.key.map((column) => quoteName(collection.columns[column] ?? '')).join(', ')
    const [table] = await tx<{ only: string }[]>`
      SELECT CASE relkind WHEN 'p' THEN '' ELSE 'ONLY ' END AS only
      FROM pg_class WHERE oid = to_regclass(${qualifiedName(collection)})`
    // Rows of tables that inherit from it come in the stream as those tables' own.
    const from = (table?.only ?? '') + qualifiedName(collection)
    const query = `SELECT ${names.join(', ')} FROM ${from} WHERE ${where} ORDER BY ${order}`
    const rows: SnapshotRow[] = []
    let encoders: readonly Encoder[] | undefined
    const cursor = tx.unsafe(query, parameters).raw().cursor(this.#batchRows)
    for await (const batch of cursor) {
      // With `.raw()`, rows are lists of Buffers (null for NULL), and the batch knows its columns.
      const { columns } = batch as unknown as { columns: readonly { type: number }[] }
      const values = batch as unknown as readonly (readonly (Buffer | null)[])[]
      encoders ??= await this.#encoders(columns.map((column) => column.type))
      for (const value of values) rows.push(rowOf(value, encoders, keys, part.columns.length))
    }
    return rows
  }

  async #encoders(oids: readonly number[]): Promise<readonly Encoder[]> {
    // Types are made at any time; the catalog is read over another connection, as this one has a cursor.
    if (!oids.every((oid) => this.#types.knows(oid))) await this.#types.load(this.#catalogSql)
    return oids.map((oid) => this.#types.encoder(oid))
  }

  /** SQL of the part's condition; undefined where no row can have these texts. */
  async #where(tx: TransactionSql, part: SnapshotPart, parameters: string[]): Promise<string | undefined> {
    const alternatives: string[] = []
    for (const alternative of part.where) {
      const conditions: string[] = []
      let possible = true
      for (const { column, text } of alternative) {
        const name = part.collection.columns[column] ?? ''
        const type = await columnType(tx, part.collection, name)
        possible = !text.includes('\0') && (await isValueOf(tx, type, text))
        if (!possible) break
        parameters.push(text)
        const place = `$${parameters.length}::text`
        const quoted = quoteName(name)
        // The first finds rows by index, whatever the spelling; the second takes only the spelling that
        // Postgres itself writes, which is the one that the stream makes channels from.
        conditions.push(`${quoted} = ${place}::${type} AND format('%s', ${quoted}) = ${place} COLLATE "C"`)
      }
      if (possible) alternatives.push(conditions.length === 0 ? 'true' : `(${conditions.join(' AND ')})`)
    }
    return alternatives.length === 0 ? undefined : alternatives.join(' OR ')
  }
}

/**
 * The column's type without length limits (for which -1 stands: `character` alone would be one of length 1),
 * and of a domain the type below it.
 */
async function columnType(tx: TransactionSql, collection: Collection, name: string): Promise<string> {
  const [row] = await tx<{ type: string }[]>`
    WITH RECURSIVE base (oid) AS (
      SELECT atttypid FROM pg_attribute
      WHERE attrelid = to_regclass(${qualifiedName(collection)}) AND attname = ${name} AND NOT attisdropped
      UNION ALL
      SELECT typbasetype FROM base JOIN pg_type USING (oid) WHERE typtype = 'd'
    )
    SELECT format_type(oid, -1) AS type FROM base JOIN pg_type USING (oid) WHERE typtype <> 'd'`
  if (row === undefined)
    throw new Error(`table ${collection.schema}.${collection.table} has no column ${name}`)
  return row.type
}

/** Types that any text is a value of. */
const textTypes = new Set(['text', 'character varying', 'character', 'bpchar', 'name'])

/** Whether the text can be read as the type. Asks Postgres where the answer is not plain. */
async function isValueOf(tx: TransactionSql, type: string, text: string): Promise<boolean> {
  if (textTypes.has(type)) return true
  if (type === 'integer') return isInteger(text, 2_147_483_648n)
  if (type === 'bigint') return isInteger(text, 9_223_372_036_854_775_808n)
  if (type === 'smallint') return isInteger(text, 32_768n)
  if (type === 'uuid') return /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/.test(text)
  try {
    await tx.savepoint((inner) => inner.unsafe(`SELECT $1::text::${type}`, [text]))
    return true
  } catch (error) {
    // Classes 22 and 23: the text is no value of the type. Anything else is a failure of ours.
    if (error instanceof Error && 'code' in error && /^2[23]/.test(String(error.code))) return false
    throw error
  }
}

/** As Postgres writes integers, below `limit` and not below its negative. */
function isInteger(text: string, limit: bigint): boolean {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return false
  const value = BigInt(text)
  return value < limit && value >= -limit
}

function rowOf(
  values: readonly (Buffer | null)[],
  encoders: readonly Encoder[],
  keys: readonly number[],
  shown: number,
): SnapshotRow {
  const texts = values.map((value) => (value === null ? null : value.toString('utf8')))
  const json: string[] = []
  for (let i = 0; i < shown; i++) {
    const text = texts[i]
    json.push(text === null || text === undefined ? 'null' : (encoders[i]?.(text) ?? 'null'))
  }
  const key = keys.map((place) => {
    const text = texts[place] ?? ''
    const encoder = encoders[place]
    return (encoder && keyEncoderOf(encoder)?.(text)) ?? text
  })
  return { key: joinKey(key), values: json }
}
