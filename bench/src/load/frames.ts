/**
 * A client's text frame. RFC 6455 wants client frames masked; a mask of zeros leaves the bytes as they are,
 * which is all that a load generator needs.
 */
export function maskedFrame(text: string, opcode = 1): Buffer {
  const length = Buffer.byteLength(text)
  const start = length < 126 ? 6 : length < 65_536 ? 8 : 14
  const frame = Buffer.alloc(start + length)
  frame[0] = 0x80 | opcode
  if (start === 6) frame[1] = 0x80 | length
  else if (start === 8) {
    frame[1] = 0x80 | 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 0x80 | 127
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  frame.write(text, start)
  return frame
}

export interface FrameListener {
  /** Text of a frame, while `wantsText`. */
  text(text: string): void
  /** A text frame that nobody wanted to read. */
  counted(): void
  ping(payload: string): void
  closed(): void
  readonly wantsText: boolean
}

/** Finds the borders of a server's frames without reading what is in them. */
export class FrameReader {
  readonly #listener: FrameListener
  /** Bytes of the current frame's payload that are yet to come. */
  #missing = 0
  #opcode = 0
  #head: Buffer | undefined
  #parts: string[] | undefined

  constructor(listener: FrameListener) {
    this.#listener = listener
  }

  /** Takes `buffer[from, end)`, which the caller may overwrite afterwards. */
  take(buffer: Buffer, from: number, end: number): void {
    let at = from
    if (this.#head !== undefined) {
      // A frame's head was cut in two: rare enough to copy.
      const joined = Buffer.concat([this.#head, buffer.subarray(at, end)])
      this.#head = undefined
      this.take(joined, 0, joined.length)
      return
    }
    for (;;) {
      if (this.#missing > 0) {
        const size = Math.min(this.#missing, end - at)
        if (this.#parts !== undefined) this.#parts.push(buffer.toString('latin1', at, at + size))
        this.#missing -= size
        at += size
        if (this.#missing > 0) return
        this.#finish()
      }
      if (at >= end) return
      const size = this.#readHead(buffer, at, end)
      if (size === 0) {
        this.#head = Buffer.from(buffer.subarray(at, end))
        return
      }
      at += size
      if (this.#missing === 0) this.#finish()
    }
  }

  /** Size of the head at `at`, or 0 when it is not whole. */
  #readHead(buffer: Buffer, at: number, end: number): number {
    const size = end - at
    if (size < 2) return 0
    const short = (buffer[at + 1] ?? 0) & 0x7f
    let head = 2
    if (short < 126) this.#missing = short
    else if (short === 126) {
      if (size < 4) return 0
      this.#missing = buffer.readUInt16BE(at + 2)
      head = 4
    } else {
      if (size < 10) return 0
      this.#missing = Number(buffer.readBigUInt64BE(at + 2))
      head = 10
    }
    this.#opcode = (buffer[at] ?? 0) & 0x0f
    this.#parts = this.#opcode !== 1 || this.#listener.wantsText ? [] : undefined
    return head
  }

  #finish(): void {
    const parts = this.#parts
    this.#parts = undefined
    if (parts === undefined) {
      this.#listener.counted()
      return
    }
    const bytes = parts.join('')
    if (this.#opcode === 1) this.#listener.text(Buffer.from(bytes, 'latin1').toString('utf8'))
    else if (this.#opcode === 9) this.#listener.ping(bytes)
    else if (this.#opcode === 8) this.#listener.closed()
  }
}
