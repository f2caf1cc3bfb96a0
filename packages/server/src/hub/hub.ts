import {
  type ErrorCode,
  encodePosition,
  LockstepError,
  type Position,
  type ResetReason,
} from '@lockstep/protocol'
import type { Delivery, LogReader, ResetScope, Writer } from '../log/log.ts'
import { isInScope } from '../log/partial-resets.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Session, SessionClaims } from '../session/session.ts'
import { Admission } from './admission.ts'
import { Authoriser } from './authoriser.ts'
import { Batch } from './batch.ts'
import { Beside } from './beside.ts'
import type { Carrier } from './carrier.ts'
import { catchUp, fallBehind, leaveBehind, sendInOrder } from './catch-up.ts'
import { Connection } from './connection.ts'
import { confirmedBatch, Fanout } from './fanout.ts'
import { Heartbeat } from './heartbeat.ts'
import { Parted } from './parted.ts'
import type { HubParts } from './parts.ts'
import { askAgain } from './reauthorisation.ts'
import { SubscriberLists } from './subscriber-list.ts'
import { anyView, Subscription } from './subscription.ts'
import type { StartedBy } from './tracing.ts'

/**
 * Connections, subscriptions, and who gets what. Authorises once per subscribe; afterwards a change costs
 * each subscriber one write of shared bytes. Reads the log for whoever has to catch up.
 */
export class Hub implements LogReader {
  readonly connections: Set<Connection> = new Set()
  readonly beside: Beside
  readonly #parts: HubParts
  readonly #lists = new SubscriberLists()
  readonly #fanout: Fanout
  readonly #authoriser: Authoriser
  readonly #admission: Admission
  readonly #heartbeat: Heartbeat
  readonly #parted: Parted
  #closing = false
  #resets = 0

  constructor(parts: HubParts) {
    this.#parts = parts
    this.#authoriser = new Authoriser(parts.sync, parts.logger, (error) => parts.mayPass(error))
    this.#parted = new Parted(this.#authoriser)
    this.#admission = new Admission(this.#authoriser, parts.teller)
    this.#fanout = new Fanout(this.#lists, parts.runtime, {
      fallBehind: (subscription, sentLsn) => {
        subscription.connection.trace?.behind(subscription.channel)
        fallBehind(subscription, sentLsn)
      },
      reload: (subscription, reason) => this.#reload(subscription, reason),
      confirm: (writer, lsn) => this.#confirm(writer, lsn),
    })
    this.beside = new Beside(parts, this.#lists, this.#authoriser, () => this.flush())
    this.#heartbeat = new Heartbeat(this.connections, parts, {
      flush: () => this.flush(),
      renewToken: (connection) => this.#renewToken(connection),
    })
    parts.log.onAppend(this)
  }

  status(): { connections: number; subscriptions: number; behind: number; resets: number } {
    let subscriptions = 0
    let behind = 0
    for (const connection of this.connections) {
      subscriptions += connection.subscriptions.size
      behind += connection.behind
    }
    return { connections: this.connections.size, subscriptions, behind, resets: this.#resets }
  }

  // ---- what the log says ----------------------------------------------------------------------------

  transaction(lsn: number, deliveries: readonly Delivery[], writer: Writer | undefined): void {
    this.#fanout.take(lsn, deliveries, writer)
  }

  progress(_lsn: number): void {}

  epoch(_position: Position): void {
    this.#reloadAll('epoch')
  }

  reset(_lsn: number, reason: ResetReason, scope?: ResetScope): void {
    this.#reloadAll(reason, scope)
  }

  /** Hands everything that the log holds to the carriers that have room. */
  flush(): void {
    this.#fanout.flush()
  }

  // ---- connections ----------------------------------------------------------------------------------

  /** @throws LockstepError `unavailable` at the bound on connections, or while closing. */
  connect(carrier: Carrier): Connection {
    const { limits, runtime } = this.#parts
    if (this.#closing) throw new LockstepError('restarting')
    if (this.connections.size >= limits.connectionsMax) {
      throw new LockstepError('unavailable', 'The server has as many connections as it may.')
    }
    const given = { allowance: limits.requestsBurst, now: runtime.now(), part: this.#heartbeat.deal() }
    const traced = this.#parts.trace?.(carrier)
    const connection = new Connection(traced ?? carrier, given, (drained) => {
      this.#goOn(drained)
      if (drained.waiting !== undefined) void this.#loadWaiting(drained)
    })
    connection.trace = traced
    this.connections.add(connection)
    return connection
  }

  /** The carrier is gone. Harmless when repeated. */
  disconnect(connection: Connection): void {
    if (connection.closed) {
      this.#parted.gone(connection)
      return
    }
    connection.closed = true
    connection.trace?.gone()
    for (const subscription of connection.subscriptions.values()) this.#end(subscription)
    connection.subscriptions.clear()
    connection.afterCatchUp = undefined
    connection.waiting = undefined
    connection.missed = undefined
    this.connections.delete(connection)
    const { session } = connection
    if (session?.connection === connection) this.beside.occupancy.gone(session)
    this.#parts.sessions.disconnect(connection)
  }

  /** Takes verified claims for a connection. An older connection of the session is closed. */
  welcome(connection: Connection, claims: SessionClaims): void {
    if (this.#parts.teller.isBehind(claims.session)) throw new LockstepError('unavailable')
    const { session, replaced, restored } = this.#parts.sessions.connect(claims, connection)
    if (replaced !== undefined && replaced !== connection) {
      this.beside.occupancy.carry(session, replaced.subscriptions.keys())
      replaced.fail(new LockstepError('replaced'))
      this.#parted.add(replaced)
      this.disconnect(replaced)
    }
    const token = this.#tokenFor(session)
    const { heartbeatMs } = this.#parts.limits
    connection.send({ type: 'welcome', session: session.id, restored, token, heartbeatMs })
  }

  // ---- subscriptions --------------------------------------------------------------------------------

  async subscribe(
    connection: Connection,
    id: number,
    channel: string,
    from: Position | undefined,
    fromView?: number,
  ): Promise<void> {
    const { session } = connection
    if (session === undefined) return connection.fail(new LockstepError('unauthorized'))
    this.#remove(connection, channel)
    if (connection.subscriptions.size >= this.#parts.limits.subscriptionsMax) {
      return connection.sendError(new LockstepError('too_many'), { id, channel })
    }
    const subscription = new Subscription(connection, channel)
    connection.subscriptions.set(channel, subscription)
    const answer = await this.#admission.ask(subscription, session)
    if (subscription.state === 'ended') return
    if (answer instanceof LockstepError) {
      this.#lose(connection, channel)
      connection.trace?.refused(channel, answer.code)
      return connection.sendError(answer, { id, channel })
    }
    const { audience, view, rule, operations } = answer
    subscription.rule = rule
    this.beside.occupancy.enter(session, channel)
    this.beside.attendance.enter(session, subscription)
    if (operations.length > 0) subscription.greeting = operations
    subscription.audience = audience
    subscription.view = view
    connection.send({ type: 'subscribed', id, channel })
    if (from === undefined) return this.#load(subscription)
    // The client's rows may be those of another audience that it was of before.
    const isOther = fromView !== view && fromView !== anyView
    if (this.#parts.sync.viewCount > 1 && isOther) return this.#reload(subscription, 'audience')
    this.flush()
    const range = this.#parts.log.read(channel, view, from, 1)
    if ('reset' in range) return this.#reload(subscription, range.reset)
    this.#lists.add(subscription)
    this.#continue(subscription, from.lsn, 'log')
  }

  unsubscribe(connection: Connection, channel: string): void {
    this.#lose(connection, channel)
  }

  /** Answers when everything committed before now has been sent to this connection. */
  async barrier(connection: Connection, id: number): Promise<void> {
    try {
      const lsn = await this.#parts.barrier()
      this.flush()
      const position = encodePosition({ epoch: this.#parts.log.position.epoch, lsn })
      if (!sendInOrder(connection, Batch.of({ type: 'barrier', id, position }))) {
        connection.fail(new LockstepError('too_fast'))
      }
    } catch (cause) {
      this.#parts.logger.warn(`a barrier failed: ${codeOf(cause)}`)
      connection.sendError(new LockstepError('unavailable', undefined, { cause }), { id })
    }
  }

  /** Asks again whether this user's sessions may see their channels; what they lost goes at once (G9). */
  async reauthorize(userId: string | number): Promise<void> {
    const asked = [this.beside.locking.reauthorize(userId), this.#parted.askAgain(userId)]
    for (const session of this.#parts.sessions.values()) {
      // An id comes as text from an address and as a number from a row; asking once too often does no harm.
      if (String(session.user.id) !== String(userId) || session.connection === undefined) continue
      asked.push(this.#reauthorizeConnection(session.connection))
    }
    await Promise.all(asked)
  }

  #reauthorizeConnection(connection: Connection): Promise<void> {
    return askAgain(connection, this.#authoriser, {
      end: () => this.disconnect(connection),
      lose: (channel) => this.#lose(connection, channel),
      become: (subscription, grant) => {
        this.#lists.remove(subscription)
        leaveBehind(subscription)
        subscription.audience = grant.audience
        subscription.view = grant.view
        this.#reload(subscription, 'audience')
      },
    })
  }

  /** Tells everyone to come back, spread over `spreadMs`, and ends all connections. */
  close(spreadMs: number): void {
    this.#closing = true
    this.flush()
    this.#heartbeat.close()
    const { runtime } = this.#parts
    for (const connection of [...this.connections]) {
      const retryMs = Math.round(spreadMs * fraction(runtime))
      connection.send({ type: 'goodbye', retryMs })
      connection.fail(new LockstepError('restarting'))
      this.disconnect(connection)
    }
    this.#parts.sessions.close()
    this.#parts.locks.close()
  }

  // ---- inside ---------------------------------------------------------------------------------------

  /** Reads the log on from `sentLsn` for a subscription that is in its list. */
  #continue(subscription: Subscription, sentLsn: number, by: StartedBy): void {
    const { connection, channel, view } = subscription
    connection.trace?.entered(channel, { view, lsn: sentLsn, by })
    fallBehind(subscription, sentLsn)
    this.#goOn(connection)
  }

  #goOn(connection: Connection): void {
    this.flush()
    const { log, runtime } = this.#parts
    catchUp(connection, { log, runtime, notices: this.beside.notices }, (subscription, reason) =>
      this.#reload(subscription, reason),
    )
  }

  /** All subscriptions, or those of the channels in scope. */
  #reloadAll(reason: ResetReason, scope?: ResetScope): void {
    this.flush()
    for (const connection of this.connections) {
      for (const subscription of connection.subscriptions.values()) {
        // One that is loading finds out from the log, or from the epoch of what it loads.
        const isOn = subscription.state === 'live' || subscription.state === 'behind'
        if (isOn && (scope === undefined || isInScope(scope, subscription.channel)))
          this.#reload(subscription, reason)
      }
    }
  }

  /** Starts a subscription anew from a snapshot, saying why. */
  #reload(subscription: Subscription, reason: ResetReason): void {
    this.#lists.remove(subscription)
    leaveBehind(subscription)
    this.#resets++
    // Said at once, before anything of the same commit on another channel: until this channel is live again
    // the client shows no channel half of a commit (G5).
    subscription.connection.send({ type: 'reset', channel: subscription.channel, reason })
    void this.#load(subscription)
  }

  async #load(subscription: Subscription): Promise<void> {
    const { connection, channel } = subscription
    subscription.state = 'loading'
    subscription.announce = true
    // Several calls may be under way for one subscription (reset upon reset): the newest wins.
    const ticket = ++subscription.load
    if (connection.full) return this.#waitForRoom(subscription)
    try {
      const { position, frame } = await this.#parts.snapshot(channel, subscription.view)
      if (subscription.load !== ticket || subscription.state !== 'loading') return
      if (position.epoch !== this.#parts.log.position.epoch) return this.#load(subscription)
      this.flush()
      // Other snapshots may have filled it meanwhile. By the time there is room, a newer one may do better.
      if (connection.full) return this.#waitForRoom(subscription)
      connection.sendBatch(new Batch([frame]))
      this.#lists.add(subscription)
      this.#continue(subscription, position.lsn, 'snapshot')
    } catch (cause) {
      if (subscription.load !== ticket || subscription.state !== 'loading') return
      this.#parts.logger.error(`a snapshot of a channel failed: ${codeOf(cause)}`)
      this.#lose(connection, channel)
      connection.sendError(cause instanceof LockstepError ? cause : new LockstepError('unavailable'), {
        channel,
      })
    }
  }

  #waitForRoom(subscription: Subscription): void {
    const { connection } = subscription
    connection.waiting ??= new Set()
    connection.waiting.add(subscription)
  }

  /** Loads what waits for room, one after the other, while there is some. */
  async #loadWaiting(connection: Connection): Promise<void> {
    for (const subscription of connection.waiting ?? []) {
      if (connection.full) return
      connection.waiting?.delete(subscription)
      if (subscription.state === 'loading') await this.#load(subscription)
    }
    if (connection.waiting?.size === 0) connection.waiting = undefined
  }

  /** The session is not in the channel any more, and has nothing there. */
  #lose(connection: Connection, channel: string): void {
    this.#remove(connection, channel)
    if (connection.session !== undefined) this.beside.occupancy.leave(connection.session, channel)
  }

  #remove(connection: Connection, channel: string): void {
    const subscription = connection.subscriptions.get(channel)
    if (subscription === undefined) return
    connection.subscriptions.delete(channel)
    connection.leave(subscription)
    this.#end(subscription)
  }

  #end(subscription: Subscription): void {
    this.#lists.remove(subscription)
    leaveBehind(subscription)
    subscription.connection.trace?.left(subscription.channel)
    subscription.state = 'ended'
  }

  #confirm(writer: Writer, lsn: number): void {
    if (writer.mutation === undefined) return
    const connection = this.#parts.sessions.get(writer.session)?.connection
    if (connection === undefined) return
    const batch = confirmedBatch(writer.mutation, this.#parts.log.position.epoch, lsn)
    if (!sendInOrder(connection, batch)) connection.fail(new LockstepError('too_fast'))
  }

  #renewToken(connection: Connection): void {
    const { session } = connection
    if (session === undefined) return
    connection.send({ type: 'token', token: this.#tokenFor(session) })
    void this.#reauthorizeConnection(connection)
  }

  #tokenFor(session: Session): string {
    const { id, user, channels, issuedAt } = session
    const { token, expiresAt } = this.#parts.issueToken({ session: id, user, channels, issuedAt })
    session.tokenExpiresAt = expiresAt
    return token
  }
}

function codeOf(error: unknown): ErrorCode | string {
  return error instanceof LockstepError ? error.code : error instanceof Error ? error.name : 'unknown'
}

/** A random number in [0, 1), from the runtime's randomness. */
function fraction(runtime: Runtime): number {
  return (Buffer.from(runtime.randomText(4), 'base64url').readUInt32BE(0) % 1_000_000) / 1_000_000
}
