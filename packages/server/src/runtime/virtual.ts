import type { Runtime, Timer } from './runtime.ts'

/** A runtime whose clock, timers, turns and randomness are moved by hand, for tests and simulation. */
export class VirtualRuntime implements Runtime {
  #now: number
  #seed: number
  #timers: { at: number; order: number; run: () => void }[] = []
  #turn: (() => void)[] = []
  #order = 0

  constructor(seed = 1, now = 1_700_000_000_000) {
    this.#seed = seed
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  timer(afterMs: number, run: () => void): Timer {
    const entry = { at: this.#now + afterMs, order: this.#order++, run }
    this.#timers.push(entry)
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== entry)
      },
    }
  }

  endOfTurn(run: () => void): void {
    this.#turn.push(run)
  }

  randomText(bytes: number): string {
    const buffer = Buffer.alloc(bytes)
    for (let i = 0; i < bytes; i++) buffer[i] = Math.floor(this.random() * 256)
    return buffer.toString('base64url')
  }

  /** In [0, 1); the same sequence for the same seed (mulberry32). */
  random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0
    let t = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }

  /** Ends the turn: runs what `endOfTurn` was given until now. */
  endTurn(): void {
    const turn = this.#turn
    this.#turn = []
    for (const run of turn) run()
  }

  /** Sets the clock back, as an operator does: what is planned comes as much time from now as it did. */
  setBack(ms: number): void {
    this.#now -= ms
    for (const timer of this.#timers) timer.at -= ms
  }

  /** Moves the clock, running timers in order of their times. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const next = this.#timers
        .filter((timer) => timer.at <= end)
        .sort((a, b) => a.at - b.at || a.order - b.order)[0]
      if (next === undefined) break
      this.#timers = this.#timers.filter((timer) => timer !== next)
      this.#now = next.at
      next.run()
    }
    this.#now = end
  }
}
