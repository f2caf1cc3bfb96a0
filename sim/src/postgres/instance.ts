import type { Random } from '../random/random.ts'
import type { Clock, Span } from './clock.ts'
import { DatabaseError, type Row } from './database.ts'
import { Table, type TableDefinition } from './table.ts'
import { TableLocks } from './table-locks.ts'
import type { Timing } from './timing.ts'
import { Waits } from './waits.ts'
import { type CommitRecord, Wal, type WalRecord } from './wal.ts'

/** What the instance knows of a transaction that is under way. */
export interface Running {
  readonly xidOrNone: number | undefined
  /** LSN of its first record. */
  readonly first: number | undefined
  /** Its end, decided by others: `committed` where its commit record was durable. */
  ended(committed: boolean): void
}

export interface Visibility {
  readonly xmin: number
  readonly xmax: number
  readonly inProgress: ReadonlySet<number>
}

export interface InstanceOptions {
  readonly clock: Clock
  readonly random: Random
  readonly timing: Timing
  readonly tables: readonly TableDefinition[]
  readonly firstXid: number
  readonly firstLsn: number
}

export interface InstanceEvents {
  /** Records became durable, in order. */
  flushed(records: readonly WalRecord[]): void
  /** A transaction is over. */
  ended(): void
}

const firstTableOid = 16_384

/** The running database itself: tables, WAL, locks, transactions and what of them is visible. */
export class Instance {
  readonly clock: Clock
  readonly waits: Waits
  readonly locks: TableLocks
  readonly wal: Wal
  readonly running: Set<Running> = new Set()
  /** Counts the times that it was started. */
  life = 0
  up = true
  /** Commits stay invisible for up to so much longer. */
  slowVisibleMs = 0
  readonly #tables = new Map<string, Table>()
  readonly #random: Random
  readonly #timing: Timing
  readonly #events: InstanceEvents
  #nextXid: number
  #latestCompleted: number

  constructor(
    { clock, random, timing, tables, firstXid, firstLsn }: InstanceOptions,
    events: InstanceEvents,
  ) {
    this.clock = clock
    this.#random = random
    this.#timing = timing
    this.#events = events
    this.waits = new Waits(clock, timing.deadlock)
    this.locks = new TableLocks(this.waits)
    this.#nextXid = firstXid >>> 0
    this.#latestCompleted = (firstXid - 1) >>> 0
    this.wal = new Wal(firstLsn, this.#latestCompleted, (records) => events.flushed(records))
    for (const [i, definition] of tables.entries())
      this.#tables.set(definition.name, new Table(definition, firstTableOid + i))
  }

  /** @throws DatabaseError 42P01 */
  table(name: string): Table {
    const table = this.#tables.get(name)
    if (table === undefined) throw new DatabaseError('42P01', `relation "${name}" does not exist`)
    return table
  }

  get tables(): Iterable<Table> {
    return this.#tables.values()
  }

  /** Waits for a time within the span. @throws DatabaseError where Postgres went down meanwhile. */
  pass(span: Span): Promise<void> {
    const { life } = this
    return new Promise((resolve, reject) => {
      this.clock.after(this.draw(span), () => {
        if (this.life === life && this.up) resolve()
        else reject(crashed())
      })
    })
  }

  statement(): Promise<void> {
    return this.pass(this.#timing.statement)
  }

  draw([least, most]: Span): number {
    return least === most ? least : least + this.#random.next() * (most - least)
  }

  /** The next xid; the first three are Postgres' own. */
  newXid(): number {
    const xid = this.#nextXid
    this.#nextXid = xid === 0xffff_ffff ? 3 : xid + 1
    return xid
  }

  isRunning(who: object): boolean {
    const running: ReadonlySet<object> = this.running
    return running.has(who)
  }

  visibility(): Visibility {
    const xmax = (this.#latestCompleted + 1) >>> 0
    const running: number[] = []
    for (const { xidOrNone } of this.running)
      if (xidOrNone !== undefined && isBefore(xidOrNone, xmax)) running.push(xidOrNone)
    const xmin = running.reduce((least, xid) => (isBefore(xid, least) ? xid : least), xmax)
    return { xmin, xmax, inProgress: new Set(running) }
  }

  /** First record of the transactions that are under way. */
  get oldestRunning(): number {
    let oldest = this.wal.inserted
    for (const { first } of this.running) if (first !== undefined) oldest = Math.min(oldest, first)
    return oldest
  }

  /**
   * Has the record be durable after some time, and the transaction visible some time after that. Rejects where
   * Postgres went down before; the commit may stand nevertheless. `shown` is waited for where that is by hand.
   */
  async commit(record: CommitRecord, shown: Promise<void>): Promise<void> {
    await this.pass(this.#timing.flush)
    this.wal.flush(record.end)
    if (this.#timing.visible === 'by hand') return shown
    const [least, most] = this.#timing.visible
    await this.pass([least, most + this.slowVisibleMs])
  }

  /** Takes a transaction out: what it made is visible or gone, and those that wait for it go on. */
  end(transaction: Running, committed: boolean): void {
    if (!this.running.delete(transaction)) return
    const { xidOrNone } = transaction
    if (xidOrNone !== undefined && isBefore(this.#latestCompleted, xidOrNone))
      this.#latestCompleted = xidOrNone
    transaction.ended(committed)
    // Its connection may have ended while a statement waited.
    this.waits.fail(
      transaction,
      new DatabaseError('57014', 'the connection of the waiting statement has ended'),
    )
    this.locks.release(transaction)
    this.waits.look()
    this.#events.ended()
  }

  /** A small transaction of Lockstep's own, which no stream tells. */
  touch(): void {
    const xid = this.newXid()
    this.wal.append(ownTransactionBytes, xid)
    if (isBefore(this.#latestCompleted, xid)) this.#latestCompleted = xid
    this.wal.flush(this.wal.inserted)
  }

  /** `isDurable` tells of a running transaction whether its commit record survives. */
  crash(isDurable: (transaction: Running) => boolean): void {
    this.life++
    this.up = false
    this.waits.failAll(crashed())
    for (const transaction of [...this.running]) {
      this.running.delete(transaction)
      transaction.ended(isDurable(transaction))
    }
    this.locks.releaseAll()
    this.wal.crash()
    this.#latestCompleted = this.wal.durableXid
    this.#nextXid = this.wal.durableXid
    this.newXid()
  }

  recover(): void {
    this.up = true
    this.wal.append(recoveryBytes)
    this.wal.flush(this.wal.inserted)
  }

  backup(): Backup {
    const tables = new Map<string, readonly Row[]>()
    for (const [name, table] of this.#tables) tables.set(name, [...table.rows().values()])
    return { tables, lsn: this.wal.flushed, lastXid: this.#latestCompleted }
  }

  /** While down: everything is as it was. */
  restore({ tables, lsn, lastXid }: Backup): void {
    for (const [name, table] of this.#tables) table.replaceAll(tables.get(name) ?? [])
    this.wal.goBack(lsn, lastXid)
    this.#latestCompleted = lastXid
    this.#nextXid = lastXid
    this.newXid()
  }
}

export interface Backup {
  readonly tables: ReadonlyMap<string, readonly Row[]>
  readonly lsn: number
  readonly lastXid: number
}

const ownTransactionBytes = 160
/** Checkpoint and the like, after a crash. */
const recoveryBytes = 240

export function crashed(): DatabaseError {
  return new DatabaseError('57P01', 'terminating connection because of a crash')
}

function isBefore(xid: number, other: number): boolean {
  return ((xid - other) | 0) < 0
}
