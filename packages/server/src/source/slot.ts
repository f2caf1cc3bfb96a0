import type { Sql } from 'postgres'
import type { Collection } from '../definition/definition.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { parseLsn } from './lsn.ts'

/** What a slot must agree with for its log to be continued. */
export interface SlotPlan {
  readonly slot: string
  readonly publication: string
  readonly collections: readonly Collection[]
  readonly fingerprint: string
}

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

/** A name as SQL takes it: `"a ""b"""`. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function qualifiedName(collection: Collection): string {
  return `${quoteName(collection.schema)}.${quoteName(collection.table)}`
}

/** Tables of the collections, each once. */
export function tablesOf(collections: readonly Collection[]): readonly string[] {
  return [...new Set(collections.map(qualifiedName))]
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

export function publicationSql(publication: string, collections: readonly Collection[]): string {
  const tables = tablesOf(collections)
  const list = tables.length === 0 ? '' : ` FOR TABLE ${tables.join(', ')}`
  return `CREATE PUBLICATION ${quoteName(publication)}${list} WITH (publish_via_partition_root = true)`
}

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

/** The reason that is none to worry about: nobody has a position yet. */
export const firstLog = 'there is no replication slot yet'

/** Why the log of this slot cannot be continued; undefined: it can. */
export async function whyNewEpoch(sql: Sql, plan: SlotPlan): Promise<string | undefined> {
  const [state] = await sql`
    SELECT fingerprint, system = (SELECT system_identifier::text FROM pg_control_system()) AS same_system
    FROM lockstep.state WHERE slot = ${plan.slot}`
  const [slot] = await sql`
    SELECT to_jsonb(s) AS facts, s.plugin, s.database = current_database() AS here
    FROM pg_replication_slots s WHERE slot_name = ${plan.slot}`
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
  if (state.fingerprint !== (await wholeFingerprint(sql, plan)))
    return 'the definition or a column type changed'
  return whyPublicationDiffers(sql, plan)
}

/** Why the publication does not publish what the collections need; undefined: it does. */
export async function whyPublicationDiffers(sql: Sql, plan: SlotPlan): Promise<string | undefined> {
  const [publication] = await sql`
    SELECT puballtables OR pubviaroot AND pubinsert AND pubupdate AND pubdelete AND pubtruncate AS whole, pubviaroot
    FROM pg_publication WHERE pubname = ${plan.publication}`
  if (publication === undefined) return 'the publication is gone'
  if (publication.whole !== true || publication.pubviaroot !== true) return 'the publication was altered'
  const rows = await sql<{ name: string }[]>`
    SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_publication_tables WHERE pubname = ${plan.publication}`
  const wanted = await sql<{ name: string | null }[]>`
    SELECT format('%I.%I', n.nspname, c.relname) AS name
    FROM jsonb_array_elements_text(${JSON.stringify(tablesOf(plan.collections))}::text::jsonb) AS t
    LEFT JOIN pg_class c ON c.oid = to_regclass(t) LEFT JOIN pg_namespace n ON n.oid = c.relnamespace`
  const there = new Set(rows.map((row) => row.name))
  const missing = wanted.some((row) => row.name === null || !there.has(row.name))
  return missing ? 'a table is not in the publication' : undefined
}

/** The definition and the types of all its columns: a change of either makes old messages unusable. */
async function wholeFingerprint(sql: Sql, plan: SlotPlan): Promise<string> {
  const tables = tablesOf(plan.collections)
  const columns = [...new Set(plan.collections.flatMap((collection) => collection.columns))]
  const [row] = await sql`
    SELECT md5(coalesce(string_agg(format('%s.%s:%s', attrelid, attname, atttypid), ',' ORDER BY attrelid, attname), ''))
      AS types
    FROM pg_attribute
    WHERE attrelid IN (SELECT to_regclass(t) FROM jsonb_array_elements_text(${JSON.stringify(tables)}::text::jsonb) AS t)
      AND attname IN (SELECT jsonb_array_elements_text(${JSON.stringify(columns)}::text::jsonb)) AND attnum > 0 AND NOT attisdropped`
  return `${plan.fingerprint} ${row?.types}`
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
    `DROP PUBLICATION IF EXISTS ${quoteName(plan.publication)}; ${publicationSql(plan.publication, plan.collections)}`,
  )
  const fingerprint = await wholeFingerprint(sql, plan)
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
