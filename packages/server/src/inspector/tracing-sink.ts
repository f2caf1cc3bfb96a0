import type { Collection } from '../definition/definition.ts'
import type { RowEvent, SourceSink, Tuple } from '../source/source.ts'
import type { TracedCommit } from './life.ts'

/** Passes the stream on, counts the rows of each commit, and notes when it began and was decoded. */
export class TracingSink implements SourceSink {
  readonly #next: SourceSink
  readonly #now: () => number
  readonly #add: (commit: TracedCommit) => void
  #commit: TracedCommit | undefined

  constructor(next: SourceSink, now: () => number, add: (commit: TracedCommit) => void) {
    this.#next = next
    this.#now = now
    this.#add = add
  }

  begin(xid: number, lsn: number, at: number): void {
    this.#commit = {
      xid,
      lsn,
      committedAt: at,
      receivedAt: this.#now(),
      decodedAt: undefined,
      routedAt: undefined,
      encodedAt: undefined,
      request: undefined,
      writer: undefined,
      rows: new Map(),
      channels: new Map(),
      channelsUnlisted: 0,
      reset: undefined,
      writes: [],
      writesUnlisted: 0,
    }
    this.#next.begin(xid, lsn, at)
  }

  change(collection: Collection, before: Tuple | null, after: Tuple | null, event: RowEvent): void {
    const rows = this.#commit?.rows
    if (rows !== undefined) {
      let counts = rows.get(collection.name)
      if (counts === undefined) {
        counts = { create: 0, update: 0, destroy: 0 }
        rows.set(collection.name, counts)
      }
      counts[event]++
    }
    this.#next.change(collection, before, after, event)
  }

  truncate(collection: Collection): void {
    this.#next.truncate(collection)
  }

  untold(collection: Collection): void {
    this.#next.untold(collection)
  }

  message(content: string): void {
    this.#next.message(content)
  }

  commit(): void {
    if (this.#commit !== undefined) {
      this.#commit.decodedAt = this.#now()
      this.#add(this.#commit)
      this.#commit = undefined
    }
    this.#next.commit()
  }

  progress(lsn: number): void {
    this.#next.progress(lsn)
  }

  epoch(epoch: string, lsn: number): void {
    this.#commit = undefined
    this.#next.epoch(epoch, lsn)
  }
}
