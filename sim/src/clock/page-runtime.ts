import type { HttpReply, HttpRequest, Runtime } from '@lockstep/client'
import type { Random } from '../random/random.ts'
import type { Owner } from './owner.ts'
import type { WallClock } from './wall-clock.ts'

/** Asks over HTTP as a page does. */
export type Fetch = (url: string, request: HttpRequest) => Promise<HttpReply>

/** The runtime of a page in a browser. Its clock goes on from where it was when the computer's is set back. */
export class PageRuntime implements Runtime {
  readonly #owner: Owner
  readonly #clock: WallClock
  readonly #random: Random
  readonly #fetch: Fetch
  readonly #wakers = new Set<() => void>()
  #lag = 0
  #shown = 0
  #ids = 0
  /** Hears of the next id, once. */
  #expected: ((id: string) => void) | undefined

  constructor(owner: Owner, clock: WallClock, random: Random, fetch: Fetch) {
    this.#owner = owner
    this.#clock = clock
    this.#random = random
    this.#fetch = fetch
  }

  now(): number {
    const now = this.#clock.now()
    this.#lag += Math.max(0, this.#shown - now)
    this.#shown = now
    return now + this.#lag
  }

  random(): number {
    return this.#random.next()
  }

  timer(afterMs: number, run: () => void): () => void {
    const planned = this.#owner.after(Math.max(1, Math.floor(afterMs)), run)
    return () => planned.cancel()
  }

  uniqueId(): string {
    const id = `m${this.#random.below(1_000_000_000)}-${++this.#ids}`
    this.#expected?.(id)
    this.#expected = undefined
    return id
  }

  /** `hear` is told of the next id that is drawn. */
  expectId(hear: (id: string) => void): void {
    this.#expected = hear
  }

  fetch(url: string, request: HttpRequest): Promise<HttpReply> {
    return this.#fetch(url, request)
  }

  onWake(listener: () => void): () => void {
    this.#wakers.add(listener)
    return () => this.#wakers.delete(listener)
  }

  /** The network is back, or somebody looks at the page. */
  wake(): void {
    for (const wake of [...this.#wakers]) wake()
  }
}
