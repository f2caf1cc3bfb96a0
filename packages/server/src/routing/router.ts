import type { ResetReason } from '@lockstep/protocol'
import type { Bus, BusEntry } from '../bus/bus.ts'
import type { Collection, Sync } from '../definition/definition.ts'
import type { Logger } from '../runtime/logger.ts'
import type { RowEvent, SourceSink, Tuple } from '../source/source.ts'
import { ChannelChanges } from './channel-changes.ts'
import { type CollectionPlan, keyOf, planOf } from './plan.ts'
import type { RoutedChannel } from './routing.ts'
import { channelsOf, holds, none, rowOf, staysInPlace } from './row.ts'
import { RowTexts } from './row-texts.ts'
import { writeChanges, writeRow } from './row-writer.ts'
import { readWriterMessage } from './writer-message.ts'

export interface RouterParts {
  readonly sync: Sync
  readonly bus: Pick<Bus, 'append'>
  readonly limits: RouterLimits
  readonly logger: Logger
}

/** In bytes of JSON text, over all views that differ in what they show. */
export interface RouterLimits {
  readonly transactionBytesMax: number
  readonly transactionTotalBytesMax: number
}

/** A change that cannot be told: its value is too large to be in the stream (unchanged TOAST). */
const untold: ResetReason = 'too_large'

/** What a channel costs beside its text, so that a transaction of very many channels is bounded too. */
const channelSize = 200

/** What a row's change costs beside its text. */
const rowSize = 16

/** Rows that are told no more may take up as much as this before they are cleared away. */
const deadBytesMax = 1_048_576

/** Turns rows into channels' changes: the net effect of each commit, per channel and view. */
export class Router implements SourceSink {
  readonly #parts: RouterParts
  readonly #plans: ReadonlyMap<Collection, CollectionPlan>
  #channels = new Map<string, ChannelChanges>()
  #recent: ChannelChanges | undefined
  #rows = new RowTexts()
  #size = 0
  #resetAll: ResetReason | undefined
  /** Collections whose channels are reset. */
  readonly #resetCollections = new Set<Collection>()
  #resetReason: ResetReason = untold
  #xid = 0
  #lsn = 0
  #at = 0
  #session: string | undefined
  #mutation: string | undefined
  #warned = false
  #takenLsn = 0
  /** Counts epochs: what is taken of an earlier one says nothing of this one. */
  #epochs = 0

  constructor(parts: RouterParts) {
    this.#parts = parts
    this.#plans = new Map(
      parts.sync.collections.map((collection) => [collection, planOf(collection, parts.sync)]),
    )
  }

  /** Everything up to this LSN has been taken by the bus and may be acknowledged. */
  get takenLsn(): number {
    return this.#takenLsn
  }

  begin(xid: number, lsn: number, at: number): void {
    this.#clear()
    this.#xid = xid
    this.#lsn = lsn
    this.#at = at
  }

  change(collection: Collection, before: Tuple | null, after: Tuple | null, event: RowEvent): void {
    const plan = this.#plans.get(collection)
    if (plan === undefined || this.#resetAll !== undefined) return
    if (event === 'create') {
      if (after !== null) this.#create(plan, after)
    } else if (event === 'destroy') {
      if (before !== null) this.#destroy(plan, before)
    } else if (after !== null) {
      if (before === null ? holds(plan, after) : staysInPlace(plan, before, after)) {
        this.#update(plan, before, after)
      } else if (before !== null) this.#move(plan, before, after)
      else this.#resetCollection(collection, untold)
    }
  }

  truncate(collection: Collection): void {
    // Which of its channels the rows were in cannot be told any more.
    this.#resetCollection(collection, 'truncated')
  }

  untold(collection: Collection): void {
    this.#resetCollection(collection, untold)
  }

  message(content: string): void {
    const message = readWriterMessage(content)
    if (typeof message === 'string') {
      // Any program may write such messages, a million of them in a transaction.
      if (!this.#warned)
        this.#parts.logger.warn(`ignored a lockstep message of transaction ${this.#xid}: ${message}`)
      this.#warned = true
      return
    }
    this.#session = message.session ?? this.#session
    this.#mutation = message.mutation ?? this.#mutation
    for (const { channel, text } of message.operations) {
      if (this.#resetAll !== undefined) return
      const changes = this.#changesOf(channel)
      if (changes.isReset) continue
      changes.addOperation(text)
      this.#grow(changes, text.length)
    }
  }

  commit(): void {
    const writer = this.#writer()
    if (this.#resetAll !== undefined) this.#tellReset('every channel', this.#resetAll, writer)
    else if (this.#resetCollections.size > 0) {
      const collections = [...this.#resetCollections]
      const templates = collections.flatMap(({ channels }) => channels.map(({ template }) => template))
      // What else the commit did goes with the reset, so that it shows whole.
      const scope = { templates, channels: [...this.#channels.keys()] }
      const names = collections.map(({ name }) => name).join(', ')
      this.#tellReset(`the channels of ${names}`, this.#resetReason, { ...writer, scope })
    } else {
      const channels: RoutedChannel[] = []
      for (const changes of this.#channels.values()) {
        const routed = changes.routed(this.#parts.sync.viewCount)
        if (routed !== undefined) channels.push(routed)
      }
      const transaction = { xid: this.#xid, lsn: this.#lsn, at: this.#at, ...writer, channels }
      this.#append({ kind: 'transaction', transaction }, this.#lsn)
    }
    this.#clear()
  }

  progress(lsn: number): void {
    this.#append({ kind: 'progress', lsn }, lsn)
  }

  epoch(epoch: string, lsn: number): void {
    this.#clear() // a transaction whose rest was lost with the slot
    this.#epochs++
    this.#takenLsn = Math.min(this.#takenLsn, lsn)
    this.#append({ kind: 'epoch', epoch, lsn }, lsn)
  }

  // ---- rows ---------------------------------------------------------------------------------------------

  #create(plan: CollectionPlan, after: Tuple): void {
    this.#enter(plan, after, null, none)
  }

  #destroy(plan: CollectionPlan, before: Tuple): void {
    if (!holds(plan, before)) {
      this.#resetCollection(plan.collection, untold)
      return
    }
    const key = keyOf(plan.collection.key, before)
    if (key === undefined) return
    for (const channel of channelsOf(plan, before)) this.#destroyIn(channel, plan, key)
  }

  /** An update that leaves key and channels as they are; `after` holds them. */
  #update(plan: CollectionPlan, before: Tuple | null, after: Tuple): void {
    const key = keyOf(plan.collection.key, after)
    if (key !== undefined) this.#updateIn(channelsOf(plan, after), plan, key, before, after)
  }

  /** An update that changes the key, or may change the channels. */
  #move(plan: CollectionPlan, before: Tuple, after: Tuple): void {
    const row = rowOf(after, before)
    // An old version tells at least the identity; where that lacks a channel, the row may have left it.
    if (!holds(plan, row) || !holds(plan, before)) {
      this.#resetCollection(plan.collection, untold)
      return
    }
    const oldKey = keyOf(plan.collection.key, before)
    const key = keyOf(plan.collection.key, row)
    if (oldKey !== undefined && oldKey === key) {
      this.#moveChannels(plan, before, after, channelsOf(plan, before), channelsOf(plan, row), key)
      return
    }
    if (oldKey !== undefined) {
      for (const channel of channelsOf(plan, before)) this.#destroyIn(channel, plan, oldKey)
    }
    this.#enter(plan, after, before, none)
  }

  #moveChannels(
    plan: CollectionPlan,
    before: Tuple,
    after: Tuple,
    oldChannels: readonly string[],
    channels: readonly string[],
    key: string,
  ): void {
    for (const channel of oldChannels) {
      if (!channels.includes(channel)) this.#destroyIn(channel, plan, key)
    }
    const kept = oldChannels.filter((channel) => channels.includes(channel))
    this.#updateIn(kept, plan, key, before, after)
    this.#enter(plan, after, before, oldChannels)
  }

  /** Creates the whole row in its channels but those it is in already. */
  #enter(plan: CollectionPlan, after: Tuple, before: Tuple | null, present: readonly string[]): void {
    const row = before === null ? after : rowOf(after, before)
    const key = keyOf(plan.collection.key, row)
    if (key === undefined) return
    let first = -1
    let size = 0
    for (const channel of channelsOf(plan, row)) {
      if (present.includes(channel)) continue
      const changes = this.#changesOf(channel)
      if (changes.isReset) continue
      if (first === -1) {
        first = this.#rows.next
        size = writeRow(this.#rows, plan, key, after, before)
      }
      if (size === -1) this.#size -= changes.reset(untold)
      else {
        changes.create(plan, key, first)
        this.#grow(changes, rowSize + size)
      }
    }
    this.#clearAway()
  }

  /** Tells in channels that the row stays in what changed of it. The channels share its text. */
  #updateIn(
    channels: readonly string[],
    plan: CollectionPlan,
    key: string,
    before: Tuple | null,
    after: Tuple,
  ): void {
    const first = this.#rows.next
    const size = writeChanges(this.#rows, plan, key, after, before)
    let isTold = false
    for (const channel of size === 0 ? none : channels) {
      const changes = this.#changesOf(channel)
      if (changes.isReset) continue
      changes.update(plan, key, first)
      this.#grow(changes, rowSize + size)
      isTold = true
    }
    if (isTold) this.#clearAway()
    else this.#rows.cut(first)
  }

  #destroyIn(channel: string, plan: CollectionPlan, key: string): void {
    const changes = this.#changesOf(channel)
    if (changes.isReset) return
    changes.destroy(plan, key)
    this.#grow(changes, rowSize + key.length)
  }

  // ---- bounds -------------------------------------------------------------------------------------------

  #changesOf(channel: string): ChannelChanges {
    if (this.#recent?.channel === channel) return this.#recent
    let changes = this.#channels.get(channel)
    if (changes === undefined) {
      changes = new ChannelChanges(channel, this.#rows)
      this.#channels.set(channel, changes)
      this.#size += channelSize
    }
    this.#recent = changes
    return changes
  }

  #grow(changes: ChannelChanges, size: number): void {
    const { transactionBytesMax, transactionTotalBytesMax } = this.#parts.limits
    changes.size += size
    this.#size += size
    if (changes.size > transactionBytesMax) this.#size -= changes.reset('too_large')
    if (this.#size > transactionTotalBytesMax) this.#resetEverything('too_large')
  }

  /**
   * Frees the texts of rows that are told no more, once they are most of what is held: those of channels
   * that were reset. Sizes count every row that was gathered, so no other rows can come to that much.
   */
  #clearAway(): void {
    if (this.#rows.bytes <= deadBytesMax + 2 * this.#size) return
    const rows = new RowTexts()
    for (const changes of this.#channels.values()) changes.moveTo(rows)
    this.#rows = rows
  }

  /** The channels that rows of the collection may be in. */
  #resetCollection(collection: Collection, reason: ResetReason): void {
    if (this.#resetCollections.size === 0) this.#resetReason = reason
    this.#resetCollections.add(collection)
  }

  #resetEverything(reason: ResetReason): void {
    this.#resetAll ??= reason
    this.#channels.clear()
    this.#rows.clear()
    this.#recent = undefined
    this.#size = 0
  }

  // ---- out ----------------------------------------------------------------------------------------------

  #writer(): { session?: string; mutation?: string } {
    return {
      ...(this.#session === undefined ? undefined : { session: this.#session }),
      ...(this.#mutation === undefined ? undefined : { mutation: this.#mutation }),
    }
  }

  #tellReset(what: string, reason: ResetReason, more: Partial<BusEntry & { kind: 'reset' }>): void {
    this.#parts.logger.warn(`transaction ${this.#xid} resets ${what}: ${reason}`)
    this.#append({ kind: 'reset', lsn: this.#lsn, reason, xid: this.#xid, ...more }, this.#lsn)
  }

  #append(entry: BusEntry, lsn: number): void {
    const taken = this.#parts.bus.append(entry)
    if (taken === undefined) this.#takenLsn = lsn
    else {
      // The bus has the memory of the former until it has taken the entry.
      if (entry.kind === 'transaction') this.#rows = new RowTexts()
      const epochs = this.#epochs
      taken.then(() => {
        if (epochs === this.#epochs) this.#takenLsn = lsn
      })
    }
  }

  #clear(): void {
    // Not `clear`: V8 leaves a link from the old table to the new one, and a table that grew old would keep
    // what every later commit has gathered until the next full collection.
    if (this.#channels.size > 0) this.#channels = new Map()
    this.#rows.clear()
    this.#recent = undefined
    this.#size = 0
    this.#resetAll = undefined
    if (this.#resetCollections.size > 0) this.#resetCollections.clear()
    this.#warned = false
    this.#session = undefined
    this.#mutation = undefined
  }
}
