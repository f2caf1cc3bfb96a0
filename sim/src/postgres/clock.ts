/** The time that the model lives in. */
export interface Clock {
  /** ms since 1970 */
  now(): number
  /** Calls `run` once, `ms` from now. Those of the same moment run in the order in which they were asked for. */
  after(ms: number, run: () => void): { cancel(): void }
}

/** From the first number to the second, both included, in ms. */
export type Span = readonly [number, number]
