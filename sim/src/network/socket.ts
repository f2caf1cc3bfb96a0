/** Bytes on their way, or the end of them. */
export type Piece =
  | { readonly kind: 'open' }
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'reset' }

/** What a process has written and the kernel has not taken yet. */
interface Waiting {
  readonly bytes: Buffer
  at: number
  /** Called with every part of it that leaves the process. */
  readonly leaves: () => void
}

export interface SocketBounds {
  /** Where `write` says that it is enough (Node's `writableHighWaterMark`), in bytes. */
  readonly markBytes: number
  /** What is on the way and not yet acknowledged, in bytes. */
  readonly windowBytes: number
  /** Largest piece that travels as one. */
  readonly segmentBytes: number
}

/**
 * The server's end of a TCP connection, as Node shows it: what the kernel does not take waits in the process. The kernel
 * takes as much as the other end has room for and has not yet acknowledged.
 */
export class ServerSocket {
  readonly #bounds: SocketBounds
  readonly #send: (bytes: Buffer) => void
  readonly #drained: () => void
  #queue: Waiting[] = []
  #waiting = 0
  #written = 0
  #onWay = 0
  #needsDrain = false
  #destroyed = false

  /** `send` puts a piece on its way; `drained` hears when all that waited after a full write has gone. */
  constructor(bounds: SocketBounds, send: (bytes: Buffer) => void, drained: () => void) {
    this.#bounds = bounds
    this.#send = send
    this.#drained = drained
  }

  get writableLength(): number {
    return this.#waiting
  }

  /** All that was written, taken by the kernel or not. */
  get bytesWritten(): number {
    return this.#written
  }

  /** False: more waits than is good. */
  write(bytes: Buffer, leaves: () => void): boolean {
    if (this.#destroyed) return true
    this.#queue.push({ bytes, at: 0, leaves })
    this.#waiting += bytes.length
    this.#written += bytes.length
    this.#pump()
    const room = this.#waiting < this.#bounds.markBytes
    if (!room) this.#needsDrain = true
    return room
  }

  /** The other end has taken so many bytes. */
  acknowledged(bytes: number): void {
    this.#onWay -= bytes
    if (this.#destroyed) return
    this.#pump()
    if (this.#waiting > 0 || !this.#needsDrain) return
    this.#needsDrain = false
    this.#drained()
  }

  /** What waits in the process is gone. */
  destroy(): void {
    this.#destroyed = true
    this.#queue = []
    this.#waiting = 0
  }

  #pump(): void {
    const { windowBytes, segmentBytes } = this.#bounds
    while (this.#onWay < windowBytes) {
      const first = this.#queue[0]
      if (first === undefined) return
      const room = Math.min(windowBytes - this.#onWay, segmentBytes)
      const end = Math.min(first.bytes.length, first.at + room)
      const piece = first.bytes.subarray(first.at, end)
      first.at = end
      first.leaves()
      if (end === first.bytes.length) this.#queue.shift()
      this.#waiting -= piece.length
      this.#onWay += piece.length
      this.#send(piece)
    }
  }
}
