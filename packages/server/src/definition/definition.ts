import type { ChannelPattern } from '@lockstep/protocol'
import type { ExternalColumn, ExternalType } from './external.ts'

/** Who asks: whatever the application's `authenticate` returned. `id` is what `reauthorize` names. */
export interface User {
  readonly id: string | number
  readonly [claim: string]: unknown
}

/** `false`: no; `true`: yes, as audience `member`; a name: yes, as that audience. */
export type Audience = boolean | string

export interface ChannelRule {
  /**
   * Asked once per subscribe and snapshot, never per message. A throw is logged and counts as `false`, but
   * for an error of a database that is out of reach: that is no answer, and the client asks again.
   */
  authorize(request: {
    readonly user: User
    readonly channel: string
    /** Decoded parameters of the pattern, e.g. `{projectId: '1'}`. */
    readonly params: Readonly<Record<string, string>>
  }): Audience | Promise<Audience>
  /** Whether its subscribers may lock resources; they may unless this says no. @see docs/protocol.md K1 */
  readonly locks?: boolean
  /** Whether its subscribers are told who else is there. Default: no. @see docs/protocol.md N1 */
  readonly presence?: boolean
  /**
   * Whether its subscribers, or those of these audiences, may tell each other what nobody keeps: pointers, who is
   * typing. Default: nobody. @see docs/protocol.md N5
   */
  readonly broadcasts?: boolean | readonly string[]
}

export interface CollectionRule<R = unknown> {
  /** Table as SQL names it, `items` or `app.items`, or a Drizzle table. Every collection but an external one has it. */
  readonly table?: string | object
  /**
   * Instead of a table: the columns, with their types, of rows that live in another system, which publishes
   * them. Lockstep keeps them in a table of its own. @see docs/protocol.md B2
   */
  readonly external?: Readonly<Record<string, ExternalType>>
  /** Key column or columns; default `id`. */
  readonly key?: string | readonly string[]
  /**
   * Template(s) over columns that give a row's channel(s): `project/:project_id`. The same template is the
   * WHERE of the snapshot. A row with a null in it is in no such channel.
   */
  readonly channel: string | readonly string[]
  /** Columns that leave the server; or per audience. Key columns are always included. Default of an external collection: all. */
  readonly columns?: readonly string[] | Readonly<Record<string, readonly string[]>>
  /** Phantom: carries the row type to the client. */
  readonly $row?: R
}

/** An application's sync definition, made by `defineSync`; `typeof sync` types the client. */
export interface SyncDefinition<
  C extends Readonly<Record<string, CollectionRule>> = Readonly<Record<string, CollectionRule>>,
> {
  readonly channels: Readonly<Record<string, ChannelRule>>
  readonly collections: C
  /** Phantom: collection name to row type. */
  readonly $rows?: { readonly [K in keyof C]: C[K] extends CollectionRule<infer R> ? R : never }
}

// ---- compiled ---------------------------------------------------------------------------------------

/** A collection as the stages use it. Columns are numbered by `columns`. */
export interface Collection {
  readonly name: string
  readonly schema: string
  readonly table: string
  /** Every column any stage needs: key, channel parameters and all that some view shows. */
  readonly columns: readonly string[]
  /** Column numbers of the key. */
  readonly key: readonly number[]
  readonly channels: readonly CollectionChannel[]
  /** Per view number: the column numbers it shows, in order; undefined where it shows nothing. */
  readonly views: readonly (readonly number[] | undefined)[]
  /** Columns of the table that Lockstep makes for it, where it is external. */
  readonly external?: readonly ExternalColumn[]
}

export interface CollectionChannel {
  readonly template: ChannelPattern
  /** Column numbers of the template's parameters, in order of the segments. */
  readonly columns: readonly number[]
}

/**
 * A definition checked and numbered. A view is what an audience sees; audiences that see the same columns
 * everywhere share one view, so that a message is encoded once for all of them. View 0 always exists.
 */
export interface Sync {
  readonly channels: readonly { readonly pattern: ChannelPattern; readonly rule: ChannelRule }[]
  readonly collections: readonly Collection[]
  /** Number of views, at least 1. */
  readonly viewCount: number
  /** View of an audience name; undefined: the audience sees nothing. */
  viewOf(audience: string): number | undefined
  /** Changes when columns, keys, channels or views change: part of what decides the epoch. */
  readonly fingerprint: string
}
