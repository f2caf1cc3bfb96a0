import type { Json, ResetReason, WireError } from '@lockstep/protocol'
import type { Collection } from '../collection/collection.ts'
import type { WriteRequest } from '../writes/writes.ts'

/** How it stands with a channel. */
export type ChannelStatus =
  /** Nobody needs it, and there are no rows; or the client was closed. */
  | { readonly state: 'idle' }
  /** Asked for, or being brought up to date; rows that were there stay on show. */
  | { readonly state: 'subscribing' }
  /** `reset`: why the rows were replaced this time, where they could not be continued. */
  | { readonly state: 'live'; readonly reset?: ResetReason | undefined }
  /** The session may no longer see it. The rows are gone. */
  | { readonly state: 'revoked' }
  /** The server said no. The rows, if there were some, are gone. */
  | { readonly state: 'refused'; readonly error: WireError }

export interface OperationContext {
  readonly operation: string
  readonly channel: string
  /** The session that wrote it, where it is known; never this one. */
  readonly session: string | undefined
  /** Time of the commit, in ms since 1970. */
  readonly at: number
}

export type OperationListener = (envelope: Json, context: OperationContext) => void

/** A named stream of transactions and the rows it brought. `Rows` maps collection names to row types. */
export interface Channel<Rows> {
  readonly name: string
  readonly status: ChannelStatus
  /**
   * Resolves when the channel is live for the first time; rejects when it is refused, revoked or left, and with the code
   * `closed` where the client was closed, then or before.
   */
  readonly ready: Promise<void>
  /** The same object for the same name, always. */
  collection<Name extends keyof Rows & string>(name: Name): Collection<RowOf<Rows[Name]>>
  /** Needs the channel until the returned function is called, and a little longer (`lingerMs`). */
  subscribe(): () => void
  onStatus(listener: (status: ChannelStatus) => void): () => void
  /** Told after the rows of the operation's transaction have been applied. Not told of own operations. */
  on(operation: string, listener: OperationListener): () => void
  /** Any write of one's own API: one request, optimistic if wished. As `Collection.create` in all else. */
  write(request: WriteRequest): Promise<Json | undefined>
  /** Gives up what `client.channel(name)` began. */
  leave(): void
}

/** Row type of a collection; rows of JSON where the definition says nothing. */
export type RowOf<R> = unknown extends R ? Readonly<Record<string, Json>> : R extends object ? R : never

/** Collections as properties of the channel, except those that bear the name of one of its own. */
export type ChannelOf<Rows> = Channel<Rows> & {
  readonly [Name in Exclude<keyof Rows & string, keyof Channel<Rows>>]: Collection<RowOf<Rows[Name]>>
}
