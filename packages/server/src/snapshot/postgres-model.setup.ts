import fc from 'fast-check'
import { EmbeddedBus } from '../bus/embedded.ts'
import type { LogTestLimits } from '../log/conformance.setup.ts'
import { MemoryLog } from '../log/memory.ts'
import {
  type ModelChange,
  ModelDatabase,
  type ModelRows,
  type ModelWrite,
  modelSync,
  modelWrite,
  tell,
} from '../routing/model.setup.ts'
import { Router } from '../routing/router.ts'
import { silentLogger } from '../runtime/logger.ts'
import type { SnapshotPart, SnapshotRead } from './snapshot.ts'

/** Most transactions at a time. */
const backends = 4

export type ModelStep =
  | { readonly kind: 'begin' | 'flush' | 'finish' | 'abandon'; readonly backend: number }
  | { readonly kind: 'write'; readonly backend: number; readonly write: ModelWrite }
  | { readonly kind: 'progress' }
  | { readonly kind: 'wait' }

const backend = fc.nat(backends - 1)

export const modelStep: fc.Arbitrary<ModelStep> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('begin' as const), backend }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('write' as const), backend, write: modelWrite }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('flush' as const), backend }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('finish' as const), backend }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('abandon' as const), backend }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('progress' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const) }) },
)

interface Transaction {
  readonly xid: number
  readonly writes: ModelWrite[]
  readonly changes: ModelChange[]
  /** Keys of rows that it has touched, as `collection/key`. */
  readonly locks: Set<string>
  flushed: boolean
}

/**
 * Postgres as far as a snapshot and the stream are concerned: transactions that hold row locks, whose
 * commit is flushed (and so streamed) first and visible some time later, in another order than that of
 * their xids, which may wrap around.
 */
export class PostgresModel {
  readonly log: MemoryLog
  readonly #router: Router
  readonly #backends: (Transaction | undefined)[] = []
  /** Every write at once: row locks keep the rows of others out of reach. */
  readonly #working = new ModelDatabase('full')
  readonly #visible = new ModelDatabase('full')
  readonly #flushed: { readonly lsn: number; readonly writes: readonly ModelWrite[] }[] = []
  #nextXid: number
  #latestCompleted: number
  #lsn = 1000
  #now = 1e6

  constructor(firstXid: number, limits: LogTestLimits) {
    this.#nextXid = firstXid >>> 0
    this.#latestCompleted = (firstXid - 1) >>> 0
    this.log = new MemoryLog({ viewCount: modelSync.viewCount, limits, runtime: { now: () => this.#now } })
    const bus = new EmbeddedBus()
    bus.subscribe((entry) => this.log.append(entry))
    this.#router = new Router({
      sync: modelSync,
      bus,
      limits: { transactionBytesMax: 1e6, transactionTotalBytesMax: 1e7 },
      logger: silentLogger,
    })
    this.#router.epoch('e', this.#lsn)
  }

  take(step: ModelStep): void {
    if (step.kind === 'wait') this.#now += 40
    else if (step.kind === 'progress') this.barrier()
    else {
      const transaction = this.#backends[step.backend]
      if (step.kind === 'begin') {
        if (transaction === undefined) this.#backends[step.backend] = this.#begin()
      } else if (transaction === undefined) return
      else if (step.kind === 'write') this.#write(transaction, step.write)
      else if (step.kind === 'flush') this.#flush(transaction)
      else if (step.kind === 'finish') {
        this.#flush(transaction)
        this.#finish(step.backend, transaction)
      } else if (transaction.writes.length === 0) this.#finish(step.backend, transaction)
    }
  }

  /** All rows that a snapshot sees now, and what it says of itself. */
  read(parts: readonly SnapshotPart[]): SnapshotRead {
    const xmax = (this.#latestCompleted + 1) >>> 0
    const running = this.#backends
      .flatMap((transaction) => transaction?.xid ?? [])
      .filter((xid) => ((xid - xmax) | 0) < 0)
    const xmin = running.reduce((least, xid) => (((xid - least) | 0) < 0 ? xid : least), xmax)
    return {
      visibility: { xmin, xmax, inProgress: new Set(running) },
      rows: parts.map((part) => this.#visible.rowsOf(part)),
    }
  }

  /** An LSN that everything visible now is before; the log has passed it on return. */
  barrier(): number {
    this.#lsn += 5
    this.#router.progress(this.#lsn)
    return this.#lsn
  }

  /** The rows that the stream up to `lsn` leads to. */
  replay(lsn: number, channel: string, view: number): ModelRows {
    const database = new ModelDatabase('full')
    for (const { lsn: at, writes } of this.#flushed) {
      if (at <= lsn) for (const write of writes) database.write(write)
    }
    return database.query(channel, view)
  }

  #begin(): Transaction {
    const xid = this.#nextXid
    this.#nextXid = (xid + 1) >>> 0
    return { xid, writes: [], changes: [], locks: new Set(), flushed: false }
  }

  #write(transaction: Transaction, write: ModelWrite): void {
    if (transaction.flushed) return
    const keys = write.kind === 'rekey' ? [write.key, write.to] : [write.key]
    const locks = keys.map((key) => `${write.collection}/${key}`)
    const isFree = this.#backends.every(
      (other) => other === transaction || !locks.some((lock) => other?.locks.has(lock)),
    )
    if (!isFree) return // it would wait; here it does not happen
    for (const lock of locks) transaction.locks.add(lock)
    const change = this.#working.write(write)
    if (change === undefined) return
    transaction.writes.push(write)
    transaction.changes.push(change)
  }

  #flush(transaction: Transaction): void {
    if (transaction.flushed || transaction.writes.length === 0) return
    transaction.flushed = true
    this.#lsn += 3
    this.#flushed.push({ lsn: this.#lsn, writes: transaction.writes })
    this.#router.begin(transaction.xid, this.#lsn, 1)
    tell(this.#router, transaction.changes)
    this.#router.commit()
  }

  #finish(backend: number, transaction: Transaction): void {
    for (const write of transaction.writes) this.#visible.write(write)
    this.#backends[backend] = undefined
    if (((transaction.xid - this.#latestCompleted) | 0) > 0) this.#latestCompleted = transaction.xid
  }
}

/** The rows of a snapshot's `collections`, in the form of the model. */
export function rowsOfText(collections: string): ModelRows {
  const rows: ModelRows = new Map()
  const told: Record<string, { columns: string[]; key: number[]; rows: unknown[][] }> =
    JSON.parse(collections)
  for (const [name, { columns, key, rows: list }] of Object.entries(told)) {
    if (list.length === 0) continue
    const table = new Map<string, Map<string, unknown>>()
    for (const row of list) {
      const parts = key.map((place) => String(row[place]))
      const text =
        parts.length === 1
          ? (parts[0] ?? '')
          : parts.map((p) => p.replaceAll('%', '%25').replaceAll(',', '%2C')).join(',')
      if (table.has(text)) throw new Error('a key twice')
      table.set(text, new Map(columns.map((column, i) => [column, row[i]])))
    }
    rows.set(name, table)
  }
  return rows
}
