/** Transactions remembered after their entries are gone. */
const remembered = 4096

/**
 * The last transactions that lost an entry. A snapshot must not be cut where one of them may be invisible
 * to it: Postgres sends a commit before it makes it visible. That takes well under a millisecond unless
 * the commit waits for a synchronous standby, so the last few thousands are enough.
 */
export class TrimmedXids {
  #xids: number[] = []
  #next = 0
  #last: number | undefined

  add(xid: number): void {
    if (xid === this.#last) return
    this.#last = xid
    this.#xids[this.#next] = xid
    this.#next = (this.#next + 1) % remembered
  }

  list(): readonly number[] {
    return this.#xids.slice()
  }

  clear(): void {
    this.#xids = []
    this.#next = 0
    this.#last = undefined
  }
}
