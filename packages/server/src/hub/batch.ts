import { encodeFrame, type Frame } from '../log/frame.ts'

/**
 * Frames that go out together. Shared by every connection that gets the same ones, so that they are
 * joined into one buffer at most once, and leave in one system call each.
 */
export class Batch {
  readonly frames: readonly Frame[]
  #bytes: Buffer | undefined

  constructor(frames: readonly Frame[]) {
    this.frames = frames
  }

  /** All frames back to back, as a WebSocket carries them. */
  get bytes(): Buffer {
    this.#bytes ??= join(this.frames)
    return this.#bytes
  }

  static of(message: object): Batch {
    return new Batch([encodeFrame(JSON.stringify(message))])
  }
}

function join(frames: readonly Frame[]): Buffer {
  const only = frames[0]
  if (frames.length === 1 && only !== undefined) return only.bytes
  return Buffer.concat(frames.map((frame) => frame.bytes))
}
