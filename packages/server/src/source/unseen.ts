/** Commits remembered between two looks. Where more come, the database is not held up by one that waits. */
const rememberedMax = 65_536

/**
 * Commits that came out of the stream and are not visible yet: Postgres sends a commit before it makes it visible,
 * and between the two it may wait, for a synchronous standby that is away, as long as that is.
 */
export class Unseen {
  readonly #xids = new Uint32Array(rememberedMax)
  readonly #lsns = new Float64Array(rememberedMax)
  /** Since the last look. */
  #count = 0
  /** Invisible at the last look, with their LSNs. */
  #waiting = new Map<number, number>()

  given(xid: number, lsn: number): void {
    const place = this.#count++ % rememberedMax
    this.#xids[place] = xid
    this.#lsns[place] = lsn
  }

  /** Takes what is visible now. @returns LSN of the first that is not; infinite where all are */
  look(isVisible: (xid: number) => boolean): number {
    const waiting = new Map<number, number>()
    for (const [xid, lsn] of this.#waiting) if (!isVisible(xid)) waiting.set(xid, lsn)
    for (let i = 0; i < Math.min(this.#count, rememberedMax); i++) {
      const xid = this.#xids[i] ?? 0
      if (!isVisible(xid)) waiting.set(xid, this.#lsns[i] ?? 0)
    }
    this.#count = 0
    this.#waiting = waiting
    return Math.min(...waiting.values())
  }
}
