import type { Owner } from '../clock/owner.ts'
import type { Planned, Scheduler } from '../clock/scheduler.ts'
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

interface Item<T> {
  readonly item: T
  readonly bytes: number
  /** When it arrives, where nothing is in its way. */
  readonly soonest: number
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
  #queue: Item<T>[] = []
  /** The arrival of the first, where it is planned. */
  #planned: Planned | undefined
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

  push(item: T, bytes: number): void {
    if (this.#vanishing) return
    const { latencyMs, jitterMs } = this.#way
    const soonest = this.#scheduler.now + latencyMs + jitterMs * this.#random.next()
    this.#queue.push({ item, bytes, soonest })
    this.#plan()
  }

  /** The way has become another one. */
  replan(): void {
    this.#planned?.cancel()
    this.#planned = undefined
    this.#plan()
  }

  /** From now on nothing arrives any more, and nobody is told. */
  vanish(): void {
    this.#vanishing = true
    this.#queue = []
    this.replan()
  }

  /** Of what is on its way some arrives, and the rest is lost: gives the first that is. */
  truncate(): T | undefined {
    const kept = this.#random.below(this.#queue.length + 1)
    const lost = this.#queue[kept]
    this.#queue.length = kept
    this.replan()
    return lost?.item
  }

  /** One after the other: the next sets out on the last of the way when the one before it has arrived. */
  #plan(): void {
    const first = this.#queue[0]
    if (this.#planned !== undefined || first === undefined) return
    const { rate, heldUntil } = this.#way
    const at = Math.max(this.#scheduler.now, first.soonest, heldUntil) + first.bytes / rate
    this.#planned = this.#scheduler.at(at, () => this.#receiver().do(() => this.#arrive()))
  }

  #arrive(): void {
    this.#planned = undefined
    const first = this.#queue.shift()
    this.#plan()
    if (first !== undefined) this.#deliver(first.item)
  }
}
