import type { Readable, Writable } from 'node:stream'

/** How much a lane keeps before it stops reading, in bytes. */
const heldBytesMax = 262_144

export interface LaneGauge {
  /** What holds it up: asked anew for each piece. */
  rule(): {
    /** How long each piece is under way, in ms. */
    readonly lagMs: number
    /** Nothing comes out for now. */
    readonly held: boolean
  }
  /** A piece has been passed on. */
  passed?(): void
  /** Nothing more will come. */
  ended(): void
}

/** One direction of a connection: passes pieces on in order, as late as its rule says. */
export class Lane {
  readonly #from: Readable
  readonly #to: Writable
  readonly #gauge: LaneGauge
  /** Null: the end. */
  readonly #pieces: { readonly at: number; readonly piece: Buffer | null }[] = []
  #bytes = 0
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(from: Readable, to: Writable, gauge: LaneGauge) {
    this.#from = from
    this.#to = to
    this.#gauge = gauge
    from.on('data', (piece: Buffer) => {
      this.#bytes += piece.length
      if (this.#bytes > heldBytesMax) from.pause()
      this.#take(piece)
    })
    from.on('end', () => this.#take(null))
    // Whoever has gone without an end takes with it what was under way.
    from.on('close', () => from.readableEnded || this.stop())
  }

  /** The rule has changed. */
  look(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#pump()
  }

  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#pieces.length = 0
    clearTimeout(this.#timer)
    this.#gauge.ended()
  }

  #take(piece: Buffer | null): void {
    if (this.#stopped) return
    this.#pieces.push({ at: performance.now() + this.#gauge.rule().lagMs, piece })
    this.#pump()
  }

  #pump(): void {
    if (this.#timer !== undefined) return
    for (let next = this.#pieces[0]; next !== undefined && !this.#gauge.rule().held; next = this.#pieces[0]) {
      const early = next.at - performance.now()
      if (early > 0) {
        this.#timer = setTimeout(() => this.look(), early)
        return
      }
      this.#pieces.shift()
      if (next.piece === null) {
        this.#to.end()
        this.stop()
      } else this.#pass(next.piece)
      if (this.#stopped) return
    }
  }

  #pass(piece: Buffer): void {
    this.#bytes -= piece.length
    if (this.#bytes <= heldBytesMax && this.#from.isPaused()) this.#from.resume()
    this.#to.write(piece)
    this.#gauge.passed?.()
  }
}
