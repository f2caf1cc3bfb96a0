import type { Collection } from '../definition/definition.ts'
import type { JsonBytes } from './json-bytes.ts'

/**
 * A source gives committed transactions in commit order, each exactly once per start, beginning at most
 * `retentionMs` before what it gave last (so that clients can resume across a restart).
 */
export interface Source {
  /** Resolves when the stream flows. @throws SetupError naming what to do. */
  start(sink: SourceSink, downstream?: Downstream): Promise<void>
  /** Resolves with an LSN L when everything committed before the call has been given to the sink. */
  barrier(): Promise<number>
  /** Facts for operators. */
  status(): SourceStatus
  close(): Promise<void>
}

/** What becomes of what the sink was given. Without it all is taken at once. */
export interface Downstream {
  /** Everything up to this LSN outlives the process, or may be forgotten: so much may be acknowledged. */
  readonly takenLsn: number
  /** Whether so much waits that the source should hold back. */
  readonly full: boolean
  whenRoom(): Promise<void>
}

export interface SourceStatus {
  readonly connected: boolean
  /** LSN up to which the stream was read. */
  readonly lsn: number
  /** WAL that the slot holds back, in bytes, at the last look; undefined before the first. */
  readonly retainedBytes: number | undefined
}

/**
 * Takes the stream, call by call: `begin`, any of `change` `truncate` `message`, `commit`. Calls are
 * synchronous; tuples are only valid during the call (they are views of the network buffer).
 */
export interface SourceSink {
  /**
   * `lsn` names the commit; it is greater than every LSN told before, also by `progress`, `epoch` and
   * `barrier()`. A commit record may begin exactly at the byte where all that came before ended: so where
   * commits are told by the start of their record, ends must be told as `end - 1`, or a client at that
   * position would take the commit for a repetition. `at` is the time of the commit, ms since 1970.
   */
  begin(xid: number, lsn: number, at: number): void
  /**
   * Create: `before` is null. Destroy: `after` is null. Update: `before` may be null (replica identity by
   * index, key unchanged), which is why `event` is told beside them.
   */
  change(collection: Collection, before: Tuple | null, after: Tuple | null, event: RowEvent): void
  truncate(collection: Collection): void
  /**
   * A row of the collection changed in a way that cannot be told: its old version does not tell key and
   * channels, or a value is too long.
   */
  untold(collection: Collection): void
  /** Content of `pg_logical_emit_message(true, 'lockstep', content)`. */
  message(content: string): void
  commit(): void
  /** Nothing was committed between the last commit and `lsn`. */
  progress(lsn: number): void
  /** The log starts anew under this epoch. Called once before the first transaction, and on slot loss. */
  epoch(epoch: string, lsn: number): void
}

export type RowEvent = 'create' | 'update' | 'destroy'

/** One row version, columns numbered as in its Collection. */
export interface Tuple {
  /** Whether this version holds the column's value: false for an unchanged TOASTed value, or a column outside the identity of an old tuple. */
  has(column: number): boolean
  isNull(column: number): boolean
  /** Postgres' own text of the value; null for NULL. */
  text(column: number): string | null
  /** The JSON value as text, as keys of rows have it; null for NULL. @see docs/protocol.md P5 */
  keyText(column: number): string | null
  /** The value as JSON text, `null` for NULL. */
  json(column: number): string
  /** Writes what `json` gives; nothing, and returns false, where this version does not hold the column. */
  write(column: number, to: JsonBytes): boolean
  /** Whether both hold the column and their bytes are equal. */
  same(other: Tuple, column: number): boolean
}
