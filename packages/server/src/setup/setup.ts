import type { Sql } from 'postgres'
import type { Collection } from '../definition/definition.ts'
import { assertDatabaseUrl, connectionFault } from '../fault/connection.ts'
import { type Fault, type Note, SetupError } from '../fault/fault.ts'
import { type Logger, silentLogger } from '../runtime/logger.ts'
import { nodeRuntime } from '../runtime/node.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { connect } from '../source/connect.ts'
import { PostgresSlot } from '../source/postgres-slot.ts'
import { newEpoch, slotNameOf, whyNewEpoch } from '../source/slot.ts'
import { inspectCluster } from './cluster.ts'
import { inspectTables } from './tables.ts'

export { type Fault, type FaultCode, type Note, SetupError } from '../fault/fault.ts'

export interface SetupOptions {
  readonly url: string
  readonly collections: readonly Collection[]
  /** `Sync.fingerprint`. */
  readonly fingerprint: string
  /** As given to the source. */
  readonly slot?: string
  readonly publication?: string
  readonly runtime?: Runtime
  readonly logger?: Logger
}

export interface SetupReport {
  readonly faults: readonly Fault[]
  readonly notes: readonly Note[]
  /** SQL that was run. */
  readonly applied: readonly string[]
}

/** Looks at everything that Lockstep needs of the database, and changes nothing. Never rejects for a fault. */
export async function checkSetup(options: SetupOptions): Promise<SetupReport> {
  return withDatabase(options, async (sql) => ({ ...(await inspect(sql, options)), applied: [] }))
}

/**
 * Mends what it may: REPLICA IDENTITY FULL, the schema `lockstep`, the publication and the slot. Reports
 * what is left. Never rejects for a fault.
 */
export async function applySetup(options: SetupOptions): Promise<SetupReport> {
  return withDatabase(options, async (sql) => {
    const applied = await mend(sql, await inspect(sql, options))
    const report = await inspect(sql, options)
    if (report.faults.length > 0) return { ...report, applied }
    const slot = options.slot ?? slotNameOf(options.url)
    const plan = { ...options, slot, publication: options.publication ?? slot }
    const database = new PostgresSlot({ sql, url: options.url })
    await database.prepare()
    if ((await whyNewEpoch(database, plan)) !== undefined)
      await newEpoch(database, plan, options.runtime ?? nodeRuntime, options.logger ?? silentLogger)
    return { ...report, applied }
  })
}

/**
 * What a server does before it starts: `apply` mends the tables, `check` leaves them. Schema, publication
 * and slot are the source's to make. Notes go to the logger.
 * @throws SetupError with all faults that are left.
 */
export async function setUp(mode: 'apply' | 'check', options: SetupOptions): Promise<void> {
  const logger = options.logger ?? silentLogger
  const report = await withDatabase(options, async (sql) => {
    const before = await inspect(sql, options)
    if (mode === 'check') return { ...before, applied: [] }
    const applied = await mend(sql, before)
    return applied.length === 0 ? { ...before, applied } : { ...(await inspect(sql, options)), applied }
  })
  for (const sql of report.applied) logger.info(`Setup: ${sql}`)
  for (const note of report.notes) logger.warn(note.message)
  if (report.faults.length > 0) throw new SetupError(report.faults)
}

async function withDatabase(
  { url }: SetupOptions,
  run: (sql: Sql) => Promise<SetupReport>,
): Promise<SetupReport> {
  let sql: Sql | undefined
  try {
    assertDatabaseUrl(url)
    sql = connect(url, { max: 1, applicationName: 'lockstep setup' })
    await sql`SELECT 1`
    return await run(sql)
  } catch (error) {
    const known = connectionFault(error, url)
    if (known === undefined) throw error
    return { faults: known.faults, notes: [], applied: [] }
  } finally {
    await sql?.end({ timeout: 1 })
  }
}

async function inspect(
  sql: Sql,
  options: SetupOptions,
): Promise<{ faults: readonly Fault[]; notes: readonly Note[] }> {
  const slot = options.slot ?? slotNameOf(options.url)
  const cluster = await inspectCluster(sql, options.url, slot)
  const tables = await inspectTables(sql, options.collections, options.publication ?? slot)
  return { faults: [...cluster.faults, ...tables.faults], notes: [...cluster.notes, ...tables.notes] }
}

/** Runs the mending SQL of the faults that Lockstep may mend. A failure stays a fault. */
async function mend(sql: Sql, { faults }: { readonly faults: readonly Fault[] }): Promise<string[]> {
  const applied: string[] = []
  for (const fault of faults) {
    if (fault.code !== 'replica_identity' || fault.sql === undefined) continue
    try {
      // ALTER TABLE waits for every open transaction on the table, and all others wait behind it.
      await sql.unsafe(`BEGIN; SET LOCAL lock_timeout = '5s'; ${fault.sql} COMMIT`)
      applied.push(fault.sql)
    } catch {
      await sql.unsafe('ROLLBACK')
    }
  }
  return applied
}
