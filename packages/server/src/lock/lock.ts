import type { Json } from '@lockstep/protocol'
import type { User } from '../definition/definition.ts'

/** What can be locked: a name that the application chose, within a channel. */
export interface Place {
  readonly channel: string
  readonly resource: string
}

/** Who wants a lock, and how. */
export interface LockClaim extends Place {
  readonly session: string
  readonly user: User
  /** What others are shown of the user. */
  readonly by: Json
  readonly doing: string
  /** Undefined: until it is released. */
  readonly leaseMs: number | undefined
  /** How long to wait for another's lock; 0: not at all. */
  readonly waitMs: number
  /** Asks the holder to let go, and waits for that. */
  readonly ask: boolean
}

export interface Lock extends Place {
  readonly session: string
  readonly user: User
  readonly by: Json
  readonly doing: string
  /** Of two locks of one resource, the later has the higher one. Renewing keeps it. */
  readonly token: number
  /** Since when, ms since 1970. */
  readonly at: number
}

/** Somebody would like to have a lock. */
export interface LockQuestion extends Place {
  readonly holder: string
  readonly session: string
  readonly by: Json
  readonly doing: string
  readonly waitMs: number
}

/**
 * Advisory locks of sessions: at most one holder for each place, a fair queue behind it, a fencing token that
 * rises per place, also over releases. Every wait and lease ends by itself; the rest is up to whoever knows
 * that a session is gone.
 */
export interface Locks {
  /**
   * Takes a lock, or renews one that the session holds. Resolves when it is held; rejects with `lock_held`
   * where it is not free in time or the holder said no, `too_many` at a bound of the session or the place,
   * `unavailable` at the bound of all.
   */
  take(claim: LockClaim): Promise<Lock>
  /** Lets a lock go, or ends a wait for it. Rejects with `not_holder` where there is neither. */
  release(place: Place, session: string): Promise<void>
  /**
   * The holder's answer to a question of `asker`: yes hands the lock over, and where that one has stopped waiting lets
   * it go; no ends the wait. Rejects with `not_holder`.
   */
  answer(place: Place, holder: string, asker: string, yields: boolean): Promise<void>
  /** Lets go of all that a session holds and waits for, everywhere or in one channel. Never rejects. */
  leave(session: string, channel?: string): Promise<void>
  /** The locks of a channel, or of these resources in it, as they stand here. */
  current(channel: string, resources?: Iterable<string>): readonly Lock[]
  /** The locks of a user's sessions. */
  ofUser(user: string | number): readonly Lock[]
  /** Before anything changes: who hears of it. */
  onChange(reader: LockReader): void
  /** For operators. */
  status(): { readonly held: number; readonly waiting: number }
  /** All locks are void, and who waits is told `unavailable`. */
  close(): void
}

export interface LockReader {
  /** A lock was taken, renewed or let go: `current` has what is so now. */
  changed(place: Place): void
  asked(question: LockQuestion): void
}
