/** Called with each whole message of the wire protocol; the bytes are valid during the call only. */
export type FrameReader = (bytes: Buffer, start: number, end: number) => void

/** The bytes are not the wire protocol: what answers there is no Postgres, or the connection is broken. */
export class WireError extends Error {
  override readonly name = 'WireError'
}

const headerBytes = 5
/** Longest message that Postgres itself makes or takes (MaxAllocSize); a length counts itself. */
const messageBytesMax = 0x4000_0000
const lengthMin = 4
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

  /** Takes the first `length` bytes of `chunk`, which may be overwritten afterwards. @throws WireError */
  take(chunk: Buffer, length: number): void {
    let at = this.#pendingLength > 0 ? this.#complete(chunk, length) : 0
    while (length - at >= headerBytes) {
      const end = at + totalOf(chunk, at)
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
    const total = totalOf(this.#pending, 0)
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
      // With what has come, not with what was announced: a length may be anything.
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#pending.length))
      this.#pending.copy(larger, 0, 0, this.#pendingLength)
      this.#pending = larger
    }
    chunk.copy(this.#pending, this.#pendingLength, start, end)
    this.#pendingLength = length
  }
}

/** Length of the message whose header is there, header and all. */
function totalOf(bytes: Buffer, at: number): number {
  const length = bytes.readUInt32BE(at + 1)
  if (length < lengthMin || length > messageBytesMax) throw new WireError(`a message of ${length} bytes`)
  return 1 + length
}
