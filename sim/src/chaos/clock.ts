/**
 * One clock for all processes of a run: ms since it began, with microseconds. It is the machine's monotonic clock, which
 * every process reads alike, so that what they wrote down can be put in one order.
 */
export class RunClock {
  readonly began: bigint

  constructor(began: bigint = process.hrtime.bigint()) {
    this.began = began
  }

  /** From the text that a parent process gave. */
  static of(began: string): RunClock {
    return new RunClock(BigInt(began))
  }

  now(): number {
    return Number((process.hrtime.bigint() - this.began) / 1_000n) / 1_000
  }
}
