/** How often something may happen: steadily, and at once after a pause. */
export class Allowance {
  readonly #perSecond: number
  readonly #burst: number
  #left: number
  #filledAt: number

  constructor(perSecond: number, burst: number, now: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#left = burst
    this.#filledAt = now
  }

  /** Whether it may happen now, which counts. */
  take(now: number): boolean {
    const refill = Math.max(0, ((now - this.#filledAt) / 1000) * this.#perSecond)
    this.#left = Math.min(this.#burst, this.#left + refill)
    this.#filledAt = now
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
