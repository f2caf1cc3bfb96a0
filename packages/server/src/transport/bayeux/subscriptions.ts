import {
  encodePosition,
  type LockstepError,
  type Operations,
  type Position,
  parsePosition,
  type ServerMessage,
} from '@lockstep/protocol'
import type { Hub } from '../../hub/hub.ts'
import type { BayeuxClient, Listener } from './client.ts'
import { delivery, type Encoded, type Mapping, type Target } from './mapping.ts'
import { Refusal } from './message.ts'
import type { Notice } from './notice.ts'
import type { Parcel } from './parcel.ts'
import { HubChannel, type Shown } from './shown.ts'

export interface SubscriptionsParts {
  readonly hub: Pick<Hub, 'subscribe' | 'unsubscribe' | 'beside'>
  readonly mapping: Mapping
  /** The log's end. */
  position(): Position
}

/**
 * One client's subscriptions, folded into at most one of the hub's per channel. What the hub tells of a
 * channel goes to those of the client's that have not had it yet.
 */
export class Subscriptions implements Listener {
  readonly #parts: SubscriptionsParts
  readonly #client: BayeuxClient
  readonly #channels = new Map<string, HubChannel>()
  /** All patterns, also of open channels. */
  readonly patterns: Set<string> = new Set()
  readonly #asked = new Map<number, (refusal: LockstepError['code'] | undefined) => void>()
  #nextId = 1

  constructor(client: BayeuxClient, parts: SubscriptionsParts) {
    this.#client = client
    this.#parts = parts
  }

  /**
   * Subscribes to what a pattern shows of the hub's channels, from a position or from now on. Of a glob's
   * channels those that are refused are left out. @throws Refusal where nothing is granted
   */
  async subscribe(pattern: string, position: string | undefined): Promise<void> {
    const { connection } = this.#client
    if (connection?.session === undefined) throw new Refusal(403, pattern, 'Sign in first')
    const from = position === undefined ? undefined : parsePosition(position)
    const targets = this.#parts.mapping.targets(pattern, connection.session.channels ?? [])
    let granted = false
    let refused: string | undefined
    for (const [channel, group] of groupByChannel(targets)) {
      refused = await this.#show(channel, group, pattern, from)
      granted ||= refused === undefined
    }
    if (this.#client.ended) throw new Refusal(402, '', 'Unknown client')
    // What there is not and what this client may not see are one and the same.
    if (!granted) {
      throw refused === 'unavailable'
        ? new Refusal(503, pattern, 'Try again later')
        : new Refusal(403, pattern, 'There is no such channel for this client')
    }
    this.patterns.add(pattern)
  }

  /** Returns why it was refused. */
  async #show(
    channel: string,
    targets: readonly Target[],
    pattern: string,
    from: Position | undefined,
  ): Promise<LockstepError['code'] | undefined> {
    const now = this.#parts.position()
    const known = this.#channels.get(channel)
    const state = known ?? new HubChannel(channel)
    const hadBefore = state.shown.length > 0
    const start = from ?? now
    const isOld = start.epoch !== now.epoch
    const after = isOld ? 0 : start.lsn
    for (const target of targets) state.show(target, pattern, after, from !== undefined)
    // The hub has said everything up to there, or it is on its way. What lies beyond the log's end is for it to tell.
    if (known !== undefined && !isOld && start.lsn >= known.lsn && start.lsn <= now.lsn) {
      if (targets.some(({ collection }) => collection === undefined)) this.#tellNotices(channel)
      return undefined
    }
    this.#channels.set(channel, state)
    state.lsn = isOld ? 0 : start.lsn
    const refusal = await this.#ask(channel, start)
    if (refusal === undefined) return undefined
    // The hub has ended what there was of the channel as well.
    this.#forget(channel)
    if (hadBefore) this.#client.deliver(state.shown.map(gone))
    return refusal
  }

  /** All locks and who is there, for who listens to operations from now on; whoever is not live yet gets them then. */
  #tellNotices(channel: string): void {
    const subscription = this.#client.connection?.subscriptions.get(channel)
    if (subscription !== undefined) this.#parts.hub.beside.notices.repeat(subscription)
  }

  #ask(channel: string, from: Position): Promise<LockstepError['code'] | undefined> {
    const { connection } = this.#client
    const id = this.#nextId++
    return new Promise((resolve) => {
      this.#asked.set(id, resolve)
      if (connection === undefined) this.#answer(id, 'unauthorized')
      else this.#parts.hub.subscribe(connection, id, channel, from).catch(() => this.#answer(id, 'internal'))
    })
  }

  #answer(id: number | undefined, refusal: LockstepError['code'] | undefined): void {
    if (id === undefined) return
    this.#asked.get(id)?.(refusal)
    this.#asked.delete(id)
  }

  unsubscribe(pattern: string): boolean {
    if (!this.patterns.delete(pattern)) return false
    for (const [channel, state] of this.#channels) {
      state.hide(pattern)
      if (state.shown.length > 0) continue
      this.#forget(channel)
      if (this.#client.connection !== undefined) this.#parts.hub.unsubscribe(this.#client.connection, channel)
    }
    return true
  }

  /** Nobody answers any more. */
  end(): void {
    for (const id of [...this.#asked.keys()]) this.#answer(id, 'unavailable')
    this.#channels.clear()
    this.#client.hears = undefined
  }

  // ---- what the hub says ----------------------------------------------------------------------------

  transaction(transaction: Encoded): readonly Parcel[] {
    const state = this.#channels.get(transaction.channel)
    this.#client.hears = state
    return state?.transaction(transaction) ?? []
  }

  notice(notice: Notice): readonly Parcel[] {
    const shown = this.#channels.get(notice.channel)?.shown ?? []
    if (shown.every(({ target }) => target.collection !== undefined)) return []
    // The hub tells it when everything up to the log's end has been told.
    return notice.parcelsAt(encodePosition(this.#parts.position()))
  }

  /** The hub starts the channel anew: what lies between is not told, so the client must be. */
  snapshot(channel: string, position: string): readonly Parcel[] {
    const state = this.#channels.get(channel)
    if (state === undefined) return []
    const reset = state.reset ?? 'epoch'
    state.reset = undefined
    state.restart(parsePosition(position).lsn)
    return state.shown.map(({ target }) => delivery(target.name, {}, { reset, position }))
  }

  control(message: ServerMessage): readonly Parcel[] {
    switch (message.type) {
      case 'subscribed':
        this.#answer(message.id, undefined)
        return []
      case 'reset': {
        const state = this.#channels.get(message.channel)
        if (state !== undefined) state.reset = message.reason
        return []
      }
      case 'revoked':
        return this.#lose(message.channel)
      case 'error':
        if (message.id !== undefined) {
          // The hub's errors have codes of the table.
          this.#answer(message.id, message.error.code as LockstepError['code'])
          return []
        }
        return message.channel === undefined ? [] : this.#lose(message.channel)
      case 'operations':
        return this.#operations(message)
      case 'live':
      case 'heartbeat':
        if (message.type === 'heartbeat') this.#client.position = message.position
        this.#moveOn(
          parsePosition(message.position).lsn,
          message.type === 'live' ? message.channel : undefined,
        )
        return []
      case 'welcome':
      case 'token':
        this.#client.token = message.token
        return []
      default:
        return []
    }
  }

  /** What the application has for this client alone. */
  #operations({ channel, operations }: Operations): readonly Parcel[] {
    const shown = this.#channels.get(channel)?.shown ?? []
    const names = shown.filter(({ target }) => target.collection === undefined)
    return names.flatMap(({ target: { name } }) =>
      operations.map(({ operation, envelope }) => delivery(name, { operation, envelope, session_id: null })),
    )
  }

  #moveOn(lsn: number, channel: string | undefined): void {
    for (const [name, state] of this.#channels) {
      if (channel === undefined || name === channel) state.lsn = Math.max(state.lsn, lsn)
    }
  }

  #lose(channel: string): readonly Parcel[] {
    const state = this.#channels.get(channel)
    if (state === undefined) return []
    this.#forget(channel)
    return state.shown.map(gone)
  }

  #forget(channel: string): void {
    this.#channels.delete(channel)
    this.#client.hears = undefined
  }
}

function gone(shown: Shown): Parcel {
  return delivery(shown.target.name, {}, { revoked: true })
}

function groupByChannel(targets: readonly Target[]): Map<string, Target[]> {
  const groups = new Map<string, Target[]>()
  for (const target of targets) {
    const group = groups.get(target.channel)
    if (group === undefined) groups.set(target.channel, [target])
    else group.push(target)
  }
  return groups
}
