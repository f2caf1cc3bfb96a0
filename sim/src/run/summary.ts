import type { SeedReport } from './worker.ts'

/** How often it says how far it is, in ms. */
const progressMs = 10_000
/** Violations of one seed that are shown. */
const shownMax = 3

/** Adds up what became of seeds, and says so. */
export class Summary {
  readonly #count: number
  readonly #out: { write(text: string): unknown }
  readonly #began = performance.now()
  readonly #faults = new Map<string, number>()
  readonly #failed: number[] = []
  #said = performance.now()
  #done = 0
  #events = 0
  #virtualMs = 0
  #violations = 0

  constructor(count: number, out: { write(text: string): unknown }) {
    this.#count = count
    this.#out = out
  }

  hear({ seed, violations, count, virtualMs, faults }: SeedReport): void {
    this.#done++
    this.#events += count
    this.#virtualMs += virtualMs
    for (const [fault, times] of faults) this.#faults.set(fault, (this.#faults.get(fault) ?? 0) + times)
    if (violations.length > 0) {
      this.#violations += violations.length
      this.#failed.push(seed)
      for (const { promise, message, event } of violations.slice(0, shownMax))
        this.#line(`seed ${seed}, event ${event}: ${promise}: ${message}`)
      const more = violations.length - shownMax
      this.#line(`  ${more > 0 ? `and ${more} more; ` : ''}again: npm run sim -- --seed ${seed}`)
    }
    const now = performance.now()
    if (now - this.#said < progressMs) return
    this.#said = now
    this.#line(`${this.#done} of ${this.#count} schedules, ${this.#failed.length} with violations`)
  }

  /** Says all of it. Returns whether no promise was broken. */
  end(): boolean {
    const seconds = (performance.now() - this.#began) / 1_000
    const hours = this.#virtualMs / 3_600_000
    const faults = [...this.#faults].sort(([, a], [, b]) => b - a)
    this.#line('')
    this.#line(`faults: ${faults.map(([fault, times]) => `${times} ${fault}`).join(', ')}`)
    if (this.#failed.length > 0)
      this.#line(`seeds with violations: ${this.#failed.sort((a, b) => a - b).join(' ')}`)
    const injected = faults.reduce((sum, [, times]) => sum + times, 0)
    this.#line(
      `${this.#done} schedules, ${hours.toFixed(1)} virtual hours, ${this.#events} events, ${injected} faults, ` +
        `${this.#violations} violations in ${seconds.toFixed(1)} s`,
    )
    return this.#failed.length === 0
  }

  #line(text: string): void {
    this.#out.write(`${text}\n`)
  }
}
