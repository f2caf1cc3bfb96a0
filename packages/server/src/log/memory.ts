import type { Position, ResetReason } from '@lockstep/protocol'
import type { BusEntry, ResetScope } from '../bus/bus.ts'
import type { RoutedChannel, RoutedTransaction } from '../routing/routing.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Frame } from './frame.ts'
import type { Delivery, Log, LogPin, LogRange, LogReader, LogStatus, Writer } from './log.ts'
import { frameMessage, transactionText } from './message-text.ts'
import { isInScope, PartialResets } from './partial-resets.ts'
import { Recency } from './recency.ts'
import { TrimmedXids } from './trimmed-xids.ts'
import { HeldEntry, Window } from './window.ts'

export interface MemoryLogParts {
  readonly viewCount: number
  readonly runtime: Pick<Runtime, 'now'>
  readonly limits: MemoryLogLimits
}

export interface MemoryLogLimits {
  readonly retentionMs: number
  /** Window of one channel and view, in bytes. Its newest entry is kept even if that alone is more. */
  readonly logBytesMax: number
  readonly logTotalBytesMax: number
  /** Windows held, one per channel and view; default 250,000. */
  readonly logWindowsMax?: number
}

const windowsMaxDefault = 250_000

/** How many times its bound a pinned window may grow. */
const pinnedShare = 4

/**
 * The log in memory.
 *
 * A window that has become empty is forgotten, so that a hundred thousand channels that were once written
 * to cost nothing. All that is kept of it is `#floor`, the newest LSN any forgotten window was trimmed at:
 * everything that ever happened in a channel without a window happened at or before the floor, so a
 * position at or after the floor has missed nothing and can be continued; one before the floor may have
 * missed something, and is told `trimmed`. Entries are trimmed oldest first over all channels, hence the
 * floor is never beyond the oldest entry, and a quiet channel is not reset because of a busy one.
 */
export class MemoryLog implements Log {
  readonly #parts: MemoryLogParts
  readonly #readers: LogReader[] = []
  /** Channel to its windows by view. */
  readonly #channels = new Map<string, (Window | undefined)[]>()
  readonly #recency = new Recency()
  readonly #trimmedXids = new TrimmedXids()
  readonly #pins = new Map<string, Set<Pin>>()
  #epoch = ''
  #lsn = 0
  #floor = 0
  /** The last reset of all channels, and where positions that it voids began. */
  #reset: { readonly lsn: number; readonly floor: number; readonly reason: ResetReason } | undefined
  readonly #partialResets = new PartialResets()
  #windows = 0
  #entries = 0
  #bytes = 0

  constructor(parts: MemoryLogParts) {
    this.#parts = parts
  }

  get position(): Position {
    return { epoch: this.#epoch, lsn: this.#lsn }
  }

  onAppend(reader: LogReader): void {
    this.#readers.push(reader)
  }

  /** An entry at or before `position` is a repetition and changes nothing. */
  append(entry: BusEntry): void {
    if (entry.kind === 'epoch') this.#startEpoch(entry.epoch, entry.lsn)
    else if (entry.kind === 'transaction') {
      if (entry.transaction.lsn > this.#lsn) this.#appendTransaction(entry.transaction)
    } else if (entry.lsn > this.#lsn) {
      this.#lsn = entry.lsn
      if (entry.kind === 'progress') {
        this.#trim()
        for (const reader of this.#readers) reader.progress(entry.lsn)
      } else this.#takeReset(entry)
    }
  }

  read(
    channel: string,
    view: number,
    from: Position,
    bytesMax: number = Number.POSITIVE_INFINITY,
  ): LogRange | { readonly reset: ResetReason } {
    if (from.epoch !== this.#epoch) return { reset: 'epoch' }
    if (from.lsn > this.#lsn) return { reset: 'future' }
    const voided = this.#partialResets.reasonAfter(from.lsn, channel)
    if (voided !== undefined) return { reset: voided }
    const window = this.#channels.get(channel)?.[view]
    if (from.lsn >= (window?.trimmedLsn ?? this.#floor)) {
      return window?.read(from.lsn, bytesMax) ?? { entries: [], more: false }
    }
    const reset = this.#reset
    return { reset: reset && from.lsn >= reset.floor && from.lsn < reset.lsn ? reset.reason : 'trimmed' }
  }

  last(channel: string, view: number): number {
    return this.#channels.get(channel)?.[view]?.lastLsn ?? this.#floor
  }

  pin(channel: string): LogPin {
    const pin = new Pin(
      this.#trimmedXids.list(),
      (view) => this.#channels.get(channel)?.[view]?.all() ?? [],
      () => this.#unpin(channel, pin),
    )
    const pins = this.#pins.get(channel)
    if (pins === undefined) this.#pins.set(channel, new Set([pin]))
    else pins.add(pin)
    return pin
  }

  status(): LogStatus {
    return { channels: this.#channels.size, entries: this.#entries, bytes: this.#bytes }
  }

  /**
   * Drops all entries, as if they had been there for too long: positions from before now are `trimmed`. Whoever is
   * up to date does not notice.
   */
  forget(): void {
    this.#forgetAll(this.#lsn)
  }

  // ---- append -----------------------------------------------------------------------------------------

  #appendTransaction(transaction: RoutedTransaction): void {
    const { lsn, session, mutation } = transaction
    const text = transactionText(this.#epoch, transaction)
    const deliveries: Delivery[] = []
    const appendedAt = this.#parts.runtime.now()
    for (const routed of transaction.channels) {
      for (let view = 0; view < this.#parts.viewCount; view++) {
        const changes = routed.views[view]
        if (changes === undefined && routed.operations === undefined && routed.reset === undefined) continue
        const window = this.#windowOf(routed.channel, view)
        // The floor would look like a hole to a client that is up to date and was last told of an earlier
        // position; who did miss something is told so by `read`.
        const prev = window.size === 0 ? 0 : window.lastLsn
        const frame = routed.reset === undefined ? this.#frame(text, routed, prev, changes) : undefined
        const entry = new HeldEntry(window, {
          xid: transaction.xid,
          lsn,
          frame,
          reset: routed.reset,
          appendedAt,
        })
        this.#hold(window, entry)
        deliveries.push({ channel: routed.channel, view, entry })
      }
    }
    this.#lsn = lsn
    this.#trim()
    const writer = writerOf(session, mutation)
    for (const reader of this.#readers) reader.transaction(lsn, deliveries, writer)
  }

  #frame(
    text: ReturnType<typeof transactionText>,
    { channel, operations }: RoutedChannel,
    prev: number,
    changes: readonly Buffer[] | undefined,
  ): Frame {
    return frameMessage(text, { epoch: this.#epoch, channel, prev, changes, operations })
  }

  #windowOf(channel: string, view: number): Window {
    let views = this.#channels.get(channel)
    if (views === undefined) {
      views = new Array<undefined>(this.#parts.viewCount).fill(undefined)
      this.#channels.set(channel, views)
    }
    let window = views[view]
    if (window === undefined) {
      window = new Window(channel, this.#floor)
      views[view] = window
      this.#windows++
    }
    return window
  }

  #hold(window: Window, entry: HeldEntry): void {
    window.push(entry)
    this.#recency.push(entry)
    this.#entries++
    this.#bytes += entry.bytes
    const bytesMax = this.#parts.limits.logBytesMax * (this.#isPinned(window.channel) ? pinnedShare : 1)
    while (window.bytes > bytesMax && window.size > 1) this.#drop(window)
  }

  #takeReset({ lsn, reason, xid, session, mutation, scope }: BusEntry & { kind: 'reset' }): void {
    if (scope === undefined) this.#resetAll(lsn, reason)
    else this.#resetSome(lsn, reason, scope)
    if (xid !== undefined) this.#trimmedXids.add(xid)
    for (const reader of this.#readers) reader.reset(lsn, reason, scope)
    const writer = writerOf(session, mutation)
    // The writer's confirmation passes even where its changes cannot be told.
    if (writer !== undefined) for (const reader of this.#readers) reader.transaction(lsn, [], writer)
  }

  #resetAll(lsn: number, reason: ResetReason): void {
    const last = this.#reset
    // One reset after another: positions from before the first are void for the same kind of reason.
    this.#reset = {
      lsn,
      floor: last !== undefined && this.#floor === last.lsn ? last.floor : this.#floor,
      reason,
    }
    this.#forgetAll(lsn)
  }

  #resetSome(lsn: number, reason: ResetReason, scope: ResetScope): void {
    for (const [channel, pins] of this.#pins) {
      if (isInScope(scope, channel)) for (const pin of pins) pin.broken = true
    }
    const forgotten = this.#partialResets.add({ lsn, reason, scope })
    if (forgotten === undefined) return
    this.#floor = Math.max(this.#floor, forgotten.lsn)
    for (const [channel, views] of this.#channels) {
      if (!isInScope(forgotten.scope, channel)) continue
      for (const window of views) window?.voidBefore(forgotten.lsn, forgotten.reason)
    }
  }

  #startEpoch(epoch: string, lsn: number): void {
    this.#epoch = epoch
    this.#lsn = lsn
    this.#reset = undefined
    this.#trimmedXids.clear()
    this.#forgetAll(lsn)
    for (const reader of this.#readers) reader.epoch(this.position)
  }

  #forgetAll(floor: number): void {
    for (let entry = this.#recency.oldest; entry !== undefined; entry = this.#recency.oldest) {
      this.#trimmedXids.add(entry.xid)
      this.#recency.remove(entry)
    }
    this.#channels.clear()
    this.#partialResets.clear()
    this.#windows = 0
    this.#entries = 0
    this.#bytes = 0
    this.#floor = floor
    for (const pins of this.#pins.values()) for (const pin of pins) pin.broken = true
  }

  // ---- trim -------------------------------------------------------------------------------------------

  /** Amortised: looks at the oldest entry only, and goes on while there is something to trim. */
  #trim(): void {
    const { retentionMs, logTotalBytesMax, logWindowsMax = windowsMaxDefault } = this.#parts.limits
    const expired = this.#parts.runtime.now() - retentionMs
    for (;;) {
      const window = this.#recency.oldest?.window
      const entry = this.#recency.oldest
      if (entry === undefined || window === undefined) return
      const full = this.#bytes > logTotalBytesMax || this.#windows > logWindowsMax
      if (!full && entry.appendedAt >= expired) return
      if (this.#isPinned(window.channel)) {
        this.#recency.remove(entry)
        window.overdue += entry.bytes
      } else this.#drop(window)
    }
  }

  /** Drops a window's oldest entry, and the window with its last one. */
  #drop(window: Window): void {
    const entry = window.shift()
    if (entry === undefined) return
    window.overdue = Math.max(0, window.overdue - entry.bytes)
    this.#recency.remove(entry)
    this.#trimmedXids.add(entry.xid)
    this.#entries--
    this.#bytes -= entry.bytes
    for (const pin of this.#pins.get(window.channel) ?? []) pin.broken = true
    if (window.size === 0) this.#forget(window)
  }

  #forget(window: Window): void {
    const views = this.#channels.get(window.channel)
    const view = views?.indexOf(window) ?? -1
    if (views === undefined || view < 0) return
    views[view] = undefined
    this.#windows--
    this.#floor = Math.max(this.#floor, window.trimmedLsn)
    if (views.every((other) => other === undefined)) this.#channels.delete(window.channel)
  }

  #isPinned(channel: string): boolean {
    return this.#pins.size > 0 && this.#pins.has(channel)
  }

  #unpin(channel: string, pin: Pin): void {
    const pins = this.#pins.get(channel)
    if (pins?.delete(pin) !== true || pins.size > 0) return
    this.#pins.delete(channel)
    for (const window of this.#channels.get(channel) ?? []) {
      if (window === undefined) continue
      while (window.overdue > 0 || (window.bytes > this.#parts.limits.logBytesMax && window.size > 1))
        this.#drop(window)
    }
  }
}

class Pin implements LogPin {
  readonly trimmedXids: readonly number[]
  /** Something was trimmed since. */
  broken = false
  readonly #entries: LogPin['entries']
  readonly #release: () => void

  constructor(trimmedXids: readonly number[], entries: LogPin['entries'], release: () => void) {
    this.trimmedXids = trimmedXids
    this.#entries = entries
    this.#release = release
  }

  entries(view: number): ReturnType<LogPin['entries']> {
    return this.broken ? undefined : this.#entries(view)
  }

  release(): void {
    this.#release()
  }
}

function writerOf(session: string | undefined, mutation: string | undefined): Writer | undefined {
  return session === undefined ? undefined : { session, mutation }
}
