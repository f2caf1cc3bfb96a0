import type { Runtime, Timer } from '@lockstep/server/stages'
import { Random } from '../random/random.ts'
import type { Clock } from './clock.ts'

interface Planned {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** A clock that is moved by hand, for tests of the model alone; a server's Runtime as well. */
export class StepClock implements Clock, Runtime {
  #now: number
  #order = 0
  #planned: Planned[] = []
  readonly #random: Random

  constructor(seed: number, now = 1_700_000_000_000) {
    this.#now = now
    this.#random = Random.named(seed, 'clock')
  }

  now(): number {
    return Math.floor(this.#now)
  }

  after(ms: number, run: () => void): Timer {
    const one = { at: this.#now + Math.max(0, ms), order: this.#order++, run }
    this.#planned.push(one)
    return {
      cancel: () => {
        this.#planned = this.#planned.filter((other) => other !== one)
      },
    }
  }

  timer(afterMs: number, run: () => void): Timer {
    return this.after(afterMs, run)
  }

  endOfTurn(run: () => void): void {
    this.after(0, run)
  }

  randomText(bytes: number): string {
    return Buffer.from(Array.from({ length: bytes }, () => this.#random.below(256))).toString('base64url')
  }

  /** The clock as one process has it: nothing of what it planned happens after `kill`. */
  process(): Runtime & { kill(): void } {
    let isAlive = true
    const timer = (afterMs: number, run: () => void): Timer =>
      this.after(afterMs, () => {
        if (isAlive) run()
      })
    return {
      now: () => this.now(),
      timer,
      endOfTurn: (run) => void timer(0, run),
      randomText: (bytes) => this.randomText(bytes),
      kill: () => {
        isAlive = false
      },
    }
  }

  /** Runs what is planned within the next `ms`, and everything that follows from it. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await settle()
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#planned = this.#planned.filter((one) => one !== next)
      this.#now = next.at
      next.run()
      await settle()
    }
    this.#now = end
  }

  /** Moves on until it is settled. @throws Error where it is not within `ms` */
  async until<T>(promise: Promise<T>, ms = 600_000): Promise<T> {
    let done = false
    const end = this.#now + ms
    promise.then(
      () => {
        done = true
      },
      () => {
        done = true
      },
    )
    await settle()
    while (!done) {
      const next = this.#next(end)
      if (next === undefined) throw new Error('it does not come to an end')
      this.#planned = this.#planned.filter((one) => one !== next)
      this.#now = next.at
      next.run()
      await settle()
    }
    return promise
  }

  #next(end: number): Planned | undefined {
    let first: Planned | undefined
    for (const one of this.#planned)
      if (
        one.at <= end &&
        (first === undefined || one.at < first.at || (one.at === first.at && one.order < first.order))
      )
        first = one
    return first
  }
}

/** Lets all promises go as far as they can. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
