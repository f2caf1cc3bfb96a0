import { LockstepError, type Position } from '@lockstep/protocol'
import type { Sync } from '../definition/definition.ts'
import type { Log, LogPin, LogRange } from '../log/log.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { CachedSnapshot } from './cached.ts'
import { cutSnapshot } from './cut.ts'
import { LogWait } from './log-wait.ts'
import { partsOf } from './parts.ts'
import { ReadSlots } from './read-slots.ts'
import type { SnapshotPart, SnapshotReader } from './snapshot.ts'
import { SnapshotCache } from './snapshot-cache.ts'
import { SnapshotTables } from './table.ts'

export type { CachedSnapshot }

export interface SnapshotStoreParts {
  readonly sync: Sync
  readonly log: Log
  readonly reader: SnapshotReader
  /** Resolves with an LSN when everything committed before the call is on its way to the log. */
  readonly barrier: () => Promise<number>
  readonly runtime: Runtime
  readonly limits: SnapshotLimits
}

export interface SnapshotLimits {
  /** All cached snapshots together. */
  readonly snapshotBytesMax: number
  /** A snapshot nobody asked for in this time is dropped from the cache. */
  readonly retentionMs: number
}

export interface SnapshotStatus {
  /** Reads of the database since the start. */
  readonly queries: number
  readonly cached: number
  readonly bytes: number
}

const attemptsMax = 5

/** Pause after a failed attempt, times its number: what was invisible becomes visible in the meantime. */
const retryMs = 20

/** A cached snapshot is brought up to date when the log after it is larger than this share of it ... */
const tailShare = 0.5

/** ... and than this many bytes: sending a few messages costs less than making a snapshot. */
const tailBytesMin = 16_384

/** Gives snapshots of channels: one read of the database serves everyone who asks meanwhile, and after. */
export class SnapshotStore {
  readonly #parts: SnapshotStoreParts
  readonly #cache: SnapshotCache
  readonly #reading = new Map<string, Promise<CachedSnapshot>>()
  readonly #slots = new ReadSlots()
  readonly #logWait: LogWait
  #queries = 0

  constructor(parts: SnapshotStoreParts) {
    this.#parts = parts
    this.#cache = new SnapshotCache(parts.runtime, {
      bytesMax: parts.limits.snapshotBytesMax,
      idleMs: parts.limits.retentionMs,
    })
    this.#logWait = new LogWait(parts.log, parts.runtime)
  }

  /**
   * The rows of a channel as a view sees them, at a position from which the log can be read on. Does not
   * ask who wants it. With `fresh` the position is the log's, instead of one somewhat before it.
   * @throws LockstepError `unavailable`
   */
  async get(
    channel: string,
    view: number,
    options: { readonly fresh?: boolean } = {},
  ): Promise<CachedSnapshot> {
    const id = `${view}/${channel}`
    const snapshot =
      this.#fromCache(id, channel, view, options) ?? (await this.#readShared(id, channel, view))
    if (options.fresh !== true) return snapshot
    // The read may have been begun for someone who asked earlier.
    return this.#broughtOn(id, snapshot, channel, view, options) ?? snapshot
  }

  status(): SnapshotStatus {
    return { queries: this.#queries, cached: this.#cache.size, bytes: this.#cache.bytes }
  }

  // ---- cache ------------------------------------------------------------------------------------------

  #fromCache(
    id: string,
    channel: string,
    view: number,
    options: { fresh?: boolean },
  ): CachedSnapshot | undefined {
    const cached = this.#cache.get(id)
    return cached && this.#broughtOn(id, cached, channel, view, options)
  }

  /** The snapshot, or a later one made from it and the log; undefined where the log does not reach back to it. */
  #broughtOn(
    id: string,
    snapshot: CachedSnapshot,
    channel: string,
    view: number,
    { fresh = false }: { fresh?: boolean },
  ): CachedSnapshot | undefined {
    const { log } = this.#parts
    const { position } = log
    const upToDate =
      snapshot.position.epoch === position.epoch &&
      log.last(channel, view) <= snapshot.position.lsn &&
      snapshot.position.lsn <= position.lsn
    const range: LogRange | { reset: unknown } = log.read(
      channel,
      view,
      snapshot.position,
      upToDate ? 0 : undefined,
    )
    if ('reset' in range) {
      this.#cache.delete(id)
      return undefined
    }
    let tail = 0
    for (const entry of range.entries) tail += entry.bytes
    const long = tail > tailBytesMin && tail > snapshot.frame.length * tailShare
    if (!long && !(fresh && tail > 0)) return snapshot
    const advanced = snapshot.advance(range.entries, position)
    if (advanced === undefined) this.#cache.delete(id)
    else this.#cache.set(id, advanced)
    return advanced
  }

  // ---- read -------------------------------------------------------------------------------------------

  #readShared(id: string, channel: string, view: number): Promise<CachedSnapshot> {
    const reading = this.#reading.get(id)
    if (reading !== undefined) return reading
    const promise = this.#read(channel, view)
      .then((snapshot) => {
        this.#cache.set(id, snapshot)
        return snapshot
      })
      .finally(() => this.#reading.delete(id))
    this.#reading.set(id, promise)
    return promise
  }

  async #read(channel: string, view: number): Promise<CachedSnapshot> {
    const parts = partsOf(this.#parts.sync, channel, view)
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const snapshot = await this.#slots.run(() => this.#attempt(channel, view, parts))
      if (snapshot !== 'retry') return snapshot
      await new Promise<void>((resolve) => {
        this.#parts.runtime.timer(retryMs * attempt, resolve)
      })
    }
    throw new LockstepError('unavailable', 'The log did not hold still long enough for a snapshot.')
  }

  async #attempt(
    channel: string,
    view: number,
    parts: readonly SnapshotPart[],
  ): Promise<CachedSnapshot | 'retry'> {
    const { position } = this.#parts.log
    if (position.epoch === '') throw new LockstepError('unavailable', 'The stream has not begun.')
    if (parts.length === 0) {
      return new CachedSnapshot(
        channel,
        this.#viewTag(view),
        position,
        parts,
        SnapshotTables.fromRows(parts, []),
      )
    }
    const pin = this.#parts.log.pin(channel)
    try {
      return await this.#cut(channel, view, parts, position, pin)
    } finally {
      pin.release()
    }
  }

  async #cut(
    channel: string,
    view: number,
    parts: readonly SnapshotPart[],
    { epoch }: Position,
    pin: LogPin,
  ): Promise<CachedSnapshot | 'retry'> {
    this.#queries++
    const read = await this.#parts.reader.read(parts)
    const lsn = await this.#parts.barrier()
    await this.#logWait.until(lsn)
    const entries = pin.entries(view)
    if (entries === undefined || this.#parts.log.position.epoch !== epoch) return 'retry'
    const tables = cutSnapshot({ parts, read, entries, trimmedXids: pin.trimmedXids, lsn })
    return tables === 'retry'
      ? 'retry'
      : new CachedSnapshot(channel, this.#viewTag(view), { epoch, lsn }, parts, tables)
  }

  #viewTag(view: number): number | undefined {
    return this.#parts.sync.viewCount > 1 ? view : undefined
  }
}
