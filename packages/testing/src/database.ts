import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { assertReachable } from './kit/reachable.ts'
import { startPostgres, type TestPostgres } from './postgres.ts'

/** A database of its own for one test, empty, in a cluster that other tests use too. */
export interface TestDatabase {
  /** Also fit for a replication slot's name; slots of all databases share one space of names. */
  readonly name: string
  readonly url: string
  /** Ends its connections, drops its replication slots and then the database. */
  drop(): Promise<void>
}

/**
 * Environment variable that tells where the cluster of the whole run is: the URL of a Postgres whose user
 * may create databases, or an http address whose body is that URL (which starts the cluster when asked).
 */
const clusterVariable = 'LOCKSTEP_TEST_POSTGRES'

/** The cluster of this process, where the run has none. */
let own: Promise<TestPostgres> | undefined

/**
 * Makes an empty database in the cluster of this test run, or, where there is none, in one that this
 * process starts and that ends with it.
 */
export async function createDatabase(): Promise<TestDatabase> {
  const cluster = await clusterUrl()
  const name = `test_${randomBytes(6).toString('hex')}`
  await asAdmin(cluster, async (sql) => {
    await sql.unsafe(`CREATE DATABASE ${name} TEMPLATE template0`)
  })
  const url = new URL(cluster)
  url.pathname = `/${name}`
  return {
    name,
    url: url.href,
    drop: () => asAdmin(cluster, (sql) => dropDatabase(sql, name)),
  }
}

async function clusterUrl(): Promise<string> {
  const given = process.env[clusterVariable]
  if (given?.startsWith('http:')) {
    const response = await fetch(given)
    const text = await response.text()
    if (!response.ok) throw new Error(`The test cluster did not start: ${text}`)
    return text
  }
  if (given !== undefined && given !== '') {
    await assertReachable({ [`The Postgres of ${clusterVariable}`]: given })
    return given
  }
  own ??= startPostgres()
  return (await own).url
}

async function dropDatabase(sql: postgres.Sql, name: string): Promise<void> {
  // A slot keeps its database; it can go only when its walsender has gone, which takes a moment.
  const deadline = performance.now() + 10_000
  for (;;) {
    await sql`
      SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
      WHERE database = ${name} AND active_pid IS NOT NULL`
    try {
      await sql`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = ${name}`
      await sql.unsafe(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
      return
    } catch (error) {
      if (performance.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

async function asAdmin<T>(url: string, run: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  try {
    return await run(sql)
  } finally {
    await sql.end({ timeout: 5 })
  }
}
