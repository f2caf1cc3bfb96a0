import { defineSync } from '@lockstep/server'
import {
  compileSync,
  EmbeddedBus,
  MemoryLog,
  RecordingSink,
  Router,
  type Runtime,
  type SnapshotReader,
  SnapshotStore,
  type Source,
  type SourceSink,
  type Sync,
  silentLogger,
} from '@lockstep/server/stages'

export const sync: Sync = compileSync(
  defineSync({
    channels: {
      'room/:room': { authorize: () => true },
      'mark/:id': { authorize: () => true },
    },
    collections: {
      items: { table: 'items', channel: 'room/:room', columns: ['id', 'room', 'n', 'body', 'data'] },
      notes: { table: 'notes', channel: 'room/:room', columns: ['id', 'room', 'body'] },
      marks: { table: 'marks', channel: 'mark/:id', columns: ['id', 'flag'] },
    },
  }),
)

export type Transactions = RecordingSink['transactions']

/** Rows by collection and key, as JSON values of their columns; undefined where the stream did not tell the value. */
export type Rows = ReadonlyMap<string, readonly (string | undefined)[]>

const bytesMax = 1e9

/** One life of the product's stages over a source: what it was told, and snapshots cut from it. */
export class Side {
  readonly source: Source
  readonly #recording = new RecordingSink()
  readonly #log: MemoryLog
  readonly #sink: SourceSink
  readonly #runtime: Runtime
  readonly #reader: SnapshotReader

  constructor(source: Source, reader: SnapshotReader, runtime: Runtime) {
    this.source = source
    this.#reader = reader
    this.#runtime = runtime
    const limits = { retentionMs: 1e9, logBytesMax: bytesMax, logTotalBytesMax: bytesMax }
    this.#log = new MemoryLog({ viewCount: sync.viewCount, runtime, limits })
    const bus = new EmbeddedBus()
    bus.subscribe((entry) => this.#log.append(entry))
    const router = new Router({
      sync,
      bus,
      limits: { transactionBytesMax: bytesMax, transactionTotalBytesMax: bytesMax },
      logger: silentLogger,
    })
    this.#sink = both(this.#recording, router)
  }

  start(): Promise<void> {
    return this.source.start(this.#sink)
  }

  get transactions(): Transactions {
    return this.#recording.transactions
  }

  get epochs(): readonly string[] {
    return this.#recording.epochs.map(({ epoch }) => epoch)
  }

  /** The rows of a room at an LSN; `unavailable` where none could be had. */
  async snapshot(room: string): Promise<{ lsn: number; rows: Rows } | 'unavailable'> {
    // One of its own each time: nothing comes from a cache.
    const store = new SnapshotStore({
      sync,
      log: this.#log,
      reader: this.#reader,
      barrier: () => this.source.barrier(),
      runtime: this.#runtime,
      limits: { snapshotBytesMax: bytesMax, retentionMs: bytesMax },
    })
    try {
      const { json, position } = await store.get(`room/${room}`, 0)
      return { lsn: position.lsn, rows: rowsOfSnapshot(json) }
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'unavailable') return 'unavailable'
      throw error
    }
  }
}

function both(first: SourceSink, second: SourceSink): SourceSink {
  return {
    begin: (...all) => [first.begin(...all), second.begin(...all)],
    change: (...all) => [first.change(...all), second.change(...all)],
    truncate: (...all) => [first.truncate(...all), second.truncate(...all)],
    untold: (...all) => [first.untold(...all), second.untold(...all)],
    message: (...all) => [first.message(...all), second.message(...all)],
    commit: () => [first.commit(), second.commit()],
    progress: (...all) => [first.progress(...all), second.progress(...all)],
    epoch: (...all) => [first.epoch(...all), second.epoch(...all)],
  }
}

function rowsOfSnapshot(text: string): Rows {
  // Written by the store as it is read here.
  const { collections } = JSON.parse(text) as {
    collections: Record<string, { columns: string[]; rows: unknown[][] }>
  }
  const rows = new Map<string, string[]>()
  for (const [name, { rows: list }] of Object.entries(collections))
    for (const row of list)
      rows.set(
        `${name}/${row[0]}`,
        row.map((value) => JSON.stringify(value)),
      )
  return rows
}

/**
 * The rows of a room, or all, that the stream leads to, up to `lsn`. Values are JSON texts without white space.
 */
export function replay(transactions: Transactions, lsn: number, room: string | undefined): Rows {
  const rows = new Map<string, (string | undefined)[]>()
  for (const { lsn: at, events } of transactions) {
    if (at > lsn) break
    for (const { kind, of, before, after } of events) {
      if (kind === 'truncate') {
        for (const id of [...rows.keys()]) if (id.startsWith(`${of}/`)) rows.delete(id)
      }
      const keyOf = (row: readonly (string | undefined)[]): string => `${of}/${JSON.parse(row[0] ?? 'null')}`
      const oldKey = before === undefined ? after && keyOf(after) : keyOf(before)
      const old = oldKey === undefined ? undefined : rows.get(oldKey)
      if (kind !== 'create' && oldKey !== undefined && kind !== 'message') rows.delete(oldKey)
      if (after !== undefined) {
        const values = after.map((text, i) => (text === undefined ? old?.[i] : compact(text)))
        rows.set(keyOf(after), values)
      }
    }
  }
  if (room === undefined) return rows
  for (const [id, values] of rows)
    if (id.startsWith('marks/') || values[1] !== JSON.stringify(room)) rows.delete(id)
  return rows
}

function compact(json: string): string {
  return JSON.stringify(JSON.parse(json))
}
