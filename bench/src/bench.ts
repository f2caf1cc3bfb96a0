/** What a benchmark tells: one row per measure. Numbers are medians; null where there is nothing to tell. */
export interface Row {
  readonly metric: string
  readonly unit: string
  readonly lockstep: number | null
  /** The same work done by the least code that can do it, measured in the same run. */
  readonly control: number | null
  /**
   * What cannot be beaten: the least that must be done in Node, measured in the same run; or the bound itself,
   * where `target` states one that does not depend on the machine.
   */
  readonly limit: number | null
  /** Other libraries doing the same, measured in the same run. */
  readonly peers: Readonly<Record<string, number | null>>
  /** What `target` speaks of: `lockstep` against the control, or as `target` says; null: no ratio. */
  readonly ratio: number | null
  /** The goal in words, e.g. `<= 1.15 x control`. */
  readonly target: string | null
  /** Whether the goal is reached; null where there is none. */
  readonly met: boolean | null
}

export interface BenchReport {
  readonly bench: string
  readonly rows: readonly Row[]
}

export interface BenchOptions {
  /** Short rounds: shows that everything runs, the numbers are rough. */
  readonly quick: boolean
  /** Tells how far it is. */
  log(line: string): void
}

export interface Bench {
  readonly name: string
  /** Longest it may take, in ms; then the run fails. */
  readonly timeoutMs: number
  run(options: BenchOptions): Promise<readonly Row[]>
}

/** A row of which only the given fields are known. */
export function row(fields: Partial<Row> & Pick<Row, 'metric' | 'unit'>): Row {
  const { metric, unit, ...rest } = fields
  return {
    metric,
    unit,
    lockstep: null,
    control: null,
    limit: null,
    peers: {},
    ratio: null,
    target: null,
    met: null,
    ...rest,
  }
}

/** `a / b`, or null where one of them is missing. */
export function ratioOf(a: number | null | undefined, b: number | null | undefined): number | null {
  return a === null || a === undefined || b === null || b === undefined || b === 0 ? null : a / b
}
