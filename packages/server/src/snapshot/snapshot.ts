import type { Collection } from '../definition/definition.ts'
import type { Visibility } from '../source/visibility.ts'

/** Reads a channel's rows from the database, with all that is needed to place them in WAL order. */
export interface SnapshotReader {
  /**
   * One REPEATABLE READ READ ONLY transaction over all collections of the channel, read in batches.
   * @throws LockstepError `unavailable` when the database is out of reach.
   */
  read(parts: readonly SnapshotPart[]): Promise<SnapshotRead>
}

/** One collection's share of a channel: rows where the channel columns have these texts. */
export interface SnapshotPart {
  readonly collection: Collection
  /** Column numbers to read, in order: those that the view shows. */
  readonly columns: readonly number[]
  /** Which rows: alternatives (several templates may give the same channel), each a set of column = text. */
  readonly where: readonly (readonly { readonly column: number; readonly text: string }[])[]
}

export interface SnapshotRead {
  /** What was visible. */
  readonly visibility: Visibility
  /** Per part, in order: rows as key text and the JSON text of each column. Ordered by key. */
  readonly rows: readonly (readonly SnapshotRow[])[]
}

export interface SnapshotRow {
  readonly key: string
  /** JSON texts, in the order of the part's `columns`. */
  readonly values: readonly string[]
}
