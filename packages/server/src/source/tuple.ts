import type { Encoder } from './encoder.ts'
import type { Tuple } from './source.ts'

export const kindNull = 110 // 'n'
export const kindUnchanged = 117 // 'u': a TOASTed value that the update did not touch
export const kindText = 116 // 't'
/** Ours: the column is outside the replica identity, so its null means nothing. */
export const kindAbsent = 0

/** Where the columns of one row version lie in the network buffer. Used again for every row of a relation. */
export class RowFields {
  bytes: Buffer = Buffer.alloc(0)
  /** Kind, first byte and end of each column of the relation. */
  readonly kinds: Uint8Array
  readonly starts: Int32Array
  readonly ends: Int32Array
  /** The row's bytes as one text with a character per byte, made when first asked for. */
  latin: string | undefined
  /** Where the row begins in `bytes`, and ends. */
  from = 0
  to = 0

  constructor(columnCount: number) {
    this.kinds = new Uint8Array(columnCount)
    this.starts = new Int32Array(columnCount)
    this.ends = new Int32Array(columnCount)
  }
}

/** Node's own methods behind `toString`, without its checks; not in the type declarations. */
interface ByteSlices {
  latin1Slice(start: number, end: number): string
  utf8Slice(start: number, end: number): string
}

/** Rows up to this size are turned into text as a whole. */
const wholeRowBytesMax = 4096

// A byte that is not ASCII; length bytes between columns never get into the slices that are tested.
const beyondAscii = /[\x80-\xff]/

/** A collection's view of a row version: its columns, by its numbers. */
export class TupleView implements Tuple {
  readonly #fields: RowFields
  /** Relation column of each collection column. */
  readonly #places: Int32Array
  readonly #encoders: readonly Encoder[]

  constructor(fields: RowFields, places: Int32Array, encoders: readonly Encoder[]) {
    this.#fields = fields
    this.#places = places
    this.#encoders = encoders
  }

  has(column: number): boolean {
    const kind = this.#kind(column)
    return kind === kindText || kind === kindNull
  }

  isNull(column: number): boolean {
    return this.#kind(column) === kindNull
  }

  text(column: number): string | null {
    return this.#kind(column) === kindText ? this.#slice(column) : null
  }

  json(column: number): string {
    if (this.#kind(column) !== kindText) return 'null'
    const encoder = this.#encoders[column]
    if (encoder === undefined) throw new RangeError(`no column ${column}`)
    return encoder(this.#slice(column))
  }

  same(other: Tuple, column: number): boolean {
    if (!(other instanceof TupleView))
      return this.has(column) && other.has(column) && this.text(column) === other.text(column)
    const mine = this.#kind(column)
    if (mine !== other.#kind(column) || !this.has(column)) return false
    if (mine === kindNull) return true
    const a = this.#fields
    const b = other.#fields
    const aPlace = this.#place(column)
    const bPlace = other.#place(column)
    let i = a.starts[aPlace] ?? 0
    let j = b.starts[bPlace] ?? 0
    const end = a.ends[aPlace] ?? 0
    const length = end - i
    if (length !== (b.ends[bPlace] ?? 0) - j) return false
    if (i === j && a.bytes === b.bytes) return true
    if (length > 64) return a.bytes.compare(b.bytes, j, j + length, i, end) === 0
    while (i < end) if (a.bytes[i++] !== b.bytes[j++]) return false
    return true
  }

  #place(column: number): number {
    return this.#places[column] ?? -1
  }

  #kind(column: number): number {
    return this.#fields.kinds[this.#place(column)] ?? kindAbsent
  }

  #slice(column: number): string {
    const fields = this.#fields
    const place = this.#place(column)
    const start = fields.starts[place] ?? 0
    const end = fields.ends[place] ?? 0
    // Every Buffer has these two methods.
    const bytes = fields.bytes as Buffer & ByteSlices
    if (fields.to - fields.from > wholeRowBytesMax) return bytes.utf8Slice(start, end)
    // One native call for the row; slices of its text cost next to nothing.
    fields.latin ??= bytes.latin1Slice(fields.from, fields.to)
    const text = fields.latin.substring(start - fields.from, end - fields.from)
    return beyondAscii.test(text) ? bytes.utf8Slice(start, end) : text
  }
}
