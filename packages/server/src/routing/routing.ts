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
   * Per view number: JSON text, as UTF-8, of the message's `changes` object (`{"items":{"create":{...}}}`),
   * in pieces that follow each other; or undefined where the view sees no change. The memory is the
   * router's: it is used again once the bus has taken the entry.
   */
  readonly views: readonly (readonly Buffer[] | undefined)[]
  /** JSON text of the `operations` array, where there are any. */
  readonly operations?: string
  /** Rows cannot be told as changes: subscribers get a snapshot. */
  readonly reset?: ResetReason
}
