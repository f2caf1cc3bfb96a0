/**
 * Decides how far the slot may move on: to what was given `retentionMs` ago, so that a restarted server
 * reads the recent past again. Holds at most `marksMax` marks.
 */
export class Acknowledger {
  readonly #retentionMs: number
  readonly #marks: { at: number; lsn: number }[] = []
  #acknowledged: number
  #held = Number.POSITIVE_INFINITY

  constructor(retentionMs: number, from: number) {
    this.#retentionMs = retentionMs
    this.#acknowledged = from
  }

  /** Everything before `lsn` has been given by `now`. */
  given(lsn: number, now: number): void {
    const last = this.#marks.at(-1)
    if (last === undefined) this.#marks.push({ at: now, lsn })
    else if (lsn <= last.lsn) return
    else if (now - last.at >= this.#retentionMs / marksMax) {
      // While it is held there would be ever more.
      if (this.#marks.length > marksMax) this.#marks.pop()
      this.#marks.push({ at: now, lsn })
    } else if (last.at === now) last.lsn = lsn
    // Otherwise the next mark tells; until then a little less is acknowledged.
  }

  /** Nothing that starts at `lsn` or later is acknowledged from now on, until this is called again. */
  hold(lsn: number): void {
    this.#held = lsn
  }

  /** Gives up the retention for what was given so far: the database needs the room. */
  hurry(): void {
    const last = this.#marks.at(-1)
    this.#marks.length = 0
    if (last !== undefined) this.#acknowledged = Math.max(this.#acknowledged, Math.min(last.lsn, this.#held))
  }

  /** LSN before which the slot may forget. Never falls. */
  acknowledge(now: number): number {
    for (;;) {
      const first = this.#marks[0]
      if (first === undefined || now - first.at < this.#retentionMs || first.lsn > this.#held)
        return this.#acknowledged
      this.#acknowledged = Math.max(this.#acknowledged, first.lsn)
      this.#marks.shift()
    }
  }
}

const marksMax = 60
