import type { ResetReason } from '@lockstep/protocol'

/** One commit after routing: plain data that a bus can carry between nodes. */
export interface RoutedTransaction {
  readonly xid: number
  readonly lsn: number
  /** Time of the commit, ms since 1970. */
  readonly at: number
  /** Session and mutation of the writer, where `server.write` or the application's SQL told them. */
  readonly session?: string
  readonly mutation?: string
  readonly channels: readonly RoutedChannel[]
}

export interface RoutedChannel {
  readonly channel: string
  /**
   * Per view number: JSON text of the message's `changes` object (`{"items":{"create":{...}}}`), or
   * undefined where the view sees no change.
   */
  readonly views: readonly (string | undefined)[]
  /** JSON text of the `operations` array, where there are any. */
  readonly operations?: string
  /** Rows cannot be told as changes: subscribers get a snapshot. */
  readonly reset?: ResetReason
}
