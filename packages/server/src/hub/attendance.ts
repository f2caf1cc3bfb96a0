import {
  type Json,
  LockstepError,
  type PresenceRequest,
  type PresentState,
  type ServerMessage,
} from '@lockstep/protocol'
import type { User } from '../definition/definition.ts'
import type { Presence, PresenceReader, Present } from '../presence/presence.ts'
import type { Session } from '../session/session.ts'
import type { Connection } from './connection.ts'
import type { NoticeSource, Notices } from './notices.ts'
import type { Subscription } from './subscription.ts'

export interface AttendanceParts {
  readonly presence: Presence
  readonly notices: Notices
  /** Whether a channel tells who is in it. */
  tells(channel: string): boolean
  /** What others are shown of a user. */
  showUser(user: User): Json
  readonly limits: { readonly presenceMs: number; readonly presenceBytesMax: number }
}

/** Who is in channels, for connections, and what subscribers hear of it. @see docs/protocol.md N1 */
export class Attendance implements PresenceReader, NoticeSource {
  readonly restMs: number
  readonly #parts: AttendanceParts

  constructor(parts: AttendanceParts) {
    this.#parts = parts
    this.restMs = parts.limits.presenceMs
    parts.presence.onChange(this)
    parts.notices.add(this)
  }

  /** A session is let into a channel. */
  enter({ id, user }: Session, { channel, rule }: Subscription): void {
    if (rule?.presence === true) void this.#parts.presence.enter(channel, id, this.#parts.showUser(user))
  }

  /** What a session says of itself. */
  async update(connection: Connection, { id, channel, state }: PresenceRequest): Promise<void> {
    const { session } = connection
    const subscription = connection.subscriptions.get(channel)
    const refuse = (error: LockstepError): void => connection.sendError(error, { id, channel })
    if (session === undefined || subscription?.isGranted !== true)
      return refuse(new LockstepError('no_channel'))
    if (subscription.rule?.presence !== true) return refuse(new LockstepError('forbidden'))
    const { presenceBytesMax } = this.#parts.limits
    if (Buffer.byteLength(JSON.stringify(state)) > presenceBytesMax) {
      return refuse(new LockstepError('too_large', `A state has at most ${presenceBytesMax} bytes.`))
    }
    await this.#parts.presence.update(channel, session.id, state)
    connection.send({ type: 'done', id })
  }

  // ---- what others hear -----------------------------------------------------------------------------

  changed(channel: string, session: string): void {
    this.#parts.notices.touch(this, channel, session)
  }

  current(channel: string): ServerMessage | undefined {
    if (!this.#parts.tells(channel)) return undefined
    const { presence } = this.#parts
    const users = presence.current(channel).map(shown)
    return { type: 'connected_users', channel, users, more: presence.unlisted(channel) }
  }

  changes(channel: string, names: ReadonlySet<string>): ServerMessage {
    const { presence } = this.#parts
    const here = presence.current(channel, names).map(shown)
    const there = new Set(here.map(({ session }) => session))
    const gone = [...names].filter((name) => !there.has(name))
    return { type: 'presence', channel, here, gone, more: presence.unlisted(channel) }
  }
}

function shown({ session, by, state, at }: Present): PresentState {
  return { session, by, state, at }
}
