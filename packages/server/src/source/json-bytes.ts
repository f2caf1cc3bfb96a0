/** Texts up to this length are written by a loop, which is quicker than a call out of JavaScript. */
const loopLengthMax = 48

/**
 * Takes JSON texts one after another, as UTF-8, and gets new memory as it needs. Who writes many bytes
 * reserves them, writes to `bytes` from `length` on, and moves `length`.
 */
export class JsonBytes {
  /** The memory of the text that is being written. Texts before it may be in other memory. */
  bytes: Buffer
  /** Where the text begins, and where it goes on. */
  start = 0
  length = 0
  readonly #slabBytes: number

  /** `slabBytes`: what is allocated at a time, as long as texts are smaller. */
  constructor(slabBytes: number) {
    this.#slabBytes = slabBytes
    this.bytes = Buffer.allocUnsafeSlow(slabBytes)
  }

  /** Begins a text. */
  begin(): void {
    this.start = this.length
  }

  /** Takes back what was written of the text. */
  cancel(): void {
    this.length = this.start
  }

  /** Begins a text in memory that was used before, and is not needed any more from `at` on. */
  beginAt(bytes: Buffer, at: number): void {
    this.bytes = bytes
    this.start = at
    this.length = at
  }

  /** Makes room for `size` bytes more. May replace `bytes`, and then moves the text to the front. */
  reserve(size: number): void {
    if (this.length + size > this.bytes.length) this.#grow(size)
  }

  byte(byte: number): void {
    this.reserve(1)
    this.bytes[this.length++] = byte
  }

  copy(from: Buffer, start: number, end: number): void {
    this.reserve(end - start)
    const { bytes } = this
    let at = this.length
    if (end - start > loopLengthMax) at += from.copy(bytes, at, start, end)
    else for (let i = start; i < end; i++) bytes[at++] = from[i] ?? 0
    this.length = at
  }

  text(text: string): void {
    if (text.length <= loopLengthMax) {
      this.reserve(text.length)
      const { bytes } = this
      let at = this.length
      let i = 0
      for (; i < text.length; i++) {
        const code = text.charCodeAt(i)
        if (code > 127) break
        bytes[at++] = code
      }
      if (i === text.length) {
        this.length = at
        return
      }
    }
    this.reserve(Buffer.byteLength(text))
    this.length += this.bytes.write(text, this.length)
  }

  #grow(size: number): void {
    const held = this.length - this.start
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#slabBytes, 2 * (held + size)))
    this.bytes.copy(larger, 0, this.start, this.length)
    this.bytes = larger
    this.start = 0
    this.length = held
  }
}
