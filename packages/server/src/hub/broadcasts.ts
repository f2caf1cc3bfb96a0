import { type BroadcastRequest, LockstepError } from '@lockstep/protocol'
import { encodeFrame, type Frame } from '../log/frame.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { Allowance } from './allowance.ts'
import { Batch } from './batch.ts'
import type { Connection } from './connection.ts'
import type { SubscriberLists } from './subscriber-list.ts'
import type { Subscription } from './subscription.ts'

export interface BroadcastBounds {
  readonly broadcastBytesMax: number
  readonly broadcastsPerSecond: number
  readonly channelBroadcastsPerSecond: number
}

/** What one turn brought to one channel. */
interface Turn {
  readonly frames: Frame[]
  /** Who sent it, where that is one only: it need not be told. */
  only: Connection | undefined
}

/** Channels whose rate is remembered; a rate that is forgotten begins anew. */
const channelsMax = 10_000

/**
 * What clients tell each other and nobody keeps: pointers, who is typing. Off unless the channel's rule lets an
 * audience do it. Whoever has no room does not get it. @see docs/protocol.md N5
 */
export class Broadcasts {
  readonly #lists: SubscriberLists
  readonly #runtime: Runtime
  readonly #bounds: BroadcastBounds
  readonly #channels = new Map<string, Allowance>()
  readonly #sessions = new WeakMap<Connection, Allowance>()
  readonly #turns = new Map<string, Turn>()

  constructor(lists: SubscriberLists, runtime: Runtime, bounds: BroadcastBounds) {
    this.#lists = lists
    this.#runtime = runtime
    this.#bounds = bounds
  }

  /** Answers only where it refuses. */
  take(connection: Connection, { id, channel, event, data }: BroadcastRequest): void {
    const { session } = connection
    const subscription = connection.subscriptions.get(channel)
    const refusal = this.#refusalOf(connection, subscription, data)
    if (refusal !== undefined) {
      connection.sendError(refusal, { id, channel })
      return
    }
    const message = { type: 'broadcast', channel, session: session?.id, event, data }
    const turn = this.#turns.get(channel)
    if (turn === undefined) {
      this.#turns.set(channel, { frames: [encodeFrame(JSON.stringify(message))], only: connection })
      if (this.#turns.size === 1) this.#runtime.endOfTurn(() => this.#flush())
    } else {
      turn.frames.push(encodeFrame(JSON.stringify(message)))
      if (turn.only !== connection) turn.only = undefined
    }
  }

  #refusalOf(
    connection: Connection,
    subscription: Subscription | undefined,
    data: BroadcastRequest['data'],
  ): LockstepError | undefined {
    if (subscription?.isGranted !== true) return new LockstepError('no_channel')
    const allowed = subscription.rule?.broadcasts ?? false
    const { audience, channel } = subscription
    if (typeof allowed === 'boolean' ? !allowed : !allowed.includes(audience))
      return new LockstepError('forbidden')
    const { broadcastBytesMax } = this.#bounds
    if (Buffer.byteLength(JSON.stringify(data)) > broadcastBytesMax) {
      return new LockstepError('too_large', `A broadcast has at most ${broadcastBytesMax} bytes.`)
    }
    return this.#isInTime(connection, channel) ? undefined : new LockstepError('too_fast')
  }

  #isInTime(connection: Connection, channel: string): boolean {
    const { broadcastsPerSecond, channelBroadcastsPerSecond } = this.#bounds
    const now = this.#runtime.now()
    const own =
      this.#sessions.get(connection) ?? new Allowance(broadcastsPerSecond, 2 * broadcastsPerSecond, now)
    this.#sessions.set(connection, own)
    if (!own.take(now)) return false
    let all = this.#channels.get(channel)
    if (all === undefined) {
      if (this.#channels.size >= channelsMax) this.#channels.clear()
      all = new Allowance(channelBroadcastsPerSecond, channelBroadcastsPerSecond, now)
      this.#channels.set(channel, all)
    }
    return all.take(now)
  }

  #flush(): void {
    const turns = [...this.#turns]
    this.#turns.clear()
    for (const [channel, { frames, only }] of turns) {
      const batch = new Batch(frames)
      for (const { subscribers } of this.#lists.of(channel)) {
        for (let i = 0; i < subscribers.length; i++) {
          const subscription = subscribers[i]
          if (subscription === undefined || subscription.state !== 'live') continue
          const { connection } = subscription
          if (connection === only || connection.full || !connection.caughtUp) continue
          if (!connection.carrier.send(batch)) connection.full = true
        }
      }
    }
  }
}
