import type { Json, ResetReason } from '@lockstep/protocol'

/** A key as applications write it: of several columns, in the order of the key. 17 and '17' are one key. */
export type Key = string | number | readonly (string | number)[]

/** Who caused a change. */
export type Origin =
  /** Another session's commit. */
  | 'remote'
  /** This session's own write: when it is shown at once, and when the server's row takes its place. */
  | 'local'
  /** A snapshot replaced the rows, or the channel was left. */
  | 'reset'
  /** The session may no longer see the channel: its rows are gone from here, not destroyed. */
  | 'revoked'
  /** An own write was refused and is taken back. */
  | 'refused'

/** What one transaction (or one optimistic change) did to the rows one sees. Keys are texts. */
export interface Changes {
  readonly created: readonly string[]
  readonly updated: readonly string[]
  readonly destroyed: readonly string[]
  readonly origin: Origin
  /** Why a snapshot was needed, where the server gave a reason. */
  readonly reset?: ResetReason | undefined
}

/**
 * The rows of one collection in one channel: what the server confirmed, with the own pending writes on top.
 * Rows are frozen; a row that did not change stays the same object. Listeners are told after the whole
 * transaction has been applied to every collection.
 */
export interface Collection<R extends object> {
  readonly name: string
  readonly size: number
  get(key: Key): R | undefined
  has(key: Key): boolean
  /** All rows in no particular order. The same array until something changes. */
  all(): readonly R[]
  /** The rows the page came with, for a first render that equals the server's. */
  initial(): readonly R[]
  initialRow(key: Key): R | undefined
  /** Text of a row's key, as in `Changes`. */
  keyOf(row: R): string
  /** Returns what ends it. */
  subscribe(listener: (changes: Changes) => void): () => void
  /** Told when this row is created, updated or destroyed. */
  subscribeRow(key: Key, listener: (row: R | undefined) => void): () => void
  /**
   * Shown at once, sent in one HTTP request. Resolves with the reply's JSON when the server has said yes and
   * the effect has come back through the stream. Without a key the row shows under `tmp:<mutation>` until then.
   * @throws WriteError when it was refused or the server could not be reached; it is then taken back.
   */
  create(attributes: Partial<R>): Promise<Json | undefined>
  /** As `create`. Requests for one row are sent one after the other, in order. */
  update(key: Key, attributes: Partial<R>): Promise<Json | undefined>
  /** As `update`. */
  destroy(key: Key): Promise<Json | undefined>
}
