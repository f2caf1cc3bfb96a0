/** More reads within a millisecond are dense. A commit of a few rows is fewer, and is never made to wait. */
const readsPerMsMax = 32
/** A read of less, after bytes had time to gather, ends it. */
const gatheredBytesMin = 4_096

/**
 * Tells whether bytes come so fast that it is cheaper to let them gather. Postgres sends every row on its own:
 * a reader that keeps up would be woken for each, and that costs more than all that is done for the row.
 * While little comes, every read is made at once.
 */
export class ReadPace {
  readonly #readBytes: number
  #atMs = 0
  #reads = 0
  #dense = false

  /** `readBytes`: what one read can take; where it took that much, there is more already. */
  constructor(readBytes: number) {
    this.#readBytes = readBytes
  }

  /** Takes note of a read. @returns whether the next one should wait. */
  isDense(bytes: number, nowMs: number): boolean {
    if (this.#dense) this.#dense = bytes >= gatheredBytesMin
    else {
      if (nowMs !== this.#atMs) this.#reads = 0
      this.#atMs = nowMs
      this.#dense = ++this.#reads > readsPerMsMax
    }
    return this.#dense && bytes < this.#readBytes
  }
}
