import { LockstepError, type ServerMessage } from '@lockstep/protocol'
import { encodeFrame, type Frame } from '../log/frame.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { Batch } from './batch.ts'
import type { Connection } from './connection.ts'
import type { SubscriberLists } from './subscriber-list.ts'
import type { Subscription } from './subscription.ts'

/** What a channel's subscribers are told beside its transactions: a state of named entries, in no log. */
export interface NoticeSource {
  /** Everything, as it stands; undefined: this channel has none of it. */
  current(channel: string): ServerMessage | undefined
  /** These entries, as they stand. */
  changes(channel: string, names: ReadonlySet<string>): ServerMessage
}

/** Channels whose encoded state is kept for the next who comes. */
const keptMax = 1_000

/**
 * Tells subscribers of channels' states: changes once per turn, in one frame for all; everything to whoever
 * becomes live. Nothing waits for a slow connection: what it missed is made up by everything, when it has room.
 */
export class Notices {
  readonly #lists: SubscriberLists
  readonly #runtime: Runtime
  readonly #flushChanges: () => void
  readonly #sources: NoticeSource[] = []
  readonly #dirty = new Map<NoticeSource, Map<string, Set<string>>>()
  readonly #kept = new Map<string, readonly Frame[]>()
  #scheduled = false

  /** `flushChanges`: sends the transactions that are at hand. */
  constructor(lists: SubscriberLists, runtime: Runtime, flushChanges: () => void) {
    this.#lists = lists
    this.#runtime = runtime
    this.#flushChanges = flushChanges
  }

  add(source: NoticeSource): void {
    this.#sources.push(source)
  }

  /** An entry has changed, come or gone. */
  touch(source: NoticeSource, channel: string, name: string): void {
    this.#kept.delete(channel)
    const channels = this.#dirty.get(source) ?? new Map<string, Set<string>>()
    this.#dirty.set(source, channels)
    const names = channels.get(channel) ?? new Set()
    channels.set(channel, names.add(name))
    if (this.#scheduled) return
    this.#scheduled = true
    this.#runtime.endOfTurn(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  /** Everything of a channel, encoded once for all who come until something changes. */
  everything(channel: string): readonly Frame[] {
    let frames = this.#kept.get(channel)
    if (frames === undefined) {
      frames = this.#sources.flatMap((source) => {
        const message = source.current(channel)
        return message === undefined ? [] : [encodeFrame(JSON.stringify(message))]
      })
      if (this.#kept.size >= keptMax) this.#kept.clear()
      this.#kept.set(channel, frames)
    }
    return frames
  }

  /** Everything of a channel, for a connection that asks to be told once more. */
  look(connection: Connection, id: number, channel: string): void {
    if (connection.subscriptions.get(channel)?.isGranted !== true)
      connection.sendError(new LockstepError('no_channel'), { id, channel })
    else
      connection.sendBatch(new Batch([...this.everything(channel), ...Batch.of({ type: 'done', id }).frames]))
  }

  /** Makes up for what a connection that has room again and has caught up was not told. */
  makeUp(connection: Connection): void {
    const { missed } = connection
    if (missed === undefined) return
    connection.missed = undefined
    const frames = [...missed].flatMap(({ channel }) => this.everything(channel))
    if (frames.length > 0) connection.sendBatch(new Batch(frames))
  }

  #flush(): void {
    // What was committed before is told before.
    this.#flushChanges()
    for (const [source, channels] of this.#dirty) {
      for (const [channel, names] of channels) this.#tell(channel, source.changes(channel, names))
    }
    this.#dirty.clear()
  }

  #tell(channel: string, message: ServerMessage): void {
    const lists = this.#lists.of(channel)
    if (lists.length === 0) return
    const batch = Batch.of(message)
    for (const { subscribers } of lists) {
      for (let i = 0; i < subscribers.length; i++) {
        const subscription = subscribers[i]
        if (subscription === undefined) continue
        const { connection } = subscription
        if (subscription.state === 'live' && !connection.full && connection.caughtUp) {
          if (!connection.carrier.send(batch)) connection.full = true
        } else if (!subscription.announce) miss(subscription)
        // Others are told everything as soon as they are live.
      }
    }
  }
}

function miss(subscription: Subscription): void {
  const { connection } = subscription
  connection.missed ??= new Set()
  connection.missed.add(subscription)
}
