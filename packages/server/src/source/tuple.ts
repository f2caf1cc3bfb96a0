import { type ByteEncoder, byteEncoderOf } from './byte-encoder.ts'
import { type Encoder, keyEncoderOf } from './encoder.ts'
import type { JsonBytes } from './json-bytes.ts'
import type { Tuple } from './source.ts'

export const kindNull = 110 // 'n'
export const kindUnchanged = 117 // 'u': a TOASTed value that the update did not touch
export const kindText = 116 // 't'
/** Ours: the column is outside the replica identity, so its null means nothing. */
export const kindAbsent = 0
/** Ours: longer than `valueBytesMax`. */
export const kindTooLong = 1

/** Longest value that is told: as JSON, six times as long, it still is a string that Node.js can hold. */
export const valueBytesMax = 67_108_864

/** Where the columns of one row version lie in the network buffer. Used again for every row of a relation. */
export class RowFields {
  bytes: Buffer = Buffer.alloc(0)
  /** Kind, first byte and end of each column of the relation. */
  readonly kinds: Uint8Array
  readonly starts: Int32Array
  readonly ends: Int32Array
  /** Whether some value is too long to be told. */
  hasTooLong = false

  constructor(columnCount: number) {
    this.kinds = new Uint8Array(columnCount)
    this.starts = new Int32Array(columnCount)
    this.ends = new Int32Array(columnCount)
  }
}

/** Node's own method behind `toString`, without its checks; not in the type declarations. */
interface ByteSlices {
  utf8Slice(start: number, end: number): string
}

/** A collection's view of a row version: its columns, by its numbers. */
export class TupleView implements Tuple {
  readonly #fields: RowFields
  /** Relation column of each collection column. */
  readonly #places: Int32Array
  readonly #encoders: readonly Encoder[]
  readonly #byteEncoders: readonly ByteEncoder[]
  readonly #keyEncoders: readonly (Encoder | undefined)[]
  /** The last text given of each column: what decides the channel is the same for runs of rows. */
  readonly #lastTexts: string[]

  constructor(fields: RowFields, places: Int32Array, encoders: readonly Encoder[]) {
    this.#fields = fields
    this.#places = places
    this.#encoders = encoders
    this.#byteEncoders = encoders.map(byteEncoderOf)
    this.#keyEncoders = encoders.map(keyEncoderOf)
    this.#lastTexts = encoders.map(() => '')
  }

  has(column: number): boolean {
    const kind = this.#kind(column)
    return kind === kindText || kind === kindNull
  }

  /** Whether a value of the collection is too long to be told. */
  get isTooLong(): boolean {
    return this.#fields.hasTooLong && this.#places.some((place) => this.#fields.kinds[place] === kindTooLong)
  }

  isNull(column: number): boolean {
    return this.#kind(column) === kindNull
  }

  text(column: number): string | null {
    return this.#kind(column) === kindText ? this.#slice(column) : null
  }

  keyText(column: number): string | null {
    const text = this.text(column)
    return text === null ? null : (this.#keyEncoders[column]?.(text) ?? text)
  }

  json(column: number): string {
    if (this.#kind(column) !== kindText) return 'null'
    const encoder = this.#encoders[column]
    if (encoder === undefined) throw new RangeError(`no column ${column}`)
    return encoder(this.#slice(column))
  }

  write(column: number, to: JsonBytes): boolean {
    const place = this.#place(column)
    const fields = this.#fields
    const kind = fields.kinds[place]
    if (kind !== kindText) {
      if (kind === kindNull) to.copy(nullBytes, 0, nullBytes.length)
      return kind === kindNull
    }
    const encode = this.#byteEncoders[column]
    if (encode === undefined) throw new RangeError(`no column ${column}`)
    encode(fields.bytes, fields.starts[place] ?? 0, fields.ends[place] ?? 0, to)
    return true
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
    const last = this.#lastTexts[column] ?? ''
    if (isText(last, fields.bytes, start, end)) return last
    // Every Buffer has this method.
    const text = (fields.bytes as Buffer & ByteSlices).utf8Slice(start, end)
    if (end - start <= rememberedBytesMax) this.#lastTexts[column] = text
    return text
  }
}

const nullBytes = Buffer.from('null')

const rememberedBytesMax = 64

/** Whether the bytes are this text. False, too, for texts that are not ASCII. */
function isText(text: string, bytes: Buffer, start: number, end: number): boolean {
  if (text.length !== end - start) return false
  // From the end: numbers that rise differ there.
  for (let i = text.length - 1; i >= 0; i--) {
    const code = text.charCodeAt(i)
    if (code > 127 || code !== bytes[start + i]) return false
  }
  return true
}
