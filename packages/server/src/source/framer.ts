/** Called with each whole message of the wire protocol; the bytes are valid during the call only. */
export type FrameReader = (bytes: Buffer, start: number, end: number) => void

const headerBytes = 5
/** What stays allocated for messages that are cut by the edges of reads. */
const pendingBytes = 65_536

/**
 * Finds the messages of Postgres' wire protocol (a letter, a length, a body) in the chunks of a socket, in
 * place: only a message that is cut by the edge of a chunk is copied.
 */
export class Framer {
  readonly #read: FrameReader
  #pending: Buffer = Buffer.allocUnsafe(pendingBytes)
  #pendingLength = 0

  constructor(read: FrameReader) {
    this.#read = read
  }

  /** Takes the first `length` bytes of `chunk`, which may be overwritten afterwards. */
  take(chunk: Buffer, length: number): void {
    let at = this.#pendingLength > 0 ? this.#complete(chunk, length) : 0
    while (length - at >= headerBytes) {
      const end = at + 1 + chunk.readUInt32BE(at + 1)
      if (end > length) break
      this.#read(chunk, at, end)
      at = end
    }
    if (at < length) this.#keep(chunk, at, length)
  }

  /** Adds to the message that was cut. @returns how much of the chunk belonged to it. */
  #complete(chunk: Buffer, length: number): number {
    let at = 0
    if (this.#pendingLength < headerBytes) {
      at = Math.min(headerBytes - this.#pendingLength, length)
      this.#keep(chunk, 0, at)
      if (this.#pendingLength < headerBytes) return at
    }
    const total = 1 + this.#pending.readUInt32BE(1)
    if (total > this.#pending.length) {
      const larger = Buffer.allocUnsafeSlow(total)
      this.#pending.copy(larger, 0, 0, this.#pendingLength)
      this.#pending = larger
    }
    const until = Math.min(length, at + total - this.#pendingLength)
    this.#keep(chunk, at, until)
    if (this.#pendingLength === total) {
      const message = this.#pending
      if (message.length > pendingBytes) this.#pending = Buffer.allocUnsafe(pendingBytes)
      this.#pendingLength = 0
      this.#read(message, 0, total)
    }
    return until
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    const length = this.#pendingLength + end - start
    if (length > this.#pending.length) {
      const larger = Buffer.allocUnsafeSlow(length)
      this.#pending.copy(larger, 0, 0, this.#pendingLength)
      this.#pending = larger
    }
    chunk.copy(this.#pending, this.#pendingLength, start, end)
    this.#pendingLength = length
  }
}
