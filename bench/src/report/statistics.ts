/** The value below which the share `q` (0..1) of the values lies, by nearest rank; NaN for none. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  const index = Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))
  return sorted[index] ?? Number.NaN
}

/** The middle value; of an even number the mean of the two in the middle; NaN for none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
  return (upper + lower) / 2
}

/** Median of what `pick` takes from each, or null for none. */
export function medianOf<T>(items: readonly T[] | undefined, pick: (item: T) => number): number | null {
  return items === undefined || items.length === 0 ? null : median(items.map(pick))
}

/**
 * Median over the rounds of `a / b`: rounds of one index ran right after each other, so what slowed the
 * machine for a while slowed both.
 */
export function pairedRatio(
  a: readonly number[] | undefined,
  b: readonly number[] | undefined,
): number | null {
  if (a === undefined || b === undefined) return null
  const ratios: number[] = []
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const numerator = a[i]
    const denominator = b[i]
    if (numerator !== undefined && denominator !== undefined && denominator > 0) {
      ratios.push(numerator / denominator)
    }
  }
  return ratios.length === 0 ? null : median(ratios)
}
