import type { Position, ResetReason } from '@lockstep/protocol'
import type { BusEntry, ResetScope } from '../bus/bus.ts'
import type { Frame } from './frame.ts'

export type { ResetScope }

/**
 * The ordered, bounded, in-memory window of recent transactions per (channel, view). Entries are encoded
 * and framed once, when they are appended.
 */
export interface Log {
  /** Takes the next entry of the bus and tells the reader what came of it. */
  append(entry: BusEntry): void
  /** Everything up to here has been appended. */
  readonly position: Position
  /**
   * Entries of a channel after `from`, oldest first, at most `bytesMax` of them (at least one); or why
   * that cannot be told. A position at or beyond the window's start that is not beyond `position` can always be continued.
   */
  read(
    channel: string,
    view: number,
    from: Position,
    bytesMax?: number,
  ): LogRange | { readonly reset: ResetReason }
  /** LSN of the channel's newest entry of the view, or of what was before the window. */
  last(channel: string, view: number): number
  /** Keeps a channel's entries from being trimmed until released; used while a snapshot is cut. */
  pin(channel: string): LogPin
  /** Entries held, for operators and bounds. */
  status(): LogStatus
  onAppend(reader: LogReader): void
}

/** Hold on a channel's windows. It is bounded too: a channel that outgrows it is trimmed all the same. */
export interface LogPin {
  /**
   * Entries held of the view, oldest first, also those from before the pin. Undefined: something was
   * trimmed or made void since the pin was set.
   */
  entries(view: number): readonly LogEntry[] | undefined
  /** Xids of the last transactions, of any channel, that had been trimmed when the pin was set. */
  readonly trimmedXids: readonly number[]
  release(): void
}

export interface LogRange {
  readonly entries: readonly LogEntry[]
  /** Whether entries after these exist. */
  readonly more: boolean
}

export interface LogEntry {
  readonly xid: number
  readonly lsn: number
  /** The transaction message. Undefined: the rows cannot be told as changes, take a snapshot. */
  readonly frame: Frame | undefined
  readonly reset?: ResetReason
  readonly bytes: number
  /** When it was appended here, ms since 1970: the window's time bound. */
  readonly appendedAt: number
}

export interface LogReader {
  /**
   * A transaction was appended: per channel and view what to deliver. `session` and `mutation` name the
   * writer. Channels where nothing is visible to any view are not listed; the call comes all the same.
   */
  transaction(lsn: number, deliveries: readonly Delivery[], writer: Writer | undefined): void
  progress(lsn: number): void
  /** All positions are void; clients start anew. */
  epoch(position: Position): void
  /** Channels need a snapshot: every one, or those in the scope. */
  reset(lsn: number, reason: ResetReason, scope?: ResetScope): void
}

export interface Delivery {
  readonly channel: string
  readonly view: number
  readonly entry: LogEntry
}

export interface Writer {
  readonly session: string
  readonly mutation: string | undefined
}

export interface LogStatus {
  readonly channels: number
  readonly entries: number
  readonly bytes: number
}
