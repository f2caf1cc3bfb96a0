import { type ClientMessage, parsePosition, type ServerMessage } from '@lockstep/protocol'
import type { HistoryEvent, PositionTold, Subscribing } from './history.ts'

const prefix = 'room/'

interface Subscription {
  readonly request: number
  phase: 'asked' | 'filling' | 'live'
}

/**
 * The part of a client's history that is seen on its wire: what it asks for, and each message with a position. Both are
 * taken where the client's code says and hears them. One for each client; `lost` with each connection that ends.
 */
export class Wire {
  readonly #client: string
  readonly #subscriptions = new Map<string, Subscription>()

  constructor(client: string) {
    this.#client = client
  }

  said(at: number, message: ClientMessage): HistoryEvent[] {
    if (message.type === 'subscribe') {
      this.#subscriptions.set(message.channel, { request: message.id, phase: 'asked' })
      const from = message.position === undefined ? {} : parsePosition(message.position)
      return [this.#subscribing(at, message.channel, 'asked', from)]
    }
    if (message.type !== 'unsubscribe' || !this.#subscriptions.delete(message.channel)) return []
    return [this.#subscribing(at, message.channel, 'left')]
  }

  /** At least one event: whatever it says, it is a sign of life. */
  heard(at: number, message: ServerMessage): HistoryEvent[] {
    const events = this.#hear(at, message)
    const isSign = events.some((event) => event.kind !== 'subscription' || event.what === 'granted')
    return isSign ? events : [...events, { kind: 'heard', at, client: this.#client, type: message.type }]
  }

  #hear(at: number, message: ServerMessage): HistoryEvent[] {
    switch (message.type) {
      case 'heartbeat':
        return [...this.#subscriptions]
          .filter(([, { phase }]) => phase === 'live')
          .map(([channel]) => this.#position(at, channel, 'heartbeat', message.position))
      case 'error':
        return [...this.#subscriptions]
          .filter(([channel, { request, phase }]) => {
            const named = message.id === undefined ? channel === message.channel : request === message.id
            return named && phase !== 'live'
          })
          .map(([channel]) => this.#end(at, channel))
      case 'revoked':
        return this.#subscriptions.has(message.channel) ? [this.#end(at, message.channel)] : []
      case 'subscribed': {
        const subscription = this.#subscriptions.get(message.channel)
        if (subscription?.request !== message.id) return []
        subscription.phase = 'filling'
        return [this.#subscribing(at, message.channel, 'granted')]
      }
      case 'reset':
      case 'snapshot':
      case 'transaction':
      case 'live': {
        const subscription = this.#subscriptions.get(message.channel)
        // What comes before the grant is of an earlier request, and no client looks at it.
        if (subscription === undefined || subscription.phase === 'asked') return []
        if (message.type === 'reset') {
          subscription.phase = 'filling'
          const { reason } = message
          return [{ ...this.#position(at, message.channel, 'reset', undefined), reason }]
        }
        if (message.type === 'live') subscription.phase = 'live'
        const told = this.#position(at, message.channel, message.type, message.position)
        return [message.type === 'transaction' ? { ...told, prev: parsePosition(message.prev).lsn } : told]
      }
      default:
        return [{ kind: 'heard', at, client: this.#client, type: message.type }]
    }
  }

  lost(at: number): HistoryEvent[] {
    return [...this.#subscriptions.keys()].map((channel) => this.#end(at, channel))
  }

  #end(at: number, channel: string): Subscribing {
    this.#subscriptions.delete(channel)
    return this.#subscribing(at, channel, 'ended')
  }

  #subscribing(
    at: number,
    channel: string,
    what: Subscribing['what'],
    from: Pick<Subscribing, 'epoch' | 'lsn'> = {},
  ): Subscribing {
    return { kind: 'subscription', at, client: this.#client, room: roomOf(channel), what, ...from }
  }

  #position(at: number, channel: string, type: PositionTold['type'], position?: string): PositionTold {
    const { epoch, lsn } = position === undefined ? { epoch: '', lsn: 0 } : parsePosition(position)
    return { kind: 'position', at, client: this.#client, room: roomOf(channel), type, epoch, lsn }
  }
}

export function roomOf(channel: string): string {
  return channel.slice(prefix.length)
}

/** Whose content is in a message, for `sent`: the room, and whether there are memos; undefined where there is none. */
export function contentOf(message: ServerMessage): { room: string; withMemo: boolean } | undefined {
  switch (message.type) {
    case 'snapshot':
      return {
        room: roomOf(message.channel),
        withMemo: message.collections['accounts']?.columns.includes('memo') ?? false,
      }
    case 'transaction': {
      const { create = {}, update = {} } = message.changes['accounts'] ?? {}
      const withMemo = [...Object.values(create), ...Object.values(update)].some((row) => 'memo' in row)
      return { room: roomOf(message.channel), withMemo }
    }
    case 'current_locks':
    case 'locks':
    case 'locked':
    case 'asked':
    case 'connected_users':
    case 'presence':
    case 'broadcast':
    case 'operations':
      return { room: roomOf(message.channel), withMemo: false }
    default:
      return undefined
  }
}
