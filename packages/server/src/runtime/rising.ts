/**
 * Numbers that rise, over restarts too, without anything being kept: each is at least the time in ms. Holds
 * as long as fewer than a thousand are drawn per second on average, and clocks do not go back over a restart.
 */
export class Rising {
  #last = 0

  /** @param now ms since 1970 */
  next(now: number): number {
    this.#last = Math.max(this.#last + 1, now)
    return this.#last
  }
}
