import { eventually, startPostgres, type TestPostgres } from '@lockstep/testing'
import postgres, { type Sql } from 'postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { postgresSource } from './postgres.ts'
import { RecordingSink, tableCollection } from './recording-sink.ts'
import type { Source } from './source.ts'

let cluster: TestPostgres
let sql: Sql
let source: Source | undefined

beforeAll(async () => {
  cluster = await startPostgres({ synchronous_commit: 'local' })
  sql = postgres(cluster.url, { max: 8, onnotice: () => {} })
  await sql`CREATE TABLE tasks (id int PRIMARY KEY)`
})

afterAll(async () => {
  await source?.close()
  await sql.end({ timeout: 1 })
  await cluster.stop()
})

/** Commits that ask for it wait for a standby, in the WAL already and seen by nobody, until it is nobody's. */
async function waitForStandby(name: string): Promise<void> {
  await sql.unsafe(`ALTER SYSTEM SET synchronous_standby_names = '${name}'`)
  await sql`SELECT pg_reload_conf()`
  await eventually(async () => {
    const [row] = await sql<{ name: string }[]>`SELECT current_setting('synchronous_standby_names') AS name`
    return row?.name === name
  })
}

const runs = (query: string, waitsFor: string): Promise<unknown> =>
  eventually(async () => {
    const rows = await sql`
      SELECT 1 FROM pg_stat_activity WHERE query LIKE ${query} AND wait_event = ${waitsFor} AND pid <> pg_backend_pid()`
    return rows.length > 0
  })

it('G1: a log begins when everything that was committed before it can be seen', async () => {
  await waitForStandby('nobody')
  const [first, second, late] = [await sql.reserve(), await sql.reserve(), await sql.reserve()]
  await first`BEGIN`
  await first`INSERT INTO tasks VALUES (1)`
  source = postgresSource({
    url: cluster.url,
    collections: [tableCollection('tasks', ['id'])],
    fingerprint: 'x',
    slot: 'settled',
  })
  let begun = false
  const starting = source.start(new RecordingSink()).then(() => {
    begun = true
  })
  // The slot waits for those that are under way, and once more for those that came meanwhile.
  await runs('%pg_create_logical_replication_slot%', 'transactionid')
  await second`BEGIN`
  await second`INSERT INTO tasks VALUES (2)`
  const [own] = await second<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`
  await first`COMMIT`
  await eventually(async () => {
    const rows = await sql`
      SELECT 1 FROM pg_stat_activity
      WHERE query LIKE '%pg_create_logical_replication_slot%' AND ${own?.pid ?? 0} = ANY (pg_blocking_pids(pid))`
    return rows.length > 0
  })
  await late`SET synchronous_commit = 'on'`
  const committing = late`INSERT INTO tasks VALUES (3)`.execute()
  await runs('%INSERT INTO tasks VALUES (3)%', 'SyncRep')
  await second`COMMIT`
  // The slot is there; the last commit lies before it, and no snapshot has it.
  await runs('%pg_snapshot_xmin%', 'PgSleep')
  expect(await sql`SELECT id FROM tasks ORDER BY id`).toEqual([{ id: 1 }, { id: 2 }])
  expect(begun).toBe(false)
  await waitForStandby('')
  await Promise.all([committing, starting])
  expect(await sql`SELECT count(*)::int AS n FROM tasks`).toEqual([{ n: 3 }])
  for (const reserved of [first, second, late]) reserved.release()
})
