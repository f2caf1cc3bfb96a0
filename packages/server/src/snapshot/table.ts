import { forEachElement, forEachMember, memberOf } from '../routing/json-scan.ts'
import type { SnapshotPart, SnapshotRow } from './snapshot.ts'

/**
 * The rows of one collection while changes are applied to them: key to the row's values as a JSON array,
 * by the part's columns. Only rows that change are taken apart.
 */
type SnapshotTable = Map<string, string>

/** The rows of a channel by collection name, to which transactions can be applied. */
export class SnapshotTables {
  readonly #parts: readonly SnapshotPart[]
  readonly #tables: readonly SnapshotTable[]

  private constructor(parts: readonly SnapshotPart[], tables: readonly SnapshotTable[]) {
    this.#parts = parts
    this.#tables = tables
  }

  static fromRows(parts: readonly SnapshotPart[], rows: readonly (readonly SnapshotRow[])[]): SnapshotTables {
    const tables = parts.map((_, i) => {
      const table: SnapshotTable = new Map()
      for (const row of rows[i] ?? []) table.set(row.key, `[${row.values.join(',')}]`)
      return table
    })
    return new SnapshotTables(parts, tables)
  }

  /** Reads back a snapshot message that `text` has made, with the keys of its rows. */
  static fromText(
    parts: readonly SnapshotPart[],
    message: string,
    keys: readonly (readonly string[])[],
  ): SnapshotTables {
    const collections = memberOf(message, 'collections') ?? '{}'
    const tables: SnapshotTable[] = parts.map(() => new Map())
    let part = 0
    forEachMember(collections, (_, collection) => {
      const table = tables[part]
      const keysOfPart = keys[part]
      part++
      let row = 0
      forEachElement(memberOf(collection, 'rows') ?? '[]', (values) => {
        table?.set(keysOfPart?.[row++] ?? '', values)
      })
    })
    return new SnapshotTables(parts, tables)
  }

  /**
   * Applies the `changes` of a transaction message. False: they do not fit the rows (an update of a row
   * that is not there), so the rows are not what they should be.
   */
  apply(changes: string): boolean {
    let fits = true
    forEachMember(changes, (name, collection) => {
      const index = this.#parts.findIndex((part) => part.collection.name === name)
      const part = this.#parts[index]
      const table = this.#tables[index]
      if (part === undefined || table === undefined) fits = false
      else if (!applyToTable(part, table, collection)) fits = false
    })
    return fits
  }

  /** Keys of the rows, per part, in the order in which `collectionsText` tells the rows. */
  keys(): readonly (readonly string[])[] {
    return this.#tables.map((table) => [...table.keys()])
  }

  /** JSON text of the `collections` of a snapshot message. */
  collectionsText(): string {
    let text = '{'
    this.#parts.forEach(({ collection, columns }, i) => {
      const names = columns.map((column) => collection.columns[column])
      const key = collection.key.map((column) => columns.indexOf(column))
      if (i > 0) text += ','
      text += `${JSON.stringify(collection.name)}:{"columns":${JSON.stringify(names)},"key":${JSON.stringify(key)},"rows":[`
      text += `${[...(this.#tables[i]?.values() ?? [])].join(',')}]}`
    })
    return `${text}}`
  }
}

function applyToTable(part: SnapshotPart, table: SnapshotTable, changes: string): boolean {
  let fits = true
  forEachMember(changes, (event, rows) => {
    if (event === 'destroy') {
      const keys: readonly string[] = JSON.parse(rows)
      for (const key of keys) table.delete(key)
      return
    }
    forEachMember(rows, (key, row) => {
      const old = event === 'create' ? '[]' : table.get(key)
      const values = old && mergeRow(part, old, row)
      if (values === undefined) fits = false
      else table.set(key, values)
    })
  })
  return fits
}

/** Undefined where a column has no value, old or new. */
function mergeRow(part: SnapshotPart, old: string, row: string): string | undefined {
  const values: (string | undefined)[] = part.columns.map(() => undefined)
  let place = 0
  forEachElement(old, (value) => {
    values[place++] = value
  })
  forEachMember(row, (name, value) => {
    const changed = part.columns.findIndex((column) => part.collection.columns[column] === name)
    if (changed >= 0) values[changed] = value
  })
  return values.includes(undefined) ? undefined : `[${values.join(',')}]`
}
