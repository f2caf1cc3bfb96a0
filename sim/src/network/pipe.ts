import type { Owner } from '../clock/owner.ts'
import type { Scheduler } from '../clock/scheduler.ts'
import type { Random } from '../random/random.ts'

/** How a way through the network is: one direction of it. */
export interface Way {
  /** Least time that anything takes, in ms, and by how much it may be more. */
  latencyMs: number
  jitterMs: number
  /** Bytes per ms. */
  rate: number
  /** Nothing arrives before; it waits, and arrives then. */
  heldUntil: number
}

/**
 * One direction of a connection: what goes in comes out in order, later, or never. Its delays are its own, so that other
 * connections stay as they are when this one is not there.
 */
export class Pipe<T> {
  readonly #scheduler: Scheduler
  readonly #way: Way
  readonly #random: Random
  readonly #receiver: () => Owner
  readonly #deliver: (item: T) => void
  #queue: T[] = []
  #lastAt = 0
  #vanishing = false

  constructor(parts: {
    readonly scheduler: Scheduler
    readonly way: Way
    readonly random: Random
    /** In whose life it arrives. */
    readonly receiver: () => Owner
    readonly deliver: (item: T) => void
  }) {
    this.#scheduler = parts.scheduler
    this.#way = parts.way
    this.#random = parts.random
    this.#receiver = parts.receiver
    this.#deliver = parts.deliver
  }

  /** Items on their way. */
  get size(): number {
    return this.#queue.length
  }

  push(item: T, bytes: number): void {
    if (this.#vanishing) return
    const { latencyMs, jitterMs, rate, heldUntil } = this.#way
    const { now } = this.#scheduler
    const soonest = now + latencyMs + jitterMs * this.#random.next()
    this.#lastAt = Math.max(this.#lastAt, soonest, heldUntil) + bytes / rate
    this.#queue.push(item)
    // Whichever is first by then: where the receiver was stopped meanwhile, order must hold all the same.
    this.#scheduler.at(this.#lastAt, () =>
      this.#receiver().do(() => {
        const first = this.#queue.shift()
        if (first !== undefined) this.#deliver(first)
      }),
    )
  }

  /** From now on nothing arrives any more, and nobody is told. */
  vanish(): void {
    this.#vanishing = true
    this.#queue = []
  }

  /** Of what is on its way some arrives, and the rest is lost: gives the first that is. */
  truncate(): T | undefined {
    const kept = this.#random.below(this.#queue.length + 1)
    const lost = this.#queue[kept]
    this.#queue.length = kept
    return lost
  }
}
