/**
 * Everything that is not a function of its input: time, timers, randomness. Stages get it injected, so
 * that the same code runs in production, under a virtual clock and in a simulator.
 */
export interface Runtime {
  /** Wall clock, ms since 1970. */
  now(): number
  /** Calls `run` once, `afterMs` from now; the timer does not keep the process alive. */
  timer(afterMs: number, run: () => void): Timer
  /** Calls `run` at the end of this turn, after the input that is at hand has been handled. */
  endOfTurn(run: () => void): void
  /** `bytes` random bytes fit for secrets, as base64url text. */
  randomText(bytes: number): string
}

export interface Timer {
  cancel(): void
}
