import type { WireError } from './errors.ts'
import type {
  AnswerRequest,
  Asked,
  CurrentLocks,
  LockChanges,
  Locked,
  LockRequest,
  UnlockRequest,
} from './lock-messages.ts'
import type { WirePosition } from './position.ts'
import type {
  Broadcast,
  BroadcastRequest,
  ConnectedUsers,
  PresenceChanges,
  PresenceRequest,
} from './presence-messages.ts'

/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/** A row as clients see it: column name to JSON value. */
export type Row = Readonly<Record<string, Json>>

// ---- client to server -------------------------------------------------------------------------------

/** First message on every connection. Subscribes may follow without waiting. @see docs/protocol.md M1 */
export interface Hello {
  readonly type: 'hello'
  readonly version: number
  readonly token: string
}

/**
 * Asks for a channel; with `position` to go on from there, without for a snapshot. `id` is the client's
 * number for the request, named in an error reply. @see docs/protocol.md M2
 */
export interface Subscribe {
  readonly type: 'subscribe'
  readonly id: number
  readonly channel: string
  readonly position?: WirePosition
  /** `view` of the snapshot that the client's rows began with. */
  readonly view?: number
}

export interface Unsubscribe {
  readonly type: 'unsubscribe'
  readonly id: number
  readonly channel: string
}

/** Asks to be told when everything committed before now has been delivered. @see docs/protocol.md M3 */
export interface BarrierRequest {
  readonly type: 'barrier'
  readonly id: number
}

/** Asks to be told the states of a channel beside its rows once more. @see docs/protocol.md K1 */
export interface LookRequest {
  readonly type: 'look'
  readonly id: number
  readonly channel: string
}

export type ClientMessage =
  | Hello
  | Subscribe
  | Unsubscribe
  | BarrierRequest
  | LookRequest
  | LockRequest
  | UnlockRequest
  | AnswerRequest
  | PresenceRequest
  | BroadcastRequest

// ---- server to client -------------------------------------------------------------------------------

/** Answer to `hello`. The token is fresh and replaces the one that was sent. */
export interface Welcome {
  readonly type: 'welcome'
  readonly session: string
  /**
   * Whether the session goes on. Otherwise it begins anew: what a server knew of one with this id is gone,
   * because it was away for too long, or the server is another one.
   */
  readonly restored: boolean
  readonly token: string
  /** A client that hears nothing for twice this time closes the connection and comes back. */
  readonly heartbeatMs: number
}

/** A fresh token, sent before the old one expires. */
export interface TokenMessage {
  readonly type: 'token'
  readonly token: string
}

/**
 * The subscription is granted. What follows for this channel, in order: `reset` where the position could
 * not be continued, `snapshot` unless it could, `transaction`s, and `live`. A client applies all of it at
 * once when `live` comes. @see docs/protocol.md M4
 */
export interface Subscribed {
  readonly type: 'subscribed'
  readonly id: number
  readonly channel: string
}

/** Why rows are replaced by a snapshot instead of continued. @see docs/protocol.md R1 */
export type ResetReason =
  /** The position is older than the log's window. */
  | 'trimmed'
  /** The log could not be continued: slot lost, database restored, definition changed. */
  | 'epoch'
  /** The position lies beyond the log's end. */
  | 'future'
  /** The client read slower than the log's window. */
  | 'slow'
  /** A table was truncated. */
  | 'truncated'
  /** A transaction was larger than a message may be. */
  | 'too_large'
  /** The subscriber's audience changed. */
  | 'audience'

export interface Reset {
  readonly type: 'reset'
  readonly channel: string
  readonly reason: ResetReason
}

/** The rows of one collection: column names once, then one array per row. */
export interface SnapshotRows {
  readonly columns: readonly string[]
  /** Indices into `columns` of the key's columns. */
  readonly key: readonly number[]
  readonly rows: readonly (readonly Json[])[]
}

/** The rows of a channel at exactly `position`. */
export interface Snapshot {
  readonly type: 'snapshot'
  readonly channel: string
  readonly position: WirePosition
  /**
   * Which columns it shows, as a number to be given back with the position (M2); left out by servers whose
   * audiences all see the same.
   */
  readonly view?: number
  readonly collections: Readonly<Record<string, SnapshotRows>>
}

/** Net effect of one commit on one collection: at most one of the three for each key. */
export interface CollectionChanges {
  /** Key to the whole row. A key that exists is replaced. */
  readonly create?: Readonly<Record<string, Row>>
  /** Key to the columns that changed. */
  readonly update?: Readonly<Record<string, Row>>
  /** Keys that are gone from the channel. */
  readonly destroy?: readonly string[]
}

export interface Operation {
  readonly operation: string
  readonly envelope: Json
}

/**
 * What one commit did to one channel, as its audience may see it. `prev` is the position of the message
 * before it in this channel, or has the LSN 0 where the log has forgotten that. Where `prev` is beyond the
 * client's position there is a hole (G2); where `position` is not beyond it, the message is a repetition (G3).
 */
export interface TransactionMessage {
  readonly type: 'transaction'
  readonly channel: string
  readonly position: WirePosition
  readonly prev: WirePosition
  /** Time of the commit, in ms since 1970. */
  readonly at: number
  readonly changes: Readonly<Record<string, CollectionChanges>>
  readonly operations?: readonly Operation[]
  /** Session that wrote it, where it is known. */
  readonly session?: string
  /** The writer's id of the mutation, where it gave one. */
  readonly mutation?: string
}

/** The next `count` transaction messages are one commit and are applied together (G5). */
export interface Bundle {
  readonly type: 'bundle'
  readonly count: number
}

/**
 * Operations that the application has for this session alone, as its answer to the subscribe; of no commit,
 * and in no log. @see docs/protocol.md M13
 */
export interface Operations {
  readonly type: 'operations'
  readonly channel: string
  /** ms since 1970 */
  readonly at: number
  readonly operations: readonly Operation[]
  /** Fields of a transaction, none of which it has. */
  readonly changes?: undefined
  readonly session?: undefined
  readonly mutation?: undefined
}

/** Everything of this channel up to `position` has been sent. */
export interface Live {
  readonly type: 'live'
  readonly channel: string
  readonly position: WirePosition
}

/** The session's own mutation has passed through the stream, with or without visible effect (G6). */
export interface Confirmed {
  readonly type: 'confirmed'
  readonly mutation: string
  readonly position: WirePosition
}

/** Every live subscription of this connection has been sent everything up to `position`. */
export interface Heartbeat {
  readonly type: 'heartbeat'
  readonly position: WirePosition
}

/** Answer to `barrier`: everything committed before it was asked has been sent. */
export interface BarrierReply {
  readonly type: 'barrier'
  readonly id: number
  readonly position: WirePosition
}

/** Answer to a request that has nothing else to say. */
export interface Done {
  readonly type: 'done'
  readonly id: number
}

/** The session may no longer see the channel: its rows must go from the screen. */
export interface Revoked {
  readonly type: 'revoked'
  readonly channel: string
}

/** The server closes on purpose; come back after about `retryMs`. */
export interface Goodbye {
  readonly type: 'goodbye'
  readonly retryMs: number
}

/** A request failed. `id` names it where there was one; the connection stays open. */
export interface ErrorMessage {
  readonly type: 'error'
  readonly id?: number
  readonly channel?: string
  readonly error: WireError
}

export type ServerMessage =
  | Welcome
  | TokenMessage
  | Subscribed
  | Reset
  | Snapshot
  | TransactionMessage
  | Bundle
  | Operations
  | Live
  | Confirmed
  | Heartbeat
  | BarrierReply
  | CurrentLocks
  | LockChanges
  | Locked
  | Done
  | Asked
  | ConnectedUsers
  | PresenceChanges
  | Broadcast
  | Revoked
  | Goodbye
  | ErrorMessage
