import type { ChannelPattern, ResetReason } from '@lockstep/protocol'
import type { RoutedTransaction } from '../routing/routing.ts'

/**
 * Carries the routed stream from the node that holds the slot to every node's log, in order. No two
 * entries but `progress` have the same LSN within an epoch; LSNs rise.
 */
export interface Bus {
  /**
   * Takes an entry. Once it resolves, the entry outlives the process as far as this bus can. The bytes in it
   * hold until then, or until the call returns where it gives no promise.
   */
  append(entry: BusEntry): void | Promise<void>
  /** Gives every entry to `reader`, in order, from now on. Its bytes hold during the call. */
  subscribe(reader: (entry: BusEntry) => void): void
  close(): Promise<void>
}

export type BusEntry =
  | { readonly kind: 'transaction'; readonly transaction: RoutedTransaction }
  /** Nothing was committed up to `lsn`. */
  | { readonly kind: 'progress'; readonly lsn: number }
  /** The log starts anew. */
  | { readonly kind: 'epoch'; readonly epoch: string; readonly lsn: number }
  /**
   * Channels must be read anew: every one, e.g. where a transaction touched too many of them, or those in
   * `scope`, e.g. where a table was truncated. The transaction's xid and writer.
   */
  | {
      readonly kind: 'reset'
      readonly lsn: number
      readonly reason: ResetReason
      readonly xid?: number
      readonly session?: string
      readonly mutation?: string
      readonly scope?: ResetScope
    }

/** The channels that match a template, and those named. */
export interface ResetScope {
  readonly templates: readonly ChannelPattern[]
  readonly channels: readonly string[]
}
