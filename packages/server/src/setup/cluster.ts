import type { Sql } from 'postgres'
import { connectionFault } from '../fault/connection.ts'
import type { Fault, Note } from '../fault/fault.ts'
import { connectReplication } from '../source/connect.ts'
import { quoteName } from '../source/names.ts'
import { slotTakenFault } from '../source/postgres-slot.ts'

interface ClusterFacts {
  readonly version: number
  readonly recovery: boolean
  readonly wal_level: string
  readonly user: string
  readonly database: string
  readonly can_create: boolean
  readonly has_schema: boolean
  readonly has_slot: boolean
  readonly slots: number
  readonly slots_max: number
  /** Where transactions are made read-only by default: what says so, as pg_settings tells it. */
  readonly read_only: string | null
  readonly synchronous_commit: string
  readonly off_for: string | null
}

const versionMin = 140_000

/** What Lockstep needs of the database as a whole. */
export async function inspectCluster(
  sql: Sql,
  url: string,
  slot: string,
): Promise<{ faults: Fault[]; notes: Note[] }> {
  const [facts] = await sql<ClusterFacts[]>`
    SELECT current_setting('server_version_num')::int AS version,
      pg_is_in_recovery() AS recovery,
      current_setting('wal_level') AS wal_level,
      current_user::text AS "user",
      current_database()::text AS database,
      has_database_privilege(current_database(), 'CREATE') AS can_create,
      to_regclass('lockstep.state') IS NOT NULL AS has_schema,
      EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = ${slot}) AS has_slot,
      (SELECT count(*)::int FROM pg_replication_slots) AS slots,
      current_setting('max_replication_slots')::int AS slots_max,
      (SELECT source FROM pg_settings
        WHERE name = 'default_transaction_read_only' AND setting = 'on') AS read_only,
      current_setting('synchronous_commit') AS synchronous_commit,
      (SELECT string_agg(DISTINCT coalesce(r.rolname, d.datname, 'all'), ', ')
        FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole
        LEFT JOIN pg_database d ON d.oid = s.setdatabase
        WHERE (s.setdatabase = 0 OR d.datname = current_database())
          AND 'synchronous_commit=off' = ANY (s.setconfig)) AS off_for`
  if (facts === undefined) return { faults: [], notes: [] }
  const faults = [...faultsOf(facts, slot), ...(await replicationFaults(url, facts))]
  const taken = await slotTakenFault(sql, slot)
  if (taken !== undefined) faults.push(taken)
  const notes: Note[] = []
  if (facts.synchronous_commit === 'off' || facts.off_for !== null)
    notes.push({
      code: 'synchronous_commit',
      message:
        `synchronous_commit is off${facts.off_for === null ? '' : ` for ${facts.off_for}`}: such commits are seen by others ` +
        'only after wal_writer_delay (200 ms unless changed), and may be lost when Postgres crashes.',
      sql: `ALTER DATABASE ${quoteName(facts.database)} SET synchronous_commit = on;`,
    })
  return { faults, notes }
}

function faultsOf(facts: ClusterFacts, slot: string): Fault[] {
  const faults: Fault[] = []
  const { version, recovery, user, database } = facts
  if (version < versionMin)
    faults.push({
      code: 'too_old',
      message: `This is Postgres ${Math.floor(version / 10_000)}; Lockstep needs 14 or newer.`,
    })
  if (recovery)
    faults.push({
      code: 'in_recovery',
      message: 'This is a standby, which takes no writes. Let DATABASE_URL name the primary.',
    })
  if (facts.read_only !== null)
    faults.push({
      code: 'read_only',
      message: `default_transaction_read_only is on for ${user} in ${database}, and Lockstep keeps tables of its own there. Let the database's owner or a superuser run:`,
      sql: `${scopeOf(facts.read_only, user, database)} SET default_transaction_read_only = off;`,
    })
  if (facts.wal_level !== 'logical')
    faults.push({
      code: 'wal_level',
      message: `wal_level is ${facts.wal_level}; logical replication needs logical. Set it as a superuser and restart Postgres (hosted: look for "logical replication" in its settings):`,
      sql: "ALTER SYSTEM SET wal_level = 'logical';",
    })
  if (!facts.can_create && !(facts.has_schema && facts.has_slot))
    faults.push({
      code: 'no_create_privilege',
      message: `${user} may not create the schema and the publication that Lockstep needs in ${database}. Let a superuser or the database's owner run:`,
      sql: `GRANT CREATE ON DATABASE ${quoteName(database)} TO ${quoteName(user)};`,
    })
  if (!facts.has_slot && facts.slots >= facts.slots_max)
    faults.push({
      code: 'no_slots_left',
      message: `All ${facts.slots_max} replication slots are taken, and ${slot} is to be one. Drop one that nothing uses (this lists them), or raise max_replication_slots and restart Postgres:`,
      sql: 'SELECT slot_name, database, wal_status FROM pg_replication_slots WHERE NOT active;',
    })
  return faults
}

/** Where a setting is changed so that it overrides where it comes from. */
function scopeOf(source: string, user: string, database: string): string {
  if (source === 'user') return `ALTER ROLE ${quoteName(user)}`
  if (source === 'database user') return `ALTER ROLE ${quoteName(user)} IN DATABASE ${quoteName(database)}`
  return `ALTER DATABASE ${quoteName(database)}`
}

/** Tries what only a replication connection can tell. */
async function replicationFaults(url: string, facts: ClusterFacts): Promise<Fault[]> {
  const { sql } = connectReplication(url, 'lockstep setup')
  try {
    await sql.unsafe('IDENTIFY_SYSTEM')
    return []
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const text = error instanceof Error ? error.message : ''
    if (code === '42501' || /replication role|REPLICATION attribute|rolreplication/i.test(text))
      return [
        {
          code: 'no_replication_privilege',
          message: `${facts.user} may not replicate. Let a superuser run (hosted: grant the host's replication role instead, such as rds_replication):`,
          sql: `ALTER ROLE ${quoteName(facts.user)} WITH REPLICATION;`,
        },
      ]
    if (code === '53300')
      return [
        {
          code: 'no_walsenders_left',
          message:
            'All replication connections are taken. Raise max_wal_senders and restart Postgres, or end one that nothing needs:',
          sql: 'SELECT pid, application_name, client_addr, backend_start FROM pg_stat_replication;',
        },
      ]
    if (code === '08P01' || looksPooled(url)) return [poolerFault]
    const known = connectionFault(error, url)
    if (known === undefined) throw error
    return [...known.faults]
  } finally {
    await sql.end({ timeout: 1 })
  }
}

const poolerFault: Fault = {
  code: 'pooler',
  message:
    'DATABASE_URL leads to a connection pooler, which cannot carry replication. Use the direct address of Postgres (hosted: the one without "pooler" in it, or port 5432).',
}

function looksPooled(url: string): boolean {
  const { hostname, port } = new URL(url)
  return /pooler|pgbouncer/.test(hostname) || port === '6432' || port === '6543'
}
