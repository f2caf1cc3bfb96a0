import {
  type LockstepError,
  type Operations,
  type Position,
  parsePosition,
  type ServerMessage,
} from '@lockstep/protocol'
import type { Hub } from '../../hub/hub.ts'
import type { BayeuxClient } from './client.ts'
import { delivery, type Encoded, type Mapping, type Target } from './mapping.ts'
import { Refusal } from './message.ts'

export interface SubscriptionsParts {
  readonly hub: Pick<Hub, 'subscribe' | 'unsubscribe' | 'flush'>
  readonly mapping: Mapping
  /** The log's end. */
  position(): Position
}

/** A Bayeux channel of a client that shows one of the hub's. */
interface Shown {
  readonly target: Target
  /** Subscriptions of the client that match it. */
  readonly patterns: Set<string>
  /** Everything up to here was delivered, or was before the subscription. */
  after: number
}

interface HubChannel {
  readonly shown: Map<string, Shown>
  /** Everything up to here was delivered of the hub's channel. */
  lsn: number
  reset: string | undefined
}

/**
 * One client's subscriptions, folded into at most one of the hub's per channel. What the hub tells of a
 * channel goes to those of the client's that have not had it yet.
 */
export class Subscriptions {
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
    const state: HubChannel = known ?? { shown: new Map(), lsn: 0, reset: undefined }
    const before = new Map([...state.shown].map(([name, shown]) => [name, shown.after]))
    const start = from ?? now
    const isOld = start.epoch !== now.epoch
    for (const target of targets) {
      const shown = state.shown.get(target.name)
      const after = isOld ? 0 : start.lsn
      if (shown === undefined) {
        state.shown.set(target.name, { target, patterns: new Set([pattern]), after })
      } else {
        shown.patterns.add(pattern)
        if (from !== undefined) shown.after = after
      }
    }
    if (known !== undefined && !isOld && start.lsn >= known.lsn) return undefined
    this.#channels.set(channel, state)
    state.lsn = isOld ? 0 : start.lsn
    const refusal = await this.#ask(channel, start)
    if (refusal === undefined) return undefined
    // The hub has ended what there was of the channel as well.
    this.#channels.delete(channel)
    if (before.size > 0) this.#client.deliver([...state.shown.values()].map((shown) => gone(shown)))
    return refusal
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
    for (const [channel, { shown }] of this.#channels) {
      for (const [name, { patterns }] of shown) {
        if (patterns.delete(pattern) && patterns.size === 0) shown.delete(name)
      }
      if (shown.size > 0) continue
      this.#channels.delete(channel)
      if (this.#client.connection !== undefined) this.#parts.hub.unsubscribe(this.#client.connection, channel)
    }
    return true
  }

  /** Nobody answers any more. */
  end(): void {
    for (const id of [...this.#asked.keys()]) this.#answer(id, 'unavailable')
    this.#channels.clear()
  }

  // ---- what the hub says ----------------------------------------------------------------------------

  transaction(transaction: Encoded): readonly string[] {
    const state = this.#channels.get(transaction.message.channel)
    if (state === undefined) return []
    const { lsn } = transaction
    if (lsn > state.lsn) state.lsn = lsn
    let only: readonly string[] | undefined
    let several: string[] | undefined
    for (const shown of state.shown.values()) {
      if (shown.after >= lsn) continue
      shown.after = lsn
      const texts = transaction.textsFor(shown.target)
      if (only === undefined) only = texts
      else {
        several ??= [...only]
        several.push(...texts)
      }
    }
    return several ?? only ?? []
  }

  /** The hub starts the channel anew: what lies between is not told, so the client must be. */
  snapshot(channel: string, position: string): readonly string[] {
    const state = this.#channels.get(channel)
    if (state === undefined) return []
    const reset = state.reset ?? 'epoch'
    state.reset = undefined
    state.lsn = parsePosition(position).lsn
    return [...state.shown.values()].map((shown) => {
      shown.after = state.lsn
      return delivery(shown.target.name, {}, { reset, position })
    })
  }

  control(message: ServerMessage): readonly string[] {
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
  #operations({ channel, operations }: Operations): readonly string[] {
    const shown = this.#channels.get(channel)?.shown.values() ?? []
    const names = [...shown].filter(({ target }) => target.collection === undefined)
    return names.flatMap(({ target: { name } }) =>
      operations.map(({ operation, envelope }) => delivery(name, { operation, envelope, session_id: null })),
    )
  }

  #moveOn(lsn: number, channel: string | undefined): void {
    for (const [name, state] of this.#channels) {
      if (channel === undefined || name === channel) state.lsn = Math.max(state.lsn, lsn)
    }
  }

  #lose(channel: string): readonly string[] {
    const state = this.#channels.get(channel)
    if (state === undefined) return []
    this.#channels.delete(channel)
    return [...state.shown.values()].map(gone)
  }
}

function gone(shown: Shown): string {
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
