import type { Row } from './database.ts'
import type { Shape } from './table.ts'

export type Change =
  | {
      readonly kind: 'insert' | 'update' | 'delete'
      readonly shape: Shape
      readonly before: Row | undefined
      readonly after: Row | undefined
      /** Columns that the record does not tell, because their values stand apart and were left alone. */
      readonly kept: ReadonlySet<string>
    }
  | { readonly kind: 'truncate'; readonly shape: Shape }
  | { readonly kind: 'message'; readonly content: string; readonly end: number }

/** What the stream is made of, by the LSN where it starts. */
export type WalRecord = CommitRecord | MarkRecord

export interface CommitRecord {
  readonly kind: 'commit'
  readonly xid: number
  /** Where the transaction's first record starts: who decodes it needs the WAL from there. */
  readonly first: number
  readonly start: number
  readonly end: number
  /** ms since 1970 */
  readonly at: number
  readonly changes: readonly Change[]
  readonly note: unknown
}

/** A message outside of transactions. */
export interface MarkRecord {
  readonly kind: 'mark'
  readonly start: number
  readonly end: number
  readonly prefix: string
  readonly content: string
}

const alignBytes = 8

/** The log: positions in bytes, what of it is durable, and the records that a stream tells. */
export class Wal {
  /** Where the next record starts. */
  inserted: number
  /** Everything before is durable. */
  flushed: number
  #records: WalRecord[] = []
  /** Positions of xids' first records that are not durable yet. */
  #xids: { readonly lsn: number; readonly xid: number }[] = []
  /** Last xid that durable WAL tells of. */
  durableXid: number
  readonly #onFlush: (records: readonly WalRecord[]) => void

  constructor(lsn: number, lastXid: number, onFlush: (records: readonly WalRecord[]) => void) {
    this.inserted = lsn
    this.flushed = lsn
    this.durableXid = lastXid
    this.#onFlush = onFlush
  }

  /** A record that no stream tells. @returns where it starts and ends. */
  append(bytes: number, xid?: number): { start: number; end: number } {
    const start = this.inserted
    this.inserted += Math.ceil(bytes / alignBytes) * alignBytes
    if (xid !== undefined) this.#xids.push({ lsn: start, xid })
    return { start, end: this.inserted }
  }

  tell(record: WalRecord): void {
    this.#records.push(record)
  }

  /** Makes everything before `lsn` durable. */
  flush(lsn: number): void {
    if (lsn <= this.flushed) return
    const before = this.flushed
    this.flushed = lsn
    while (this.#xids[0] !== undefined && this.#xids[0].lsn < lsn) {
      const { xid } = this.#xids[0]
      if (((xid - this.durableXid) | 0) > 0) this.durableXid = xid
      this.#xids.shift()
    }
    this.#onFlush(this.durableFrom(before))
  }

  /** Durable records that start at `lsn` or later. */
  durableFrom(lsn: number): readonly WalRecord[] {
    const records: WalRecord[] = []
    // Little is looked for, and it stands at the end.
    for (let i = this.#records.length - 1; i >= 0; i--) {
      const record = this.#records[i]
      if (record === undefined || record.start < lsn) break
      if (record.end <= this.flushed) records.push(record)
    }
    return records.reverse()
  }

  /** First record of any transaction that a stream from `lsn` tells. */
  oldestNeeded(lsn: number): number {
    let oldest = lsn
    for (const record of this.#records)
      if (record.kind === 'commit' && record.start >= lsn) oldest = Math.min(oldest, record.first)
    return oldest
  }

  /** Records that no stream needs any more. */
  forget(lsn: number): void {
    const keep = this.#records.findIndex(({ start }) => start >= lsn)
    if (keep !== 0) this.#records.splice(0, keep === -1 ? this.#records.length : keep)
  }

  /** What was not durable is gone; its place is used again. */
  crash(): void {
    this.#records = this.#records.filter(({ end }) => end <= this.flushed)
    this.#xids = []
    this.inserted = this.flushed
  }

  /** Back to an earlier time. */
  goBack(lsn: number, lastXid: number): void {
    this.#records = this.#records.filter(({ end }) => end <= lsn)
    this.#xids = []
    this.inserted = lsn
    this.flushed = lsn
    this.durableXid = lastXid
  }
}
