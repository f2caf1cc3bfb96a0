import type { Clock } from './clock.ts'
import { DatabaseError } from './database.ts'

interface Wait {
  readonly who: object
  readonly blockers: () => readonly object[]
  readonly take: () => void
  readonly resolve: () => void
  readonly reject: (error: Error) => void
  readonly timer: { cancel(): void }
}

/** Who waits for whom. A wait ends when nobody blocks it; one that closes a circle ends with 40P01. */
export class Waits {
  readonly #clock: Clock
  readonly #deadlockMs: number
  /** In the order in which they began. */
  #waits: Wait[] = []

  constructor(clock: Clock, deadlockMs: number) {
    this.#clock = clock
    this.#deadlockMs = deadlockMs
  }

  /**
   * Waits until `blockers` gives none, then calls `take` at that very moment. `who` waits once at a time.
   * @throws DatabaseError 40P01
   */
  until(who: object, blockers: () => readonly object[], take: () => void): Promise<void> {
    if (blockers().length === 0) {
      take()
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(this.#deadlockMs, () => {
        if (this.isCircular(who)) this.fail(who, new DatabaseError('40P01', 'deadlock detected'))
      })
      this.#waits.push({ who, blockers, take, resolve, reject, timer })
    })
  }

  isWaiting(who: object): boolean {
    return this.#waits.some((wait) => wait.who === who)
  }

  /** Those who wait and began before `who` did; all where `who` does not wait. */
  before(who: object): readonly object[] {
    const place = this.#waits.findIndex((wait) => wait.who === who)
    return (place === -1 ? this.#waits : this.#waits.slice(0, place)).map((wait) => wait.who)
  }

  /** Whether who waits for itself in the end. */
  isCircular(who: object): boolean {
    const seen = new Set<object>()
    const next = [...this.#blockersOf(who)]
    for (let one = next.pop(); one !== undefined; one = next.pop()) {
      if (one === who) return true
      if (seen.has(one)) continue
      seen.add(one)
      next.push(...this.#blockersOf(one))
    }
    return false
  }

  /** Something was let go. */
  look(): void {
    for (let again = true; again; ) {
      again = false
      for (const wait of this.#waits) {
        if (wait.blockers().length > 0) continue
        this.#remove(wait)
        wait.take()
        wait.resolve()
        again = true
        break
      }
    }
  }

  fail(who: object, error: Error): void {
    const wait = this.#waits.find((one) => one.who === who)
    if (wait === undefined) return
    this.#remove(wait)
    wait.reject(error)
  }

  failAll(error: Error): void {
    for (const wait of [...this.#waits]) {
      this.#remove(wait)
      wait.reject(error)
    }
  }

  #blockersOf(who: object): readonly object[] {
    return this.#waits.find((wait) => wait.who === who)?.blockers() ?? []
  }

  #remove(wait: Wait): void {
    wait.timer.cancel()
    this.#waits = this.#waits.filter((one) => one !== wait)
  }
}
