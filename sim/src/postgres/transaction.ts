import { DatabaseError, type Row, type Transaction } from './database.ts'
import { crashed, type Instance, type Running } from './instance.ts'
import { Cell, keptApart, seenBy, type Table } from './table.ts'
import type { TableMode } from './table-locks.ts'
import type { Change, CommitRecord } from './wal.ts'

const rowRecordBytes = 64
const lockRecordBytes = 54
const messageRecordBytes = 60
const endRecordBytes = 46

/** One READ COMMITTED transaction on its own connection, a statement at a time. */
export class ModelTransaction implements Transaction, Running {
  first: number | undefined
  /** Once its commit record is written. */
  record: CommitRecord | undefined
  readonly #instance: Instance
  readonly #life: number
  readonly #cells = new Map<Cell, Table>()
  readonly #changes: Change[] = []
  readonly #undo: (() => void)[] = []
  readonly #truncated: Table[] = []
  #xid: number | undefined
  #note: unknown
  #state: 'open' | 'failed' | 'ended' = 'open'
  #show: () => void = () => {}
  readonly #shown = new Promise<void>((resolve) => {
    this.#show = resolve
  })

  constructor(instance: Instance) {
    this.#instance = instance
    this.#life = instance.life
    instance.running.add(this)
  }

  get xid(): number {
    this.#xid ??= this.#instance.newXid()
    return this.#xid
  }

  get xidOrNone(): number | undefined {
    return this.#xid
  }

  get isWaiting(): boolean {
    return this.#instance.waits.isWaiting(this)
  }

  note(note: unknown): void {
    this.#note = note
  }

  get(table: string, key: string): Promise<Row | undefined> {
    return this.#on(table, 'shared', async (on) => {
      const cell = on.find(key, this)
      return cell && seenBy(cell, this)
    })
  }

  lock(table: string, key: string): Promise<Row | undefined> {
    return this.#on(table, 'shared', async (on) => {
      const held = await this.#hold(on, key)
      if (held !== undefined) this.#append(lockRecordBytes)
      return held?.row
    })
  }

  insert(table: string, row: Row): Promise<void> {
    return this.#on(table, 'shared', async (on) => {
      void this.xid
      await this.#claim(on, on.keyOf(row), undefined, () =>
        this.#write(on, new Cell(), row, 'insert', nothingKept),
      )
    })
  }

  update(table: string, key: string, columns: Row): Promise<boolean> {
    return this.#on(table, 'shared', async (on) => {
      if (on.find(key, this) !== undefined) void this.xid
      const held = await this.#hold(on, key)
      if (held === undefined) return false
      const row = { ...held.row, ...columns }
      const write = (): void => this.#write(on, held.cell, row, 'update', keptApart(on.shape, row, columns))
      if (on.keyOf(row) === key) write()
      else await this.#claim(on, on.keyOf(row), held.cell, write)
      return true
    })
  }

  delete(table: string, key: string): Promise<boolean> {
    return this.#on(table, 'shared', async (on) => {
      if (on.find(key, this) !== undefined) void this.xid
      const held = await this.#hold(on, key)
      if (held === undefined) return false
      this.#write(on, held.cell, undefined, 'delete', nothingKept)
      return true
    })
  }

  /** As a SELECT of many rows begins. */
  async share(table: Table): Promise<void> {
    this.#assertAlive()
    if (this.#state !== 'open') throw new DatabaseError('08003', 'the connection has ended')
    await this.#instance.locks.take(this, table, 'shared')
  }

  emit(content: string): Promise<void> {
    return this.#statement(async () => {
      const { end } = this.#append(messageRecordBytes + Buffer.byteLength(content))
      this.#changes.push({ kind: 'message', content, end })
    })
  }

  truncate(table: string): Promise<void> {
    return this.#on(table, 'exclusive', async (on) => {
      this.#append(rowRecordBytes)
      for (const cell of on.cells()) {
        this.#cells.set(cell, on)
        on.write(cell, this, undefined)
      }
      this.#truncated.push(on)
      this.#changes.push({ kind: 'truncate', shape: on.shape })
    })
  }

  addColumn(table: string, column: string): Promise<void> {
    return this.#on(table, 'exclusive', async (on) => {
      const { shape } = on
      if (shape.columns.some(({ name }) => name === column))
        throw new DatabaseError('42701', `column "${column}" of relation "${table}" already exists`)
      this.#append(rowRecordBytes)
      on.shape = { ...shape, columns: [...shape.columns, { name: column, type: 'text' }] }
      this.#undo.push(() => {
        on.shape = shape
      })
    })
  }

  /** Resolves when the commit is visible. A transaction that failed is rolled back. */
  async commit(): Promise<void> {
    this.#assertAlive()
    const instance = this.#instance
    if (this.#state === 'failed') return this.rollback()
    if (this.#state === 'ended') throw new DatabaseError('25P01', 'there is no transaction in progress')
    await instance.statement()
    this.#assertAlive()
    this.#state = 'ended'
    if (this.#xid === undefined || this.first === undefined) return instance.end(this, true)
    const { start, end } = instance.wal.append(endRecordBytes, this.#xid)
    this.record = {
      kind: 'commit',
      xid: this.#xid,
      first: this.first,
      start,
      end,
      at: Math.floor(instance.clock.now()),
      changes: this.#changes,
      note: this.#note,
    }
    instance.wal.tell(this.record)
    await instance.commit(this.record, this.#shown)
    instance.end(this, true)
  }

  /** Lets the commit become visible, where that is done by hand. */
  show(): void {
    this.#show()
  }

  /** Never rejects: where Postgres goes down, all is rolled back. */
  async rollback(): Promise<void> {
    this.#abort()
    this.#state = 'ended'
    if (this.#life === this.#instance.life) await this.#instance.statement().catch(() => {})
  }

  ended(committed: boolean): void {
    this.#state = 'ended'
    if (!committed) for (const undo of this.#undo.reverse()) undo()
    for (const [cell, table] of this.#cells) table.settle(cell, committed)
    this.#cells.clear()
    if (committed) for (const table of this.#truncated) table.truncations++
  }

  #on<T>(name: string, mode: TableMode, run: (table: Table) => Promise<T>): Promise<T> {
    return this.#statement(async () => {
      const table = this.#instance.table(name)
      await this.#instance.locks.take(this, table, mode)
      return run(table)
    })
  }

  async #statement<T>(run: () => Promise<T>): Promise<T> {
    this.#assertAlive()
    if (this.#state === 'failed')
      throw new DatabaseError(
        '25P02',
        'current transaction is aborted, commands ignored until end of transaction block',
      )
    if (this.#state === 'ended') throw new DatabaseError('25P01', 'there is no transaction in progress')
    try {
      await this.#instance.statement()
      return await run()
    } catch (error) {
      // Postgres lets go of everything at once, and not when it is told to roll back.
      this.#abort()
      throw error
    }
  }

  /** Locks the row that a statement sees under this key, once nobody else holds it, and gives it as it is then. */
  async #hold(table: Table, key: string): Promise<{ cell: Cell; row: Row } | undefined> {
    const cell = table.find(key, this)
    if (cell === undefined) return undefined
    const queue = queueOf(cell)
    queue.push(this)
    let row: Row | undefined
    try {
      await this.#instance.waits.until(
        this,
        () => {
          const ahead = queue[0]
          // Who has the row goes on; those who wait for it wait for its end.
          if (cell.owner !== undefined) return cell.owner === this ? [] : [cell.owner]
          return ahead === undefined || ahead === this ? [] : [ahead]
        },
        () => {
          row = seenBy(cell, this)
          if (row !== undefined) {
            void this.xid
            cell.owner = this
            this.#cells.set(cell, table)
          }
          queue.splice(queue.indexOf(this), 1)
        },
      )
    } finally {
      const place = queue.indexOf(this)
      if (place !== -1) queue.splice(place, 1)
    }
    if (row === undefined) return undefined
    if (table.keyOf(row) === key) return { cell, row }
    // It was waited for, and has another key now. Its lock is kept nevertheless.
    this.#append(lockRecordBytes)
    return undefined
  }

  /** Waits until it is known that no other row has this key, and writes at that moment. @throws DatabaseError 23505 */
  async #claim(table: Table, key: string, but: Cell | undefined, write: () => void): Promise<void> {
    for (;;) {
      const obstacle = table.obstacle(key, this, but)
      if (obstacle === undefined) return write()
      if (obstacle === 'taken')
        throw new DatabaseError(
          '23505',
          `duplicate key value violates unique constraint of "${table.shape.name}"`,
        )
      const { owner } = obstacle
      await this.#instance.waits.until(
        this,
        () => (this.#instance.isRunning(owner) ? [owner] : []),
        () => {},
      )
    }
  }

  #write(
    table: Table,
    cell: Cell,
    after: Row | undefined,
    kind: 'insert' | 'update' | 'delete',
    kept: ReadonlySet<string>,
  ): void {
    const before = seenBy(cell, this)
    this.#cells.set(cell, table)
    table.write(cell, this, after)
    this.#append(rowRecordBytes + sizeOf(after) + (table.shape.identity === 'full' ? sizeOf(before) : 0))
    this.#changes.push({ kind, shape: table.shape, before, after, kept })
  }

  #append(bytes: number): { start: number; end: number } {
    const place = this.#instance.wal.append(bytes, this.xid)
    this.first ??= place.start
    return place
  }

  #abort(): void {
    if (this.#state !== 'open') return
    this.#state = 'failed'
    if (this.#life !== this.#instance.life) return
    if (this.first !== undefined) this.#instance.wal.append(endRecordBytes, this.#xid)
    this.#instance.end(this, false)
    this.#state = 'failed'
  }

  #assertAlive(): void {
    if (this.#life !== this.#instance.life || !this.#instance.up) throw crashed()
  }
}

const nothingKept: ReadonlySet<string> = new Set()

const queues = new WeakMap<Cell, object[]>()

/** Who wants a row, in order. */
function queueOf(cell: Cell): object[] {
  const queue = queues.get(cell) ?? []
  queues.set(cell, queue)
  return queue
}

function sizeOf(row: Row | undefined): number {
  return row === undefined ? 0 : JSON.stringify(row).length
}
