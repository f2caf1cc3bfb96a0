import type { Json, Position } from '@lockstep/protocol'
import type { Sync, User } from '../definition/definition.ts'
import type { Limits } from '../limits.ts'
import type { Locks } from '../lock/lock.ts'
import type { Frame } from '../log/frame.ts'
import type { Log } from '../log/log.ts'
import type { Presence } from '../presence/presence.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { SessionClaims, Sessions } from '../session/session.ts'
import type { SessionTeller } from '../session/teller.ts'
import type { Carrier } from './carrier.ts'
import type { Connection } from './connection.ts'
import type { TracedCarrier } from './tracing.ts'

/** What a hub is made of, and what it asks of the stages around it. */
export interface HubParts {
  readonly sync: Sync
  readonly log: Log
  readonly sessions: Sessions<Connection>
  readonly teller: SessionTeller
  readonly runtime: Runtime
  readonly logger: Logger
  readonly limits: Limits
  /** The rows of a channel for a view, at a position that the log can be read on from. */
  snapshot(channel: string, view: number): Promise<{ readonly position: Position; readonly frame: Frame }>
  /** Resolves with an LSN when everything committed before the call is in the log. */
  barrier(): Promise<number>
  issueToken(claims: Omit<SessionClaims, 'expiresAt'>): { token: string; expiresAt: number }
  readonly locks: Locks
  readonly presence: Presence
  /** What others are shown of a user. */
  showUser(user: User): Json
  /** Whether what `authorize` has thrown may pass: such an error is no answer. */
  mayPass(error: unknown): boolean
  /** Puts an inspector's eye before a carrier. */
  readonly trace?: ((carrier: Carrier) => TracedCarrier) | undefined
}
