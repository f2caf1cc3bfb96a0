import type { Json } from './messages.ts'

// ---- client to server -------------------------------------------------------------------------------

/** What this session says of itself to the channel's subscribers, in place of what it said before. */
export interface PresenceRequest {
  readonly type: 'presence'
  readonly id: number
  readonly channel: string
  readonly state: Json
}

/** Something for the channel's other subscribers of now, that nobody keeps. @see docs/protocol.md N5 */
export interface BroadcastRequest {
  readonly type: 'broadcast'
  readonly id: number
  readonly channel: string
  readonly event: string
  readonly data: Json
}

// ---- server to client -------------------------------------------------------------------------------

/** A session in a channel, as the others see it. */
export interface PresentState {
  readonly session: string
  /** What the application shows of its user. */
  readonly by: Json
  /** What the session says of itself; null until it does. */
  readonly state: Json
  /** Since when it is there, in ms since 1970. */
  readonly at: number
}

/** All who are in a channel. Takes the place of what was known of them. @see docs/protocol.md N1 */
export interface ConnectedUsers {
  readonly type: 'connected_users'
  readonly channel: string
  readonly users: readonly PresentState[]
  /** How many are there beyond those that are told by name. */
  readonly more: number
}

/** Who came or says something else of itself, and who is gone. */
export interface PresenceChanges {
  readonly type: 'presence'
  readonly channel: string
  readonly here: readonly PresentState[]
  readonly gone: readonly string[]
  readonly more: number
}

/** What another subscriber has told. */
export interface Broadcast {
  readonly type: 'broadcast'
  readonly channel: string
  readonly session: string
  readonly event: string
  readonly data: Json
}
