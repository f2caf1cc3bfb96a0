import type { Encoder } from './encoder.ts'

/** A text that `array_out` cannot have made. */
export class ArrayTextError extends Error {
  override readonly name = 'ArrayTextError'
}

/** Postgres arrays have at most six dimensions. */
const depthMax = 6

/** Of a true array, with what its elements are made of. */
export interface ArrayEncoder extends Encoder {
  readonly element: Encoder
  readonly delimiter: string
}

export function arrayEncoder(element: Encoder, delimiter: string): ArrayEncoder {
  return Object.assign((text: string) => encodeArray(text, element, delimiter), { element, delimiter })
}

export function isArrayEncoder(encoder: Encoder): encoder is ArrayEncoder {
  return 'element' in encoder
}

/**
 * JSON of an array in Postgres' text form: `{1,NULL,"a \"b\"",{...}}`, with an optional prefix of bounds,
 * `[0:1]={...}`, which JSON does not tell.
 * @throws ArrayTextError
 */
export function encodeArray(text: string, element: Encoder, delimiter: string): string {
  const reader = new ArrayReader(text, element, delimiter.charCodeAt(0))
  return reader.read()
}

const openBrace = 123
const closeBrace = 125
const quote = 34
const backslash = 92

class ArrayReader {
  readonly #text: string
  readonly #element: Encoder
  readonly #delimiter: number
  #at: number

  constructor(text: string, element: Encoder, delimiter: number) {
    this.#text = text
    this.#element = element
    this.#delimiter = delimiter
    this.#at = text.charCodeAt(0) === 91 ? text.indexOf('=') + 1 : 0
  }

  read(): string {
    const json = this.#list(1)
    if (this.#at !== this.#text.length) this.#fail()
    return json
  }

  #list(depth: number): string {
    if (depth > depthMax || this.#text.charCodeAt(this.#at) !== openBrace) this.#fail()
    this.#at++
    if (this.#text.charCodeAt(this.#at) === closeBrace) {
      this.#at++
      return '[]'
    }
    let json = '['
    for (;;) {
      json += this.#value(depth)
      const next = this.#text.charCodeAt(this.#at++)
      if (next === closeBrace) return `${json}]`
      if (next !== this.#delimiter) this.#fail()
      json += ','
    }
  }

  #value(depth: number): string {
    const first = this.#text.charCodeAt(this.#at)
    if (first === openBrace) return this.#list(depth + 1)
    if (first === quote) return this.#element(this.#quoted())
    const start = this.#at
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === this.#delimiter || code === closeBrace) break
      // Also NaN, the end of the text. Postgres quotes whatever holds one of these.
      if (!(code >= 0) || code === openBrace || code === quote || code === backslash) this.#fail()
      this.#at++
    }
    if (this.#at === start) this.#fail()
    const value = this.#text.slice(start, this.#at)
    return value === 'NULL' ? 'null' : this.#element(value)
  }

  /** The content of a quoted value, without its escapes. */
  #quoted(): string {
    let value = ''
    let start = ++this.#at
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === quote) {
        value += this.#text.slice(start, this.#at++)
        return value
      }
      if (code === backslash) {
        value += this.#text.slice(start, this.#at)
        start = ++this.#at // the escaped character stands for itself
      }
      if (!(this.#at < this.#text.length)) this.#fail()
      this.#at++
    }
  }

  #fail(): never {
    throw new ArrayTextError(`not an array as Postgres writes it (at character ${this.#at})`)
  }
}
