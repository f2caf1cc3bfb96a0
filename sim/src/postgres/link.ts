import type { Clock } from './clock.ts'
import type { NodeProcess } from './node-process.ts'

/** One direction of a connection: what is sent arrives later, in order, some of it together. */
export class Link {
  readonly #clock: Clock
  readonly #process: NodeProcess
  readonly #deliver: (bytes: Buffer) => void
  readonly #queue: { readonly at: number; readonly bytes: Buffer }[] = []
  #last = 0
  #open = true
  #timer: { cancel(): void } | undefined

  constructor(clock: Clock, process: NodeProcess, deliver: (bytes: Buffer) => void) {
    this.#clock = clock
    this.#process = process
    this.#deliver = deliver
  }

  send(bytes: Buffer): void {
    if (!this.#open) return
    this.#last = Math.max(this.#last, this.#process.arrival())
    this.#queue.push({ at: this.#last, bytes })
    this.#plan()
  }

  /** Calls `run` when everything that was sent has arrived. */
  whenThrough(run: () => void): void {
    this.#clock.after(Math.max(0, this.#last - this.#clock.now()), () => {
      if (this.#queue.length === 0 || !this.#open) run()
      else this.whenThrough(run)
    })
  }

  /** Nothing more arrives. */
  cut(): void {
    this.#open = false
    this.#queue.length = 0
    this.#timer?.cancel()
  }

  #plan(): void {
    const first = this.#queue[0]
    if (this.#timer !== undefined || first === undefined) return
    this.#timer = this.#clock.after(Math.max(0, first.at - this.#clock.now()), () => {
      this.#timer = undefined
      const now = this.#clock.now()
      while (this.#queue[0] !== undefined && this.#queue[0].at <= now) {
        const next = this.#queue.shift()
        if (next !== undefined) this.#deliver(next.bytes)
      }
      this.#plan()
    })
  }
}
