import { LockstepError, type ServerMessage } from '@lockstep/protocol'
import { encodeFrame, type Frame } from '../log/frame.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { Batch } from './batch.ts'
import type { Connection } from './connection.ts'
import type { SubscriberLists } from './subscriber-list.ts'
import type { Subscription } from './subscription.ts'

/** What a channel's subscribers are told beside its transactions: a state of named entries, in no log. */
export interface NoticeSource {
  /** Least time between two messages of changes of a channel, in ms; 0: once per turn. */
  readonly restMs: number
  /** Everything, as it stands; undefined: this channel has none of it. */
  current(channel: string): ServerMessage | undefined
  /** These entries, as they stand. */
  changes(channel: string, names: ReadonlySet<string>): ServerMessage
}

/** Changes of one channel that are yet to be told. */
interface Pending {
  names: Set<string>
  /** It was told of others a moment ago. */
  resting: boolean
}

/** Channels whose encoded state is kept for the next who comes. */
const keptMax = 1_000

/**
 * Tells subscribers of channels' states: changes once per turn, or not more often than a source wants, in one
 * frame for all; everything to whoever becomes live. Nothing waits for a slow connection: what it missed is made up by
 * everything, when it has room.
 */
export class Notices {
  readonly #lists: SubscriberLists
  readonly #runtime: Runtime
  readonly #flushChanges: () => void
  readonly #pending = new Map<NoticeSource, Map<string, Pending>>()
  readonly #kept = new Map<NoticeSource, Map<string, Frame>>()
  /** What is told at the end of the turn. */
  readonly #due = new Map<Pending, { source: NoticeSource; channel: string }>()
  #scheduled = false

  /** `flushChanges`: sends the transactions that are at hand. */
  constructor(lists: SubscriberLists, runtime: Runtime, flushChanges: () => void) {
    this.#lists = lists
    this.#runtime = runtime
    this.#flushChanges = flushChanges
  }

  add(source: NoticeSource): void {
    this.#pending.set(source, new Map())
    this.#kept.set(source, new Map())
  }

  /** An entry has changed, come or gone. */
  touch(source: NoticeSource, channel: string, name: string): void {
    const channels = this.#pending.get(source)
    const pending = channels?.get(channel) ?? { names: new Set(), resting: false }
    channels?.set(channel, pending)
    pending.names.add(name)
    // Whoever comes in the meantime gets what was so at the last message, and the changes with all others.
    if (!pending.resting) this.#dueNow(source, channel, pending)
  }

  #dueNow(source: NoticeSource, channel: string, pending: Pending): void {
    this.#kept.get(source)?.delete(channel)
    this.#due.set(pending, { source, channel })
    if (this.#scheduled) return
    this.#scheduled = true
    this.#runtime.endOfTurn(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  /** Everything of a channel, encoded once for all who come until something changes. */
  everything(channel: string): readonly Frame[] {
    return [...this.#kept].flatMap(([source, kept]) => {
      let frame = kept.get(channel)
      if (frame === undefined) {
        const message = source.current(channel)
        if (message === undefined) return []
        frame = encodeFrame(JSON.stringify(message))
        if (kept.size >= keptMax) kept.clear()
        kept.set(channel, frame)
      }
      return frame
    })
  }

  /** Everything of a channel, for a connection that asks to be told once more. */
  look(connection: Connection, id: number, channel: string): void {
    if (connection.subscriptions.get(channel)?.isGranted !== true)
      connection.sendError(new LockstepError('no_channel'), { id, channel })
    else
      connection.sendBatch(new Batch([...this.everything(channel), ...Batch.of({ type: 'done', id }).frames]))
  }

  /** Everything once more, for a subscriber that has begun to listen to it; one that is not live yet gets it then. */
  repeat(subscription: Subscription): void {
    const { connection } = subscription
    if (!subscription.isGranted || subscription.announce) return
    this.#flushChanges()
    miss(subscription)
    if (!connection.full && connection.caughtUp) this.makeUp(connection)
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
    const due = [...this.#due]
    this.#due.clear()
    for (const [pending, { source, channel }] of due) {
      const { names } = pending
      pending.names = new Set()
      this.#kept.get(source)?.delete(channel)
      this.#tell(channel, source.changes(channel, names))
      if (source.restMs === 0) this.#pending.get(source)?.delete(channel)
      else {
        pending.resting = true
        this.#runtime.timer(source.restMs, () => this.#rested(source, channel, pending))
      }
    }
  }

  #rested(source: NoticeSource, channel: string, pending: Pending): void {
    pending.resting = false
    if (pending.names.size > 0) this.#dueNow(source, channel, pending)
    else this.#pending.get(source)?.delete(channel)
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
