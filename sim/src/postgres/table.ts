import type { Row } from './database.ts'
import { textOf } from './value-text.ts'

export type ColumnType = 'int' | 'text' | 'jsonb' | 'bool'

export interface ColumnDefinition {
  readonly name: string
  readonly type: ColumnType
  /** STORAGE EXTERNAL: long values stand apart, and an update that leaves them alone does not tell them. */
  readonly external?: boolean
}

export interface TableDefinition {
  readonly name: string
  readonly columns: readonly ColumnDefinition[]
  /** Name of the key column. */
  readonly key: string
  /** `full`, `default` (the key), or the columns of an index, the key among them. */
  readonly identity: 'full' | 'default' | readonly string[]
}

/** A table's columns at one time: what a Relation message tells. */
export interface Shape extends TableDefinition {
  readonly oid: number
}

/** Values of external columns that are longer than this stand apart, in characters. */
const externalCharsMin = 2_100

/** One row through all its versions: what is committed, and what the transaction that holds it made of it. */
export class Cell {
  committed: Row | undefined
  /** Holds the row's lock. */
  owner: object | undefined
  pending: { readonly row: Row | undefined } | undefined
  /** Keys of the versions that the owner has made, those it has replaced again included. */
  readonly pendingKeys: Set<string> = new Set()
}

/** Rows and shape of one table. Knows nothing of waiting. */
export class Table {
  shape: Shape
  readonly #cells = new Map<string, Set<Cell>>()
  /** Counts truncations that are committed: they empty the table for older snapshots too. */
  truncations = 0

  constructor(definition: TableDefinition, oid: number) {
    this.shape = { ...definition, oid }
  }

  keyOf(row: Row): string {
    return (
      textOf(this.shape.columns.find(({ name }) => name === this.shape.key)?.type, row[this.shape.key]) ?? ''
    )
  }

  /** Cells that have, or may yet have, a version of this key. */
  cellsOf(key: string): Iterable<Cell> {
    return this.#cells.get(key) ?? []
  }

  /** The row of this key that a statement of `who` sees. */
  find(key: string, who: object): Cell | undefined {
    for (const cell of this.cellsOf(key)) {
      const row = seenBy(cell, who)
      if (row !== undefined && this.keyOf(row) === key) return cell
    }
    return undefined
  }

  /** What stands in the way of a new row of this key: `taken`, or the transaction to wait for. */
  obstacle(key: string, who: object, but?: Cell): 'taken' | { readonly owner: object } | undefined {
    for (const cell of this.cellsOf(key)) {
      if (cell === but) continue
      const committed = cell.committed !== undefined && this.keyOf(cell.committed) === key
      if (cell.owner === who && cell.pending !== undefined) {
        if (cell.pending.row !== undefined && this.keyOf(cell.pending.row) === key) return 'taken'
      } else if (cell.owner !== undefined && cell.pending !== undefined) {
        if (committed || cell.pendingKeys.has(key)) return { owner: cell.owner }
      } else if (committed) return 'taken'
    }
    return undefined
  }

  write(cell: Cell, who: object, row: Row | undefined): void {
    cell.owner = who
    cell.pending = { row }
    if (row !== undefined) {
      const key = this.keyOf(row)
      cell.pendingKeys.add(key)
      this.#index(cell, key)
    }
  }

  /** The owner's end: what it made stands, or is gone. */
  settle(cell: Cell, committed: boolean): void {
    const keys = new Set(cell.pendingKeys)
    if (cell.committed !== undefined) keys.add(this.keyOf(cell.committed))
    if (committed && cell.pending !== undefined) cell.committed = cell.pending.row
    cell.owner = undefined
    cell.pending = undefined
    cell.pendingKeys.clear()
    const kept = cell.committed === undefined ? undefined : this.keyOf(cell.committed)
    for (const key of keys) if (key !== kept) this.#unindex(cell, key)
    if (kept !== undefined) this.#index(cell, kept)
  }

  *cells(): Iterable<Cell> {
    // A cell stands under several keys while its key is being changed.
    const seen = new Set<Cell>()
    for (const cells of this.#cells.values())
      for (const cell of cells) {
        if (seen.has(cell)) continue
        seen.add(cell)
        yield cell
      }
  }

  /** Committed rows by key. */
  rows(): Map<string, Row> {
    const rows = new Map<string, Row>()
    for (const { committed } of this.cells())
      if (committed !== undefined) rows.set(this.keyOf(committed), committed)
    return rows
  }

  /** All rows, as a backup has them. */
  replaceAll(rows: Iterable<Row>): void {
    this.#cells.clear()
    for (const row of rows) {
      const cell = new Cell()
      cell.committed = row
      this.#index(cell, this.keyOf(row))
    }
  }

  #index(cell: Cell, key: string): void {
    const cells = this.#cells.get(key)
    if (cells === undefined) this.#cells.set(key, new Set([cell]))
    else cells.add(cell)
  }

  #unindex(cell: Cell, key: string): void {
    const cells = this.#cells.get(key)
    cells?.delete(cell)
    if (cells?.size === 0) this.#cells.delete(key)
  }
}

export function seenBy(cell: Cell, who: object): Row | undefined {
  return cell.owner === who && cell.pending !== undefined ? cell.pending.row : cell.committed
}

/** Columns whose values stand apart from the row, and that this update has left alone. */
export function keptApart(shape: Shape, row: Row, written: Row): ReadonlySet<string> {
  const kept = new Set<string>()
  for (const { name, external } of shape.columns) {
    const value = row[name]
    if (
      external === true &&
      !(name in written) &&
      typeof value === 'string' &&
      value.length >= externalCharsMin
    )
      kept.add(name)
  }
  return kept
}

/** Columns that old rows tell where the identity is not the whole row. */
export function identityColumns({ identity, key, columns }: Shape): ReadonlySet<string> {
  if (identity === 'full') return new Set(columns.map(({ name }) => name))
  return new Set(identity === 'default' ? [key] : identity)
}
