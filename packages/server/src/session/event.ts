import type { Operation, WirePosition } from '@lockstep/protocol'
import type { User } from '../definition/definition.ts'

interface SessionFacts {
  /** The session's id. */
  readonly session: string
  readonly user: User
  /**
   * Rises with every event of a session, over restarts of the server too: whoever gets events late or twice
   * drops those that are not above the last one.
   */
  readonly number: number
  /** ms since 1970 */
  readonly at: number
}

/**
 * A session may see the channel and wants to: the answer decides. Asked for every subscribe, also of a
 * session that comes back.
 */
export interface SubscribeEvent extends SessionFacts {
  readonly kind: 'subscribe'
  readonly channel: string
  /** Where the log stood when the session was issued; undefined where it was made without a page. */
  readonly issuedAt: WirePosition | undefined
}

/**
 * - `disconnected`: its connection has ended, its locks are released; it may come back;
 * - `restored`: it came back before it was logged out;
 * - `logged_out`: it did not come back in time, and is forgotten.
 */
export interface LifeCycleEvent extends SessionFacts {
  readonly kind: 'disconnected' | 'restored' | 'logged_out'
}

export type SessionEvent = SubscribeEvent | LifeCycleEvent

/**
 * Answer to `subscribe`; nothing or `true` is yes, `false` is no (the client is told `no_channel`).
 * `operations` go to this client alone, once the channel is live.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing says yes.
export type SessionAnswer = void | boolean | { readonly operations: readonly Operation[] }

/**
 * Hears of each session's life, one event at a time and in order per session. An event that is not answered
 * within `sessionHookMs` or is answered with an error has been told; a `subscribe` is then `unavailable`.
 * @see docs/protocol.md S5
 */
export type SessionHook = (event: SessionEvent) => SessionAnswer | Promise<SessionAnswer>
