import type { Scheduler } from './scheduler.ts'

/** When runs begin, ms since 1970. */
export const epochMs = 1_790_000_000_000

/** What a computer believes the time to be: its own offset from the truth, which jumps. */
export class WallClock {
  readonly #scheduler: Scheduler
  #offsetMs: number

  constructor(scheduler: Scheduler, offsetMs: number) {
    this.#scheduler = scheduler
    this.#offsetMs = offsetMs
  }

  /** ms since 1970, whole. */
  now(): number {
    return Math.floor(epochMs + this.#scheduler.now + this.#offsetMs)
  }

  /** Sets it forward, or back. */
  jump(ms: number): void {
    this.#offsetMs += ms
  }
}
