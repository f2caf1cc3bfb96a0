import { encodePosition, type ResetReason } from '@lockstep/protocol'
import { encodeFrame, type Frame } from '../log/frame.ts'
import type { Delivery, LogEntry, Writer } from '../log/log.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { Batch } from './batch.ts'
import type { Connection } from './connection.ts'
import type { SubscriberList, SubscriberLists } from './subscriber-list.ts'
import type { Subscription } from './subscription.ts'

interface Confirmation {
  readonly writer: Writer
  readonly lsn: number
}

/**
 * Sends what one turn of the event loop brought, once, at the turn's end: each subscriber gets one write
 * however many changes came in. When idle a turn is one change, so nothing waits; under load a flush takes
 * longer, more arrives meanwhile, and the next turn is larger: batching adapts by itself.
 */
export class Fanout {
  readonly #lists: SubscriberLists
  readonly #runtime: Runtime
  readonly #hooks: FanoutHooks
  #dirty: SubscriberList[] = []
  #confirmations: Confirmation[] = []
  #scheduled = false

  constructor(lists: SubscriberLists, runtime: Runtime, hooks: FanoutHooks) {
    this.#lists = lists
    this.#runtime = runtime
    this.#hooks = hooks
  }

  /** Takes a commit's deliveries; they leave at the end of the turn. */
  take(lsn: number, deliveries: readonly Delivery[], writer: Writer | undefined): void {
    for (const delivery of deliveries) {
      const list = this.#lists.find(delivery.channel, delivery.view)
      if (list === undefined) continue
      if (list.turn.length === 0) this.#dirty.push(list)
      list.turn.push(delivery.entry)
    }
    if (writer?.mutation !== undefined) this.#confirmations.push({ writer, lsn })
    if (!this.#scheduled && (this.#dirty.length > 0 || this.#confirmations.length > 0)) {
      this.#scheduled = true
      this.#runtime.endOfTurn(() => {
        this.#scheduled = false
        this.flush()
      })
    }
  }

  /**
   * Sends what is at hand. Must be called before anything reads the log on behalf of a subscription:
   * the log is ahead of the subscribers by exactly what waits here.
   */
  flush(): void {
    const dirty = this.#dirty
    const confirmations = this.#confirmations
    if (dirty.length === 0 && confirmations.length === 0) return
    this.#dirty = []
    this.#confirmations = []
    // Resets first: a client must know of one before it gets the same commit on another channel.
    const turns = dirty.filter((list) => !this.#resetList(list)).map(takeTurn)
    const mixed: Mixed | undefined = turns.length > 1 ? new Map() : undefined
    for (const turn of turns) this.#sendTurn(turn, mixed)
    if (mixed !== undefined) sendMixed(mixed)
    for (const { writer, lsn } of confirmations) this.#hooks.confirm(writer, lsn)
  }

  /** Connections of several subscriptions, which may have to get several turns in commit order, go to `mixed`. */
  #sendTurn(turn: Turn, mixed: Mixed | undefined): void {
    const { batch } = turn
    const { subscribers } = turn.list
    const before = (turn.entries[0]?.lsn ?? 0) - 1
    for (let i = 0; i < subscribers.length; i++) {
      const subscription = subscribers[i]
      if (subscription === undefined || subscription.state !== 'live') continue
      const { connection } = subscription
      // One subscription that is behind holds the others back: a commit on both must not be seen by halves (G5).
      if (connection.full || connection.behind > 0) this.#hooks.fallBehind(subscription, before)
      else if (mixed !== undefined && connection.subscriptions.size > 1) {
        const turns = mixed.get(connection)
        if (turns === undefined) mixed.set(connection, [turn])
        else turns.push(turn)
      } else if (!connection.carrier.send(batch)) connection.full = true
    }
  }

  /** Where rows cannot be told as changes everyone gets a snapshot, which includes what came before the marker. */
  #resetList(list: SubscriberList): boolean {
    const reason = list.turn.findLast((entry) => entry.frame === undefined)?.reset
    if (reason === undefined) return false
    list.turn = []
    for (const subscription of [...list.subscribers]) {
      if (subscription.state === 'live') this.#hooks.reload(subscription, reason)
    }
    return true
  }
}

/** What one turn of the event loop brought to one list. */
interface Turn {
  readonly list: SubscriberList
  readonly number: number
  readonly entries: readonly LogEntry[]
  readonly batch: Batch
}

type Mixed = Map<Connection, Turn[]>

function takeTurn(list: SubscriberList, number: number): Turn {
  const entries = list.turn
  list.turn = []
  return { list, number, entries, batch: new Batch(entries.map(frameOf)) }
}

/** Most connections have the same few sets of channels: each set's batch is merged once. */
function sendMixed(mixed: Mixed): void {
  const merged = new Map<string, Batch>()
  for (const [connection, turns] of mixed) {
    const [only] = turns
    if (turns.length === 1 && only !== undefined) {
      connection.sendBatch(only.batch)
      continue
    }
    const set = turns.map((turn) => turn.number).join()
    let batch = merged.get(set)
    if (batch === undefined) {
      batch = new Batch(mergeEntries(turns.flatMap((turn) => turn.entries)))
      merged.set(set, batch)
    }
    connection.sendBatch(batch)
  }
}

export interface FanoutHooks {
  /** The carrier is full: the subscription goes on from the log, after `sentLsn`, when there is room. */
  fallBehind(subscription: Subscription, sentLsn: number): void
  reload(subscription: Subscription, reason: ResetReason): void
  confirm(writer: Writer, lsn: number): void
}

function frameOf(entry: LogEntry): Frame {
  if (entry.frame === undefined) throw new Error('a reset marker has no frame')
  return entry.frame
}

const bundles = new Map<number, Frame>()

/** `{"type":"bundle","count":n}`, made once per count. */
function bundleFrame(count: number): Frame {
  let frame = bundles.get(count)
  if (frame === undefined) {
    frame = encodeFrame(JSON.stringify({ type: 'bundle', count }))
    // A session has at most subscriptionsMax channels, which bounds the counts.
    bundles.set(count, frame)
  }
  return frame
}

/**
 * Entries of several channels of one connection, in commit order; those of one commit are announced by a
 * bundle, so that the client applies them together (G5).
 */
export function mergeEntries(entries: LogEntry[]): Frame[] {
  entries.sort((a, b) => a.lsn - b.lsn)
  const frames: Frame[] = []
  for (let i = 0; i < entries.length; ) {
    const lsn = entries[i]?.lsn
    let end = i + 1
    while (end < entries.length && entries[end]?.lsn === lsn) end++
    if (end - i > 1) frames.push(bundleFrame(end - i))
    for (; i < end; i++) {
      const entry = entries[i]
      if (entry !== undefined) frames.push(frameOf(entry))
    }
  }
  return frames
}

/** Encodes a confirmation once; only the writer's session gets it. */
export function confirmedBatch(mutation: string, epoch: string, lsn: number): Batch {
  return Batch.of({ type: 'confirmed', mutation, position: encodePosition({ epoch, lsn }) })
}
