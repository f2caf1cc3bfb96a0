import {
  type AnswerRequest,
  type Json,
  type LockRequest,
  type LockState,
  LockstepError,
  type ServerMessage,
  type UnlockRequest,
} from '@lockstep/protocol'
import type { User } from '../definition/definition.ts'
import type { Lock, LockClaim, LockQuestion, LockReader, Locks, Place } from '../lock/lock.ts'
import type { Session, Sessions } from '../session/session.ts'
import type { Asker, Authoriser } from './authoriser.ts'
import type { Connection } from './connection.ts'
import type { NoticeSource, Notices } from './notices.ts'

export interface LockingParts {
  readonly locks: Locks
  readonly sessions: Sessions<Connection>
  readonly notices: Notices
  readonly authoriser: Authoriser
  /** What others are shown of a user. */
  showUser(user: User): Json
}

/** A session that asks without a connection of its own. */
export interface RemoteSession extends Asker {
  readonly session: string
}

/** Lease of a lock for a session without a connection that names none, in ms. */
const leaseMsDefault = 60_000

/** Locks for connections and for requests over HTTP, and what subscribers hear of them. @see docs/protocol.md K1 */
export class Locking implements LockReader, NoticeSource {
  readonly restMs = 0
  readonly #parts: LockingParts

  constructor(parts: LockingParts) {
    this.#parts = parts
    parts.locks.onChange(this)
    parts.notices.add(this)
  }

  // ---- over a connection ----------------------------------------------------------------------------

  lock(connection: Connection, message: LockRequest): Promise<void> {
    return this.#answer(connection, message, async (session) => {
      const { id, channel, resource } = message
      const { token } = await this.#parts.locks.take(this.#claim(session.id, session.user, message))
      return { type: 'locked', id, channel, resource, token }
    })
  }

  unlock(connection: Connection, message: UnlockRequest): Promise<void> {
    return this.#answer(connection, message, async (session) => {
      await this.#parts.locks.release(message, session.id)
      return { type: 'done', id: message.id }
    })
  }

  answer(connection: Connection, message: AnswerRequest): Promise<void> {
    return this.#answer(connection, message, async (session) => {
      await this.#parts.locks.answer(message, session.id, message.session, message.yield)
      return { type: 'done', id: message.id }
    })
  }

  /** Only what a session sees has locks for it: the rest answers like a channel that does not exist. */
  async #answer(
    connection: Connection,
    { id, channel }: { readonly id: number; readonly channel: string },
    run: (session: Session) => Promise<ServerMessage>,
  ): Promise<void> {
    const { session } = connection
    const subscription = connection.subscriptions.get(channel)
    try {
      if (session === undefined || subscription?.isGranted !== true) throw new LockstepError('no_channel')
      if (subscription.rule?.locks === false) throw new LockstepError('forbidden')
      const answer = await run(session)
      // The channel was lost meanwhile, and what was held there with it.
      if (!connection.subscriptions.has(channel)) throw new LockstepError('no_channel')
      connection.send(answer)
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error
      connection.sendError(error, { id, channel })
    }
  }

  // ---- over HTTP ------------------------------------------------------------------------------------

  /** @throws LockstepError `no_channel`, `unavailable`, `forbidden`, `lock_held`, `too_many` */
  async take(asker: RemoteSession, request: Omit<LockRequest, 'type' | 'id'>): Promise<LockState> {
    await this.#allow(asker, request.channel)
    // A lock of a session that nobody would see go ends by itself.
    const isSeen = this.#parts.sessions.get(asker.session)?.connection !== undefined
    const leaseMs = request.leaseMs ?? (isSeen ? undefined : leaseMsDefault)
    const claim = { ...this.#claim(asker.session, asker.user, request), leaseMs }
    return shown(await this.#parts.locks.take(claim))
  }

  /** Who holds it, for somebody who has just asked for it. */
  holder({ channel, resource }: Place): LockState | undefined {
    const [lock] = this.#parts.locks.current(channel, [resource])
    return lock && shown(lock)
  }

  /** @throws LockstepError `no_channel`, `unavailable`, `forbidden`, `not_holder` */
  async release(asker: RemoteSession, place: Place): Promise<void> {
    await this.#allow(asker, place.channel)
    await this.#parts.locks.release(place, asker.session)
  }

  async #allow(asker: Asker, channel: string): Promise<void> {
    const grant = await this.#parts.authoriser.ask(asker, channel)
    if (grant instanceof LockstepError) throw grant
    if (grant.rule.locks === false) throw new LockstepError('forbidden')
  }

  /** Asks again for the rights of a user's locks in channels that its sessions are not subscribed to (G9). */
  async reauthorize(user: string | number): Promise<void> {
    const { locks, sessions, authoriser } = this.#parts
    await Promise.all(
      locks.ofUser(user).map(async (lock) => {
        if (sessions.get(lock.session)?.connection?.subscriptions.has(lock.channel)) return
        const grant = await authoriser.ask({ user: lock.user, channels: undefined }, lock.channel)
        if (grant instanceof LockstepError) await locks.leave(lock.session, lock.channel)
      }),
    )
  }

  #claim(session: string, user: User, request: Omit<LockRequest, 'type' | 'id'>): LockClaim {
    const { channel, resource, doing = '', leaseMs, waitMs = 0, ask = false } = request
    const by = this.#parts.showUser(user)
    return { channel, resource, session, user, by, doing, leaseMs, waitMs, ask }
  }

  // ---- what others hear -----------------------------------------------------------------------------

  changed({ channel, resource }: Place): void {
    this.#parts.notices.touch(this, channel, resource)
  }

  asked({ holder, channel, resource, session, by, doing, waitMs }: LockQuestion): void {
    const connection = this.#parts.sessions.get(holder)?.connection
    // A holder that does not read is not asked: no number of questions may end its connection.
    if (connection?.subscriptions.get(channel)?.isGranted !== true || connection.full) return
    connection.send({ type: 'asked', channel, resource, session, by, doing, waitMs })
  }

  current(channel: string): ServerMessage {
    return { type: 'current_locks', channel, locks: this.#parts.locks.current(channel).map(shown) }
  }

  changes(channel: string, names: ReadonlySet<string>): ServerMessage {
    const taken = this.#parts.locks.current(channel, names)
    const held = new Set(taken.map(({ resource }) => resource))
    const freed = [...names].filter((name) => !held.has(name))
    return { type: 'locks', channel, taken: taken.map(shown), freed }
  }
}

function shown({ resource, session, by, doing, token, at }: Lock): LockState {
  return { resource, session, by, doing, token, at }
}
