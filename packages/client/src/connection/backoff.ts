/** The longest wait before the first try after a connection that had held; short, but not all at once. */
export const fastRetryMs = 100
/** The longest wait before the second try; it grows with every further one. */
export const retryBaseMs = 500
/**
 * By how much: a session that is gone after 10 s comes back in time from
 * a break of half of that. Doubling, one in four would have slept over it.
 */
const retryGrowth = 1.3
/** The longest wait between two tries. */
export const retryMaxMs = 15_000

/**
 * How long to wait before the next try, in ms: anything up to a bound that grows with each failure, so
 * that clients which were cut off together don't come back together.
 * @param failures how many tries have failed in a row, 0 for none
 * @param random evenly spread over 0 to 1
 */
export function backoffMs(failures: number, random: number): number {
  return (
    random *
    (failures === 0 ? fastRetryMs : Math.min(retryMaxMs, retryBaseMs * retryGrowth ** (failures - 1)))
  )
}
