import type { Sql } from 'postgres'
import type { Collection } from '../definition/definition.ts'
import { connectionFault } from '../fault/connection.ts'
import type { Fault } from '../fault/fault.ts'
import { barrierPrefix } from './barriers.ts'
import { TypeCatalog } from './catalog.ts'
import { parseLsn } from './lsn.ts'
import { qualifiedName, quoteName, tablesOf } from './names.ts'
import type { Epoch, SlotDatabase, SlotFacts, StreamConnection } from './slot-database.ts'
import { PostgresStreamConnection } from './stream-connection.ts'
import { currentTerms, type SlotPlan, type Terms } from './terms.ts'
import { parseVisibility, type Visibility } from './visibility.ts'

export interface PostgresSlotOptions {
  readonly sql: Sql
  readonly url: string
  /** Whether marks may rely on `pg_logical_emit_message` to flush. Default: from Postgres 17 on. */
  readonly flushesMessages?: boolean | undefined
}

/** How often it is looked whether transactions have ended. */
const settlingPauseMs = 20

/** A slot of a Postgres, by SQL. */
export class PostgresSlot implements SlotDatabase {
  readonly types: TypeCatalog = new TypeCatalog()
  readonly #sql: Sql
  readonly #url: string
  readonly #flushesMessages: boolean | undefined
  #flushes = true

  constructor({ sql, url, flushesMessages }: PostgresSlotOptions) {
    this.#sql = sql
    this.#url = url
    this.#flushesMessages = flushesMessages
  }

  loadTypes(): Promise<void> {
    return this.types.load(this.#sql)
  }

  async prepare(): Promise<void> {
    await ensureState(this.#sql)
    const [version] = await this.#sql<
      { number: number }[]
    >`SELECT current_setting('server_version_num')::int AS number`
    this.#flushes = this.#flushesMessages ?? (version?.number ?? 0) >= 170_000
  }

  async facts({ slot: name }: SlotPlan): Promise<SlotFacts> {
    const [state] = await this.#sql<{ terms: string; sameSystem: boolean }[]>`
      SELECT fingerprint AS terms,
        coalesce(system = (SELECT system_identifier::text FROM pg_control_system()), false) AS "sameSystem"
      FROM lockstep.state WHERE slot = ${name}`
    const [slot] = await this.#sql<{ facts: InvalidationFacts }[]>`
      SELECT to_jsonb(s) AS facts FROM pg_replication_slots s WHERE slot_name = ${name}`
    const taken = await slotTakenFault(this.#sql, name)
    const [wal] = await this.#sql<{ lsn: string }[]>`SELECT pg_current_wal_flush_lsn()::text AS lsn`
    const flushed = parseLsn(wal?.lsn ?? '0/0')
    return { state, slot: slot && { invalidated: invalidationOf(slot.facts) }, taken, flushed }
  }

  terms(plan: SlotPlan): Promise<Terms> {
    return currentTerms(this.#sql, plan)
  }

  async isWhole(collection: Collection): Promise<boolean> {
    const [row] = await this.#sql`
      SELECT count(*)::int AS found FROM pg_attribute
      WHERE attrelid = to_regclass(${qualifiedName(collection)}) AND attnum > 0 AND NOT attisdropped
        AND attname IN (SELECT jsonb_array_elements_text(${JSON.stringify(collection.columns)}::text::jsonb))`
    return row?.found === collection.columns.length
  }

  async epoch(slot: string): Promise<Epoch | undefined> {
    const [row] = await this.#sql<{ epoch: string; lsn: string }[]>`
      SELECT epoch, confirmed_flush_lsn::text AS lsn
      FROM lockstep.state JOIN pg_replication_slots ON slot_name = slot WHERE slot = ${slot}`
    return row && { epoch: row.epoch, from: parseLsn(row.lsn) }
  }

  async saveTerms(slot: string, before: string, now: string): Promise<void> {
    await this
      .#sql`UPDATE lockstep.state SET fingerprint = ${now} WHERE slot = ${slot} AND fingerprint = ${before}`
  }

  async forgetEpoch(slot: string): Promise<void> {
    await this.#sql`DELETE FROM lockstep.state WHERE slot = ${slot}`
  }

  async dropSlot(slot: string): Promise<void> {
    await this
      .#sql`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = ${slot}`
  }

  async publish({ publication, collections }: SlotPlan): Promise<void> {
    const tables = await this.#sql<{ name: string }[]>`
      SELECT t AS name FROM jsonb_array_elements_text(${JSON.stringify(tablesOf(collections))}::text::jsonb) AS t
      WHERE to_regclass(t) IS NOT NULL`
    // One that was dropped does not hold up the others.
    const list = tables.length === 0 ? '' : ` FOR TABLE ${tables.map(({ name }) => name).join(', ')}`
    const name = quoteName(publication)
    await this.#sql.unsafe(
      `DROP PUBLICATION IF EXISTS ${name}; CREATE PUBLICATION ${name}${list} WITH (publish_via_partition_root = true)`,
    )
  }

  async createSlot(slot: string): Promise<number> {
    const [row] = await this.#sql<{ lsn: string }[]>`
      SELECT lsn::text AS lsn FROM pg_create_logical_replication_slot(${slot}, 'pgoutput')`
    if (row === undefined) throw new Error('no slot was made')
    return parseLsn(row.lsn)
  }

  async settled(): Promise<void> {
    const [own] = await this.#sql<{ xid: string }[]>`SELECT pg_current_xact_id()::text AS xid`
    if (own === undefined) throw new Error('no transaction was begun')
    for (let pauseMs = 0; ; pauseMs = settlingPauseMs) {
      const [row] = await this.#sql<{ settled: boolean }[]>`
        SELECT pg_snapshot_xmin(pg_current_snapshot()) >= ${own.xid}::xid8 AS settled
        FROM (SELECT pg_sleep(${pauseMs / 1_000}::float8)) paused`
      if (row?.settled === true) return
    }
  }

  async saveEpoch(slot: string, epoch: string, terms: string): Promise<void> {
    await this.#sql`
      INSERT INTO lockstep.state (slot, epoch, fingerprint, system)
      SELECT ${slot}, ${epoch}, ${terms}, system_identifier::text FROM pg_control_system()
      ON CONFLICT (slot) DO UPDATE
      SET epoch = excluded.epoch, fingerprint = excluded.fingerprint, system = excluded.system, created_at = now()`
  }

  connection(slot: string): StreamConnection {
    return new PostgresStreamConnection(this.#url, `lockstep ${slot}`)
  }

  mark(slot: string, content: string): Promise<unknown> {
    if (this.#flushes)
      return this.#sql`SELECT pg_logical_emit_message(false, ${barrierPrefix}, ${content}, true)`.execute()
    // The commit of the small change flushes the message with it.
    return this.#sql`
      WITH touched AS (
        UPDATE lockstep.state SET barrier = barrier + 1 WHERE slot = ${slot} RETURNING 1
      )
      SELECT pg_logical_emit_message(false, ${barrierPrefix}, ${content}) FROM (SELECT count(*) FROM touched) t`.execute()
  }

  async probe(): Promise<void> {
    await this.#sql`SELECT 1`
  }

  async visibility(): Promise<Visibility> {
    const [row] = await this.#sql<{ snapshot: string }[]>`SELECT pg_current_snapshot()::text AS snapshot`
    return parseVisibility(row?.snapshot ?? '')
  }

  async retained(slot: string): Promise<{ bytes: number; scarce: boolean } | undefined> {
    const [row] = await this.#sql<{ bytes: number; scarce: boolean }[]>`
      SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 AS bytes,
        coalesce(wal_status = 'unreserved' OR safe_wal_size < pg_size_bytes('64MB'), false) AS scarce
      FROM pg_replication_slots WHERE slot_name = ${slot}`
    return row
  }

  explain(error: unknown): unknown {
    return connectionFault(error, this.#url) ?? error
  }

  close(timeoutSeconds: number): Promise<void> {
    return this.#sql.end({ timeout: timeoutSeconds })
  }
}

/** Of pg_replication_slots; which columns tell of invalidation differs from version to version. */
interface InvalidationFacts {
  readonly wal_status?: string
  readonly invalidation_reason?: string | null
  readonly conflicting?: boolean | null
}

function invalidationOf(facts: InvalidationFacts): string | undefined {
  const isInvalidated =
    facts.wal_status === 'lost' || facts.conflicting === true || typeof facts.invalidation_reason === 'string'
  return isInvalidated ? (facts.invalidation_reason ?? facts.wal_status) : undefined
}

export const stateTableSql = `
  CREATE SCHEMA IF NOT EXISTS lockstep;
  CREATE TABLE IF NOT EXISTS lockstep.state (
    slot text PRIMARY KEY,
    epoch text NOT NULL,
    fingerprint text NOT NULL,
    system text NOT NULL,
    barrier bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
  )`

/** Creates Lockstep's schema and tables where they are missing. */
export async function ensureState(sql: Sql): Promise<void> {
  // IF NOT EXISTS needs the right to create even where nothing is to be created.
  const [found] = await sql`SELECT to_regclass('lockstep.state') IS NOT NULL AS there`
  if (found?.there === true) return
  try {
    await sql.unsafe(stateTableSql)
  } catch (error) {
    // Another server made it at the same time.
    if (
      !(error instanceof Error && 'code' in error && ['23505', '42P07', '42P06'].includes(String(error.code)))
    )
      throw error
  }
}

/** A slot's name is the whole cluster's: another database, or another program, may have one of this name. */
export async function slotTakenFault(sql: Sql, slot: string): Promise<Fault | undefined> {
  const [other] = await sql<{ whose: string }[]>`
    SELECT coalesce('database ' || nullif(database, current_database()), 'another program') AS whose
    FROM pg_replication_slots
    WHERE slot_name = ${slot} AND (database, plugin) IS DISTINCT FROM (current_database(), 'pgoutput')`
  return (
    other && {
      code: 'slot_taken',
      message: `The replication slot ${slot} belongs to ${other.whose}. Give this server another name for its slot.`,
    }
  )
}
