import {
  SlotReader,
  type SnapshotReader,
  type Source,
  type StreamStart,
  silentLogger,
} from '@lockstep/server/stages'
import { Random } from '../random/random.ts'
import { Catalog } from './catalog.ts'
import type { Clock } from './clock.ts'
import {
  type Database,
  DatabaseError,
  type Restore,
  type Row,
  type SourceOptions,
  type Transaction,
} from './database.ts'
import { type Backup, Instance, type Running } from './instance.ts'
import { ModelSlot } from './model-slot.ts'
import { NodeProcess } from './node-process.ts'
import { ReplicationSlot } from './replication-slot.ts'
import { ModelSnapshotReader } from './snapshot-reader.ts'
import type { TableDefinition } from './table.ts'
import { type Timing, usualTiming } from './timing.ts'
import { ModelTransaction } from './transaction.ts'
import type { WalRecord } from './wal.ts'
import { Walsender } from './walsender.ts'

export interface PostgresModelOptions {
  readonly clock: Clock
  readonly seed: number
  readonly tables: readonly TableDefinition[]
  readonly timing?: Timing
  /** Where xids begin. Default: somewhere, at times just before they begin anew. */
  readonly firstXid?: number
  /** `max_slot_wal_keep_size`. Default: no bound. */
  readonly walKeepBytesMax?: number | undefined
  /** @see Walsender */
  readonly missedWake?: number
}

/** WAL between two checkpoints, at which slots are written to disk and old WAL goes. */
const checkpointBytes = 8_192
const firstLsn = 0x1_6000_0000
const slotName = 'lockstep'

export class PostgresModel implements Database {
  readonly clock: Clock
  readonly instance: Instance
  readonly catalog: Catalog
  readonly slots: Map<string, ReplicationSlot> = new Map()
  readonly #seed: number
  readonly #timing: Timing
  readonly #walKeepBytesMax: number
  readonly #missedWake: number
  readonly #processes = new Map<string, NodeProcess>()
  readonly #listeners: Parameters<Database['onCommit']>[0][] = []
  #pid = 1_000
  #stallUntil = 0
  #checkpointAt = firstLsn
  #onEnd: (() => void)[] = []

  constructor(options: PostgresModelOptions) {
    const { clock, seed, tables } = options
    const random = Random.named(seed, 'postgres')
    this.clock = clock
    this.#seed = seed
    this.#timing = options.timing ?? usualTiming
    this.#walKeepBytesMax = options.walKeepBytesMax ?? Number.POSITIVE_INFINITY
    this.#missedWake = options.missedWake ?? 0.05
    const firstXid =
      options.firstXid ?? (random.chance(0.25) ? 0xffff_ffff - random.below(40) : 700 + random.below(1e6))
    this.instance = new Instance(
      { clock, random, timing: this.#timing, tables, firstXid, firstLsn },
      { flushed: (records) => this.#flushed(records), ended: () => this.#ended() },
    )
    this.catalog = new Catalog(this.instance)
  }

  async transaction<T>(run: (tx: Transaction) => Promise<T>): Promise<T> {
    if (!this.instance.up) throw new DatabaseError('08006', 'nothing answers')
    await this.instance.statement()
    const transaction = this.open()
    let result: T
    try {
      result = await run(transaction)
    } catch (error) {
      await transaction.rollback()
      throw error
    }
    await transaction.commit()
    return result
  }

  /** A transaction that is led step by step. */
  open(): ModelTransaction {
    return new ModelTransaction(this.instance)
  }

  onCommit(listener: Parameters<Database['onCommit']>[0]): void {
    this.#listeners.push(listener)
  }

  source(options: SourceOptions): Source & { kill(): void } {
    const process = this.#process(options.node)
    const reader = new SlotReader({
      database: new ModelSlot(this, process),
      plan: {
        slot: slotName,
        publication: slotName,
        collections: options.sync.collections,
        fingerprint: options.sync.fingerprint,
      },
      runtime: options.runtime,
      logger: options.logger ?? silentLogger,
      retentionMs: options.retentionMs,
      pollMs: options.pollMs,
      busyMs: options.busyMs,
    })
    return Object.assign(reader, {
      kill: () => {
        process.kill()
        if (this.#processes.get(options.node) === process) this.#processes.delete(options.node)
      },
    })
  }

  reader({ node }: { readonly node: string }): SnapshotReader {
    return new ModelSnapshotReader(this, this.#process(node))
  }

  rows(table: string): ReadonlyMap<string, Row> {
    return this.instance.table(table).rows()
  }

  crash(downMs: number): void {
    const { instance } = this
    const { flushed } = instance.wal
    instance.crash((transaction: Running) => {
      const record = transaction instanceof ModelTransaction ? transaction.record : undefined
      return record !== undefined && record.end <= flushed
    })
    for (const slot of this.slots.values()) {
      slot.reader?.end()
      slot.confirmed = slot.persisted
    }
    const { life } = instance
    this.clock.after(downMs, () => {
      if (instance.life !== life) return
      instance.recover()
      this.#ended()
    })
  }

  loseSlot(): void {
    for (const slot of this.slots.values()) slot.reader?.end()
    this.slots.clear()
  }

  writeElsewhere(bytes: number): void {
    if (!this.instance.up) return
    const { wal } = this.instance
    wal.flush(wal.append(bytes).end)
  }

  stallStream(ms: number): void {
    this.#stallUntil = this.clock.now() + ms
    for (const slot of this.slots.values()) slot.reader?.stall(ms)
  }

  slowVisibility(ms: number): void {
    this.instance.slowVisibleMs = ms
  }

  addColumn(table: string, column: string): Promise<void> {
    return this.#alone((transaction) => transaction.addColumn(table, column))
  }

  truncate(table: string): Promise<void> {
    return this.#alone(async (transaction) => {
      await transaction.truncate(table)
      transaction.note({ truncated: table })
    })
  }

  cut(node: string): void {
    this.#processes.get(node)?.cut()
  }

  silence(node: string, ms: number): void {
    this.#processes.get(node)?.silence(ms)
  }

  backup(): (how: Restore) => void {
    const backup: Backup = this.instance.backup()
    const restoreCatalog = this.catalog.copy()
    const slots = [...this.slots.values()].map(({ name, confirmed, invalidated }) => ({
      name,
      confirmed,
      invalidated,
    }))
    return (how) => {
      if (this.instance.up) this.crash(0)
      this.instance.restore(backup)
      restoreCatalog()
      this.slots.clear()
      if (how !== 'files') this.catalog.timeline++
      if (how === 'backup') return
      for (const { name, confirmed, invalidated } of slots) {
        const slot = new ReplicationSlot(name, confirmed, this.instance)
        slot.invalidated = invalidated
        this.slots.set(name, slot)
      }
    }
  }

  // ---- for those who reach it over the network -----------------------------------------------------------

  startStream(start: StreamStart, send: (bytes: Buffer) => void, onEnd: () => void): Walsender {
    if (!this.instance.up) throw new DatabaseError('ECONNREFUSED', 'nothing answers')
    const slot = this.slots.get(start.slot)
    if (slot === undefined)
      throw new DatabaseError('42704', `replication slot "${start.slot}" does not exist`)
    slot.assertFree()
    if (slot.invalidated !== undefined)
      throw new DatabaseError('55000', `can no longer access replication slot "${start.slot}"`)
    const walsender = new Walsender({
      pid: ++this.#pid,
      instance: this.instance,
      slot,
      from: start.from,
      published: this.catalog.publications.get(start.publication)?.tables ?? new Set(),
      timing: this.#timing,
      missedWake: this.#missedWake,
      send,
      onEnd,
    })
    if (this.#stallUntil > this.clock.now()) walsender.stall(this.#stallUntil - this.clock.now())
    return walsender
  }

  hangUpMs(): number {
    return this.instance.draw(this.#timing.hangUp)
  }

  /** Waits for the transactions that are under way. @returns where its stream begins */
  async createSlot(name: string): Promise<number> {
    if (this.slots.has(name)) throw new DatabaseError('42710', `replication slot "${name}" already exists`)
    await this.settled()
    if (this.slots.has(name)) throw new DatabaseError('42710', `replication slot "${name}" already exists`)
    this.instance.touch()
    const lsn = this.instance.wal.inserted
    this.slots.set(name, new ReplicationSlot(name, lsn, this.instance))
    return lsn
  }

  /** Waits for the transactions that are under way and have written something. */
  async settled(): Promise<void> {
    const { life } = this.instance
    const running = [...this.instance.running].filter(({ xidOrNone }) => xidOrNone !== undefined)
    while (running.some((one) => this.instance.running.has(one)))
      await new Promise<void>((resolve) => this.#onEnd.push(resolve))
    if (this.instance.life !== life || !this.instance.up)
      throw new DatabaseError('57P01', 'Postgres went down')
  }

  /** A message outside of transactions, flushed. */
  async mark(content: string): Promise<void> {
    const { wal } = this.instance
    const { start, end } = wal.append(markRecordBytes + content.length)
    wal.tell({ kind: 'mark', start, end, prefix: barrierPrefix, content })
    await this.instance.pass(this.#timing.flush)
    wal.flush(end)
  }

  retained(name: string): { bytes: number; scarce: boolean } | undefined {
    const slot = this.slots.get(name)
    if (slot === undefined) return undefined
    const bytes = this.instance.wal.inserted - slot.restart
    return { bytes, scarce: bytes > this.#walKeepBytesMax / 2 }
  }

  // ---- inside -----------------------------------------------------------------------------------------

  async #alone(run: (transaction: ModelTransaction) => Promise<void>): Promise<void> {
    const transaction = this.open()
    await run(transaction)
    await transaction.commit()
  }

  #process(node: string): NodeProcess {
    const process =
      this.#processes.get(node) ??
      new NodeProcess(this.clock, Random.named(this.#seed, `network of ${node}`), this.#timing.network)
    this.#processes.set(node, process)
    return process
  }

  #flushed(records: readonly WalRecord[]): void {
    for (const record of records) {
      if (record.kind !== 'commit') continue
      for (const listener of this.#listeners)
        listener({ xid: record.xid, lsn: record.start, note: record.note })
    }
    for (const slot of this.slots.values()) slot.reader?.flushed()
    if (this.instance.wal.inserted - this.#checkpointAt > checkpointBytes) this.#checkpoint()
  }

  #checkpoint(): void {
    const { wal } = this.instance
    this.#checkpointAt = wal.inserted
    let needed = wal.flushed
    for (const slot of this.slots.values()) {
      slot.persist()
      if (slot.invalidated !== undefined) continue
      if (wal.inserted - slot.restart > this.#walKeepBytesMax) slot.invalidate('wal_removed')
      else needed = Math.min(needed, slot.confirmed)
    }
    wal.forget(needed)
  }

  #ended(): void {
    const waiting = this.#onEnd
    this.#onEnd = []
    for (const run of waiting) run()
  }
}

const markRecordBytes = 72
const barrierPrefix = 'lockstep.barrier'
