import { forEachMember } from './json-scan.ts'
import { RowRuns } from './row-runs.ts'
import type { RowTexts } from './row-texts.ts'
import { quote } from './row-writer.ts'

/** Columns of a collection that one or more views show. */
export interface ShownColumns {
  readonly columns: readonly number[]
  /** In the order of `columns`: `,"title":`. The first that is told goes without its comma. */
  readonly names: readonly Buffer[]
}

/**
 * `"key":{...}` of a row: its number in the texts of the commit; or, where it changed more than once and
 * was put together of several, the text itself.
 */
type Row = number | string

/** Net effect of one commit on one collection in one channel, as some views see it. */
export class NetChanges {
  readonly #shown: ShownColumns
  #rows: RowTexts
  /**
   * Creates, as long as there is nothing but creates: no two of them are of the same key then, and most
   * commits with many rows get by without a map of keys.
   */
  #fresh: RowRuns | undefined
  /** By key. */
  #creates: Map<string, Row> | undefined
  #updates: Map<string, Row> | undefined
  #destroys: Set<string> | undefined
  /** Keys in `#creates` of rows that were there before: told as a create, but a destroy after it is one. */
  #replaced: Set<string> | undefined

  constructor(shown: ShownColumns, rows: RowTexts) {
    this.#shown = shown
    this.#rows = rows
  }

  get isEmpty(): boolean {
    return this.#fresh === undefined && !this.#creates?.size && !this.#updates?.size && !this.#destroys?.size
  }

  create(key: string, row: number): void {
    if (this.#creates === undefined && this.#updates === undefined && this.#destroys === undefined) {
      this.#fresh ??= new RowRuns()
      this.#fresh.add(this.#rows, row)
      return
    }
    this.#creates ??= new Map()
    if (this.#destroys?.delete(key)) {
      this.#replaced ??= new Set()
      this.#replaced.add(key)
    }
    this.#creates.set(key, row)
  }

  update(key: string, row: number): void {
    if (this.#rows.isEmpty(row)) return // nothing that is shown
    this.#index()
    const created = this.#creates?.get(key)
    if (created !== undefined) this.#creates?.set(key, this.#merge(key, created, row))
    else {
      this.#updates ??= new Map()
      const updated = this.#updates.get(key)
      this.#updates.set(key, updated === undefined ? row : this.#merge(key, updated, row))
    }
  }

  destroy(key: string): void {
    this.#index()
    const wasCreated = this.#creates?.delete(key) === true
    if (wasCreated && this.#replaced?.delete(key) !== true) return // it was not there before
    this.#updates?.delete(key)
    this.#destroys ??= new Set()
    this.#destroys.add(key)
  }

  /** Adds the pieces of `"create":{...},"update":{...},"destroy":[...]`, as far as there are any. */
  addTo(pieces: Buffer[]): void {
    const before = pieces.length
    if (this.#fresh !== undefined) {
      let opening = createOpening
      this.#fresh.forEachPiece(this.#rows, (piece) => {
        pieces.push(opening, piece)
        opening = comma
      })
      pieces.push(closing)
    }
    if (this.#creates?.size) this.#addRows(pieces, createOpening, this.#creates)
    if (this.#updates?.size) {
      if (pieces.length > before) pieces.push(comma)
      this.#addRows(pieces, updateOpening, this.#updates)
    }
    if (this.#destroys?.size) {
      if (pieces.length > before) pieces.push(comma)
      pieces.push(Buffer.from(`"destroy":[${[...this.#destroys].map(quote).join(',')}]`))
    }
  }

  /** Goes on with `rows`, which gets the rows that are still told. */
  moveTo(rows: RowTexts): void {
    for (const told of [this.#creates, this.#updates]) {
      for (const [key, row] of told ?? []) {
        if (typeof row === 'number') told?.set(key, rows.take(this.#rows, row))
      }
    }
    const fresh = this.#fresh && new RowRuns()
    this.#fresh?.forEach(this.#rows, (row) => fresh?.add(rows, rows.take(this.#rows, row)))
    this.#fresh = fresh
    this.#rows = rows
  }

  /** Finds keys from now on. */
  #index(): void {
    if (this.#fresh === undefined) return
    const creates = new Map<string, Row>()
    this.#fresh.forEach(this.#rows, (row) => {
      forEachMember(`{${this.#rows.text(row)}}`, (key) => creates.set(key, row))
    })
    this.#creates = creates
    this.#fresh = undefined
  }

  #addRows(pieces: Buffer[], opening: Buffer, told: ReadonlyMap<string, Row>): void {
    pieces.push(opening)
    const rows = this.#rows
    // Rows that lie side by side are one piece, with the commas between them.
    let first = -1
    let last = -1
    for (const row of told.values()) {
      if (typeof row === 'number' && last !== -1 && rows.follows(row, last)) {
        last = row
        continue
      }
      if (last !== -1) pieces.push(rows.piece(first, last), comma)
      if (typeof row === 'number') first = last = row
      else {
        pieces.push(Buffer.from(row), comma)
        first = last = -1
      }
    }
    if (last === -1) pieces.pop()
    else pieces.push(rows.piece(first, last))
    pieces.push(closing)
  }

  /** The text of a row, overlaid with that of a later change of it. */
  #merge(key: string, older: Row, newer: number): string {
    const texts = new Map<string, string>()
    for (const row of [older, newer]) {
      const text = typeof row === 'number' ? this.#rows.text(row) : row
      forEachMember(`{${text}}`, (_, members) => {
        forEachMember(members, (name, value) => texts.set(name, value))
      })
    }
    const members: string[] = []
    for (const name of this.#shown.names) {
      const opening = name.toString('utf8', 1)
      const value = texts.get(JSON.parse(opening.slice(0, -1)))
      if (value !== undefined) members.push(opening + value)
    }
    return `${quote(key)}:{${members.join(',')}}`
  }
}

const createOpening = Buffer.from('"create":{')
const updateOpening = Buffer.from('"update":{')
const closing = Buffer.from('}')
const comma = Buffer.from(',')
