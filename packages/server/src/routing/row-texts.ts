import { JsonBytes } from '../source/json-bytes.ts'

const slabBytes = 65_536
/** Rows whose places stay allocated from one commit to the next. */
const keptRowsMax = 65_536

/**
 * The rows of one commit as JSON text, `"key":{"title":"x"},`, numbered. They lie one after another in few
 * pieces of memory, which the next commit uses again: a string for each row would be most of the work of
 * the garbage collector. A row can be empty.
 */
export class RowTexts {
  /** A row is written here, and ends with `end`. */
  readonly json: JsonBytes = new JsonBytes(slabBytes)
  /** Of all rows since `clear`, also those that are told no more. */
  bytes = 0
  readonly #slabs: Buffer[] = [this.json.bytes]
  /** Per row: number of its slab, where it begins and where it ends there. */
  #places = new Uint32Array(3 * 1024)
  #count = 0

  /** Number of the row that is written next. */
  get next(): number {
    return this.#count
  }

  /** Ends the row. @returns its length in bytes. */
  end(): number {
    const { json } = this
    const length = json.length - json.start
    // Memory that was full is not gone back to: the row is in the last slab or in a new one.
    if (this.#slabs[this.#slabs.length - 1] !== json.bytes) this.#slabs.push(json.bytes)
    const at = 3 * this.#count++
    if (at === this.#places.length) this.#places = longer(this.#places)
    this.#places[at] = this.#slabs.length - 1
    this.#places[at + 1] = json.start
    this.#places[at + 2] = json.length
    json.begin()
    this.bytes += length
    return length
  }

  /** Takes back everything from this row on. */
  cut(row: number): void {
    this.json.cancel()
    if (row === this.#count) return
    for (let each = row; each < this.#count; each++) this.bytes -= this.#endOf(each) - this.#startOf(each)
    this.#backTo(this.#slabOf(row), this.#startOf(row))
    this.#count = row
  }

  isEmpty(row: number): boolean {
    return this.#startOf(row) === this.#endOf(row)
  }

  /** `"key":{"title":"x"}` */
  text(row: number): string {
    return this.piece(row, row).toString()
  }

  /** Whether `row` lies right behind `other`. */
  follows(row: number, other: number): boolean {
    return this.#startOf(row) === this.#endOf(other) && this.#slabOf(row) === this.#slabOf(other)
  }

  /** The bytes of rows that follow each other, without the last comma. */
  piece(first: number, last: number): Buffer {
    const slab = this.#slabs[this.#slabOf(first)]
    if (slab === undefined) throw new RangeError(`no row ${first}`)
    return slab.subarray(this.#startOf(first), this.#endOf(last) - 1)
  }

  /** Copies a row of another store that is not empty. @returns its number here. */
  take(other: RowTexts, row: number): number {
    const piece = other.piece(row, row)
    this.json.copy(piece, 0, piece.length)
    this.json.byte(comma)
    this.end()
    return this.#count - 1
  }

  /** Begins anew, in the first piece of memory. */
  clear(): void {
    this.bytes = 0
    this.#count = 0
    if (this.#places.length > 3 * keptRowsMax) this.#places = new Uint32Array(3 * 1024)
    this.#backTo(0, 0)
  }

  #backTo(slab: number, at: number): void {
    this.#slabs.length = slab + 1
    this.json.beginAt(this.#slabs[slab] ?? Buffer.alloc(0), at)
  }

  #slabOf(row: number): number {
    return this.#places[3 * row] ?? 0
  }

  #startOf(row: number): number {
    return this.#places[3 * row + 1] ?? 0
  }

  #endOf(row: number): number {
    return this.#places[3 * row + 2] ?? 0
  }
}

const comma = 44

function longer(places: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const more = new Uint32Array(places.length * 2)
  more.set(places)
  return more
}
