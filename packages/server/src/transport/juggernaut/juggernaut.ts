import type { Position, WirePosition } from '@lockstep/protocol'
import type { Hub } from '../../hub/hub.ts'
import type { Limits } from '../../limits.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import type { SessionClaims } from '../../session/session.ts'

/** Juggernaut's protocol over TCP, for programs that can open a socket and read JSON. @see docs/protocol.md J1 */
export interface JuggernautOptions {
  /** Seed of the protocol: 5002. 0: a free one. */
  readonly port: number
  /** Address to listen at. Default: all of this machine. */
  readonly host?: string
  /**
   * Template with one parameter, `project/:id`, for programs that name a channel by its bare id. Default: channels have
   * their whole name.
   */
  readonly channel?: string
  /**
   * Whether a `session_id` without a token is enough. Only where whoever hears of `subscribe` (`callbacks`, `onSession`)
   * decides about every session: its user is nobody that the application knows. Default false.
   */
  readonly openSessions?: boolean
}

export interface JuggernautParts {
  readonly hub: Hub
  readonly limits: Limits
  readonly runtime: Runtime
  readonly logger: Logger
  /** The log's end. */
  position(): Position
  /** @throws LockstepError `unauthorized`, `session_expired` */
  verifyToken(token: string): SessionClaims
  /** The user of a session that is known already. */
  userOf(session: string): string | number | undefined
}

/** Who subscribes to what, from where on. */
export interface Handshake {
  readonly claims: SessionClaims
  readonly channel: string
  /** The last message that was had; undefined: from where the session was issued, or from now. */
  readonly after: MessageId | undefined
}

/** Where a message stands: its commit, and how many messages of that commit follow it. */
export interface MessageId {
  readonly position: WirePosition
  readonly remaining: number
}
