import type { Json } from '@lockstep/protocol'
import { Listeners, type Report } from '../listeners.ts'

export type LockPhase =
  /** Asked for; somebody else may hold it. */
  | 'waiting'
  | 'held'
  /** The connection is gone, and the lock with it; it is asked for again when the connection is back. */
  | 'away'
  /** Let go on purpose. */
  | 'released'
  /** Gone otherwise, or never had: `lost` says why. */
  | 'lost'

/** Why a lock is gone: its lease, another's, the right to the channel, or that nobody needs the channel. */
export type LostReason = 'expired' | 'taken' | 'revoked' | 'refused' | 'idle'

/** Somebody would like to have the lock. */
export interface LockQuestion {
  readonly session: string
  /** What the application shows of the user. */
  readonly by: Json
  readonly doing: string
  /** How long they will wait, in ms. */
  readonly waitMs: number
  /** Hands the lock over, or says no. Not to answer is no too, when their time is over. */
  answer(yes: boolean): void
}

export interface LockEvents {
  asked: [LockQuestion]
  /** Held again after a break; `token` is another one unless the server never saw the break. */
  restored: []
  lost: [LostReason]
  released: []
}

/** A lock that this page asked for. */
export interface Lock {
  readonly resource: string
  readonly phase: LockPhase
  /** Fencing token, to be sent along with writes that check it; 0 until it is held. */
  readonly token: number
  /** Why it is gone, once it is lost. */
  readonly lost: LostReason | undefined
  on<E extends keyof LockEvents>(event: E, listener: (...values: LockEvents[E]) => void): () => void
  /** Lets it go, or gives up waiting for it. */
  unlock(): void
}

export interface LockOptions {
  /** What others are shown that one is doing. */
  readonly doing?: string
  /** Ends the lock where the page stops to renew it: it hangs, or sleeps. Renewed by itself. */
  readonly leaseMs?: number
  /** How long to wait where somebody else holds it, in ms. Default: not at all. */
  readonly waitMs?: number
  /** Asks the holder to let go. */
  readonly ask?: boolean
  /** Lets the lock go when it is aborted, or ends the wait for it. */
  readonly signal?: AbortSignal
}

/** The page's side of a lock; `ChannelLocks` moves it along. */
export class LockHandle implements Lock {
  readonly resource: string
  readonly options: LockOptions
  phase: LockPhase = 'waiting'
  token = 0
  lost: LostReason | undefined
  /** Number of the request that is under way. */
  request: number | undefined
  cancelRenewal: (() => void) | undefined
  readonly #listeners = new Map<keyof LockEvents, Listeners<readonly unknown[]>>()
  readonly #report: Report
  readonly #unlock: (handle: LockHandle) => void

  constructor(resource: string, options: LockOptions, report: Report, unlock: (handle: LockHandle) => void) {
    this.resource = resource
    this.options = options
    this.#report = report
    this.#unlock = unlock
  }

  on<E extends keyof LockEvents>(event: E, listener: (...values: LockEvents[E]) => void): () => void {
    let listeners = this.#listeners.get(event)
    if (listeners === undefined) {
      listeners = new Listeners()
      this.#listeners.set(event, listeners)
    }
    // What is told under a name has the type of that name.
    return listeners.add(listener as (...values: readonly unknown[]) => void)
  }

  tell<E extends keyof LockEvents>(event: E, ...values: LockEvents[E]): void {
    this.#listeners.get(event)?.tell(this.#report, ...values)
  }

  unlock(): void {
    this.#unlock(this)
  }
}
