import { LockstepError } from '@lockstep/protocol'

/** Cuts what arrives on a socket at the NUL bytes, within a bound. */
export class Frames {
  readonly #bytesMax: number
  #parts: Buffer[] = []
  #size = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /**
   * The texts of the frames that end in this chunk.
   * @throws LockstepError `too_large`, `bad_request` where it is not UTF-8
   */
  *take(chunk: Buffer): Generator<string> {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(0, start)
      const part = chunk.subarray(start, end === -1 ? chunk.length : end)
      this.#size += part.length
      if (this.#size > this.#bytesMax) {
        this.#parts = []
        throw new LockstepError('too_large', `A message has at most ${this.#bytesMax} bytes.`)
      }
      this.#parts.push(part)
      if (end === -1) return
      const bytes = Buffer.concat(this.#parts)
      this.#parts = []
      this.#size = 0
      start = end + 1
      yield textOf(bytes)
    }
  }
}

function textOf(bytes: Buffer): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new LockstepError('bad_request', 'A message is JSON in UTF-8.', { cause })
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true })
