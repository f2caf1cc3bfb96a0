import type { ResetReason } from '@lockstep/protocol'
import type { Frame } from './frame.ts'
import type { LogEntry, LogRange } from './log.ts'

/** What an entry costs beside its frame: object, links, Buffer, and its share of the window; measured. */
const entryBytes = 600

/** An entry as the log holds it: in its window, and in the list of all entries from oldest to newest. */
export class HeldEntry implements LogEntry {
  readonly xid: number
  readonly lsn: number
  readonly frame: Frame | undefined
  readonly reset?: ResetReason
  readonly bytes: number
  readonly appendedAt: number
  /** The window, while the entry is in the list of all entries. */
  window: Window | undefined
  older: HeldEntry | undefined
  newer: HeldEntry | undefined

  constructor(
    window: Window,
    fields: {
      xid: number
      lsn: number
      frame: Frame | undefined
      reset: ResetReason | undefined
      appendedAt: number
    },
  ) {
    this.window = window
    this.xid = fields.xid
    this.lsn = fields.lsn
    this.frame = fields.frame
    if (fields.reset !== undefined) this.reset = fields.reset
    this.bytes = entryBytes + (fields.frame?.length ?? 0)
    this.appendedAt = fields.appendedAt
  }
}

/** Recent entries of one channel and view. */
export class Window {
  readonly channel: string
  /** Positions from here on can be continued. */
  trimmedLsn: number
  /** LSN of the newest entry, or `trimmedLsn`. */
  lastLsn: number
  bytes = 0
  /** Bytes at the front that are out of their time and kept only by a pin. */
  overdue = 0
  #reset: { readonly lsn: number; readonly reason: ResetReason } | undefined
  /** Entries before `#start` are gone; the array is moved up now and then. */
  #entries: (HeldEntry | undefined)[] = []
  #start = 0

  constructor(channel: string, floor: number) {
    this.channel = channel
    this.trimmedLsn = floor
    this.lastLsn = floor
  }

  get size(): number {
    return this.#entries.length - this.#start
  }

  get oldest(): HeldEntry | undefined {
    return this.#entries[this.#start]
  }

  push(entry: HeldEntry): void {
    this.#entries.push(entry)
    this.bytes += entry.bytes
    this.lastLsn = entry.lsn
    if (entry.reset !== undefined) this.#reset = { lsn: entry.lsn, reason: entry.reset }
  }

  /** Positions before `lsn` cannot be continued. */
  voidBefore(lsn: number, reason: ResetReason): void {
    if (this.#reset === undefined || this.#reset.lsn < lsn) this.#reset = { lsn, reason }
  }

  shift(): HeldEntry | undefined {
    const entry = this.#entries[this.#start]
    if (entry === undefined) return undefined
    this.#entries[this.#start++] = undefined
    if (this.#start > 32 && this.#start * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#start)
      this.#start = 0
    }
    this.bytes -= entry.bytes
    this.trimmedLsn = entry.lsn
    return entry
  }

  all(): readonly LogEntry[] {
    return this.#between(this.#start, this.#entries.length)
  }

  /** Entries after `from`, which is at or after `trimmedLsn`. */
  read(from: number, bytesMax: number): LogRange | { readonly reset: ResetReason } {
    if (this.#reset !== undefined && from < this.#reset.lsn) return { reset: this.#reset.reason }
    const first = this.#firstAfter(from)
    let end = first
    for (let bytes = 0; end < this.#entries.length; end++) {
      bytes += this.#entries[end]?.bytes ?? 0
      if (bytes > bytesMax && end > first) break
    }
    return { entries: this.#between(first, end), more: end < this.#entries.length }
  }

  /** Index of the first entry with a greater LSN, by halving. */
  #firstAfter(lsn: number): number {
    let low = this.#start
    let high = this.#entries.length
    if (lsn >= this.lastLsn) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#entries[middle]?.lsn ?? 0) > lsn) high = middle
      else low = middle + 1
    }
    return low
  }

  #between(first: number, end: number): readonly LogEntry[] {
    return this.#entries.slice(first, end).filter((entry) => entry !== undefined)
  }
}
