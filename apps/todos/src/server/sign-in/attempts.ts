/** Failed sign-ins per name (an e-mail address, a network address) within the window. */
export class Attempts {
  readonly #failures = new Map<string, { count: number; since: number }>()
  readonly #max: number
  readonly #windowMs: number
  readonly #now: () => number

  constructor(max: number, windowMs: number, now: () => number = Date.now) {
    this.#max = max
    this.#windowMs = windowMs
    this.#now = now
  }

  /** Ms until another attempt is taken; 0: now. */
  waitMs(name: string): number {
    const entry = this.#current(name)
    return entry === undefined || entry.count < this.#max ? 0 : entry.since + this.#windowMs - this.#now()
  }

  fail(name: string): void {
    const entry = this.#current(name)
    if (entry !== undefined) entry.count++
    else {
      if (this.#failures.size >= namesMax) this.#forgetOldest()
      this.#failures.set(name, { count: 1, since: this.#now() })
    }
  }

  succeed(name: string): void {
    this.#failures.delete(name)
  }

  #current(name: string): { count: number; since: number } | undefined {
    const entry = this.#failures.get(name)
    if (entry === undefined || this.#now() < entry.since + this.#windowMs) return entry
    this.#failures.delete(name)
    return undefined
  }

  #forgetOldest(): void {
    // A Map iterates in order of insertion.
    for (const name of this.#failures.keys()) {
      this.#failures.delete(name)
      return
    }
  }
}

/** Names remembered; beyond it the oldest go, so that invented addresses cannot fill the memory. */
const namesMax = 10_000
