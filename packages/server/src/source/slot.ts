import type { Sql } from 'postgres'
import type { Collection } from '../definition/definition.ts'
import { type Fault, SetupError } from '../fault/fault.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { parseLsn } from './lsn.ts'
import { qualifiedName, quoteName, tablesOf } from './names.ts'
import { currentTerms, readTerms, type SlotPlan, whyTermsDiffer } from './terms.ts'

/** An epoch of the log: positions of the same epoch can be compared. */
export interface Epoch {
  readonly epoch: string
  /** Commits that start here or later are in the stream. */
  readonly from: number
}

/** Postgres' own rule for the names of slots. */
export function isSlotName(name: string): boolean {
  return /^[a-z0-9_]{1,63}$/.test(name)
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

/** The reason that is none to worry about: nobody has a position yet. */
export const firstLog = 'there is no replication slot yet'

/**
 * Why the log of this slot cannot be continued; undefined: it can. `stopped`: collections whose changes the
 * stream has left out.
 */
export async function whyNewEpoch(
  sql: Sql,
  plan: SlotPlan,
  stopped: readonly Collection[] = [],
): Promise<string | undefined> {
  const [state] = await sql`
    SELECT fingerprint, system = (SELECT system_identifier::text FROM pg_control_system()) AS same_system
    FROM lockstep.state WHERE slot = ${plan.slot}`
  const [slot] = await sql`
    SELECT to_jsonb(s) AS facts FROM pg_replication_slots s WHERE slot_name = ${plan.slot}`
  const taken = await slotTakenFault(sql, plan.slot)
  if (taken !== undefined) throw new SetupError([taken])
  if (slot === undefined) return state === undefined ? firstLog : 'the replication slot is gone'
  // to_jsonb because the columns that tell of invalidation differ from version to version.
  const facts = slot.facts as { wal_status?: string; invalidation_reason?: string; conflicting?: boolean }
  if (
    facts.wal_status === 'lost' ||
    facts.conflicting === true ||
    typeof facts.invalidation_reason === 'string'
  )
    return `the replication slot was invalidated (${facts.invalidation_reason ?? facts.wal_status})`
  if (state === undefined) return 'the replication slot is not one of this server'
  if (state.same_system !== true) return 'this is another database cluster'
  const before = readTerms(state.fingerprint)
  const now = await currentTerms(sql, plan)
  const why = before === undefined ? 'it was begun by an older version' : whyTermsDiffer(before, now)
  if (why !== undefined) return why
  // Partitions that were made since are told of, and are to be there from now on.
  const terms = JSON.stringify(now)
  if (terms !== state.fingerprint)
    await sql`UPDATE lockstep.state SET fingerprint = ${terms} WHERE slot = ${plan.slot} AND fingerprint = ${state.fingerprint}`
  for (const collection of stopped)
    if (await isWhole(sql, collection)) return `collection ${collection.name} can be told again`
  return undefined
}

/** Whether the table has all declared columns. */
async function isWhole(sql: Sql, collection: Collection): Promise<boolean> {
  const [row] = await sql`
    SELECT count(*)::int AS found FROM pg_attribute
    WHERE attrelid = to_regclass(${qualifiedName(collection)}) AND attnum > 0 AND NOT attisdropped
      AND attname IN (SELECT jsonb_array_elements_text(${JSON.stringify(collection.columns)}::text::jsonb))`
  return row?.found === collection.columns.length
}

/** The epoch that stands, for a slot that `whyNewEpoch` found nothing against. */
export async function currentEpoch(sql: Sql, slot: string): Promise<Epoch> {
  const [row] = await sql<{ epoch: string; lsn: string }[]>`
    SELECT epoch, confirmed_flush_lsn::text AS lsn
    FROM lockstep.state JOIN pg_replication_slots ON slot_name = slot WHERE slot = ${slot}`
  if (row === undefined) throw new Error(`The replication slot ${slot} has gone.`)
  return { epoch: row.epoch, from: parseLsn(row.lsn) }
}

/** Drops what is left of the slot and the publication, and makes both anew under a new epoch. */
export async function newEpoch(sql: Sql, plan: SlotPlan, runtime: Runtime, logger: Logger): Promise<Epoch> {
  // The row goes first: if this ends half-way, the next start does it all again.
  await sql`DELETE FROM lockstep.state WHERE slot = ${plan.slot}`
  await sql`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = ${plan.slot}`
  await sql.unsafe(
    `DROP PUBLICATION IF EXISTS ${quoteName(plan.publication)}; ${await publicationSql(sql, plan)}`,
  )
  const fingerprint = JSON.stringify(await currentTerms(sql, plan))
  const waiting = runtime.timer(2_000, () =>
    logger.warn('Making the replication slot waits for transactions that are open now to end.'),
  )
  try {
    const [row] = await sql<{ lsn: string }[]>`
      SELECT lsn::text AS lsn FROM pg_create_logical_replication_slot(${plan.slot}, 'pgoutput')`
    if (row === undefined) throw new Error('no slot was made')
    const epoch = epochName(runtime)
    await sql`
      INSERT INTO lockstep.state (slot, epoch, fingerprint, system)
      SELECT ${plan.slot}, ${epoch}, ${fingerprint}, system_identifier::text FROM pg_control_system()
      ON CONFLICT (slot) DO UPDATE
      SET epoch = excluded.epoch, fingerprint = excluded.fingerprint, system = excluded.system, created_at = now()`
    return { epoch, from: parseLsn(row.lsn) }
  } finally {
    waiting.cancel()
  }
}

/** Of the declared tables that are there: one that was dropped does not hold up the others. */
async function publicationSql(sql: Sql, { publication, collections }: SlotPlan): Promise<string> {
  const tables = await sql<{ name: string }[]>`
    SELECT t AS name FROM jsonb_array_elements_text(${JSON.stringify(tablesOf(collections))}::text::jsonb) AS t
    WHERE to_regclass(t) IS NOT NULL`
  const list = tables.length === 0 ? '' : ` FOR TABLE ${tables.map(({ name }) => name).join(', ')}`
  return `CREATE PUBLICATION ${quoteName(publication)}${list} WITH (publish_via_partition_root = true)`
}

/** Up to twelve small letters and digits, as the wire position allows. */
function epochName(runtime: Runtime): string {
  const plain = runtime
    .randomText(32)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
  return plain.slice(0, 12)
}

/** The default name of a database's slot: names are the whole cluster's, so each database gets its own. */
export function slotNameOf(url: string): string {
  return `lockstep_${databaseOf(url)
    .toLowerCase()
    .replace(/[^a-z0-9_]/g, '_')}`.slice(0, 63)
}

function databaseOf(url: string): string {
  try {
    return decodeURIComponent(new URL(url).pathname.slice(1)) || 'postgres'
  } catch {
    return 'postgres' // whoever connects will say what is wrong with the address
  }
}
