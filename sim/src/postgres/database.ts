import type { Logger, Runtime, SnapshotReader, Source, Sync } from '@lockstep/server/stages'

/** A row of the model: column to value. jsonb is any JSON value. */
export type Row = Readonly<Record<string, unknown>>

/**
 * Postgres, as far as Lockstep depends on it: READ COMMITTED transactions with row locks, a WAL in commit order, commits
 * that are flushed (and so streamed) first and visible some time later, 32-bit xids, one logical slot with its
 * `confirmed_flush`, retention and loss, crashes that keep what was flushed. Held against a real one by
 * `agreement.test.ts`, which runs the same random histories on both.
 */
export interface Database {
  /**
   * Runs a transaction. Each statement takes modelled time; a row that another transaction has written or locked is
   * waited for, and then seen as committed. A throw of `run` rolls back.
   * @throws DatabaseError with Postgres' SQLSTATE (`40P01` deadlock, `23505` unique, `57P01` crash, `08006` out of reach)
   */
  transaction<T>(run: (tx: Transaction) => Promise<T>): Promise<T>
  /** Called at each commit, in commit order, when it is durable: before any reader of the stream can have it. */
  onCommit(
    listener: (commit: { readonly xid: number; readonly lsn: number; readonly note: unknown }) => void,
  ): void
  /** The stream of the slot for one server process; `kill` ends it as the process's death does. */
  source(options: SourceOptions): Source & { kill(): void }
  /** Reads snapshots for one server process. */
  reader(options: { readonly node: string }): SnapshotReader
  /** The rows of a table that are committed and visible, by key: what a query would give now. */
  rows(table: string): ReadonlyMap<string, Row>
  /** Ends all transactions and connections; what was flushed is kept. Back after `downMs`. */
  crash(downMs: number): void
  /** The slot is gone: the next stream begins a new epoch. */
  loseSlot(): void
  /** Another database of the cluster writes so many bytes of WAL, which the slot has to keep as well. */
  writeElsewhere(bytes: number): void
  /** The walsender sends nothing for so long. */
  stallStream(ms: number): void
  /** From now on commits stay invisible to others for up to so long after they are in the stream. */
  slowVisibility(ms: number): void
  /** The table has a column more from now on, which rows of the stream then have. */
  addColumn(table: string, column: string): Promise<void>
  /** TRUNCATE, in a transaction of its own, which notes `{ truncated: table }`. */
  truncate(table: string): Promise<void>
  /** All connections between a server process and Postgres end, and what is on its way is lost. */
  cut(node: string): void
  /** Nothing passes between a server process and Postgres for so long, and nobody is told. */
  silence(node: string, ms: number): void
  /** @returns what brings everything back to this moment, with a crash. */
  backup(): (how: Restore) => void
}

/**
 * `files`: as a snapshot of the volume does, the slot with it. `backup`: on another timeline and without the slot, as
 * recovery to a point in time does. `standby`: on another timeline with the slot, as a standby that lagged behind does.
 */
export type Restore = 'files' | 'backup' | 'standby'

export interface SourceOptions {
  /** Name of the server process; `source` and `reader` of one name share its network, and die together. */
  readonly node: string
  /** Of that process. */
  readonly runtime: Runtime
  readonly sync: Pick<Sync, 'collections' | 'fingerprint'>
  readonly logger?: Logger
  /** As of `postgresSource`. */
  readonly retentionMs?: number
  readonly pollMs?: number
  readonly busyMs?: number
}

export interface Transaction {
  readonly xid: number
  /** As committed, and as this transaction has written. */
  get(table: string, key: string): Promise<Row | undefined>
  /** SELECT ... FOR UPDATE. */
  lock(table: string, key: string): Promise<Row | undefined>
  insert(table: string, row: Row): Promise<void>
  /** @returns whether there was such a row. */
  update(table: string, key: string, columns: Row): Promise<boolean>
  /** @returns whether there was such a row. */
  delete(table: string, key: string): Promise<boolean>
  /** pg_logical_emit_message(true, 'lockstep', content) */
  emit(content: string): Promise<void>
  /** Handed to `onCommit`. */
  note(note: unknown): void
}

export class DatabaseError extends Error {
  override readonly name = 'DatabaseError'
  /** SQLSTATE. */
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}
