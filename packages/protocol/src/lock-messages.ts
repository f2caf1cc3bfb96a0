import type { Json } from './messages.ts'

// ---- client to server -------------------------------------------------------------------------------

/**
 * Claims a resource of a channel that the session is subscribed to; of a lock that it holds, a new `doing` and
 * lease. @see docs/protocol.md K2
 */
export interface LockRequest {
  readonly type: 'lock'
  readonly id: number
  readonly channel: string
  readonly resource: string
  /** What the holder is doing, for others to be shown. */
  readonly doing?: string
  /** How long the lock is good unless it is renewed. Left out: as long as the connection. */
  readonly leaseMs?: number
  /** How long to wait where somebody else holds it; 0 when left out. */
  readonly waitMs?: number
  /** Asks the holder to let go (K5). */
  readonly ask?: boolean
}

/** Lets a lock go, or gives up waiting for it. */
export interface UnlockRequest {
  readonly type: 'unlock'
  readonly id: number
  readonly channel: string
  readonly resource: string
}

/** The holder's answer to `asked`. */
export interface AnswerRequest {
  readonly type: 'answer'
  readonly id: number
  readonly channel: string
  readonly resource: string
  /** Who asked. */
  readonly session: string
  readonly yield: boolean
}

// ---- server to client -------------------------------------------------------------------------------

/** Who holds a resource, as the channel's subscribers see it. */
export interface LockState {
  readonly resource: string
  readonly session: string
  /** What the application shows of the holder's user. */
  readonly by: Json
  readonly doing: string
  /** Fencing token: of two locks of one resource, the later has the higher one. */
  readonly token: number
  /** Since when, in ms since 1970. */
  readonly at: number
}

/** All locks of a channel. Takes the place of what was known of them. @see docs/protocol.md K1 */
export interface CurrentLocks {
  readonly type: 'current_locks'
  readonly channel: string
  readonly locks: readonly LockState[]
}

/** Locks that were taken or are told anew, and resources that nobody holds any more. */
export interface LockChanges {
  readonly type: 'locks'
  readonly channel: string
  readonly taken: readonly LockState[]
  readonly freed: readonly string[]
}

/** Answer to `lock`: it is held. */
export interface Locked {
  readonly type: 'locked'
  readonly id: number
  readonly channel: string
  readonly resource: string
  readonly token: number
}

/** Another session would like to have a lock that this one holds. It is answered with `answer`, or not. */
export interface Asked {
  readonly type: 'asked'
  readonly channel: string
  readonly resource: string
  readonly session: string
  readonly by: Json
  readonly doing: string
  /** How long it will wait. */
  readonly waitMs: number
}
