/** The longest wait before the first try after a connection that had held; short, but not all at once. */
export const fastRetryMs = 100
/** The longest wait before the second try; it doubles with every further one. */
export const retryBaseMs = 250
/** The longest wait between two tries. */
export const retryMaxMs = 15_000

/**
 * How long to wait before the next try, in ms: anything up to a bound that doubles with each failure, so
 * that clients which were cut off together don't come back together.
 * @param failures how many tries have failed in a row, 0 for none
 * @param random evenly spread over 0 to 1
 */
export function backoffMs(failures: number, random: number): number {
  return random * (failures === 0 ? fastRetryMs : Math.min(retryMaxMs, retryBaseMs * 2 ** (failures - 1)))
}
