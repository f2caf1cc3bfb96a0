import { setTimeout as wait } from 'node:timers/promises'
import { collection, defineSync, type SyncDefinition } from '@lockstep/server'
import postgres from 'postgres'

/** The WAL that every reader gets to read: written before anybody reads it. */
export interface Backlog {
  readonly url: string
  readonly table: string
  readonly rows: number
  readonly transactions: number
  /** Whole new rows; or updates of two columns, as a drag in a list makes them (replica identity FULL). */
  readonly kind: 'inserts' | 'updates'
}

export type Reader = 'stream' | 'raw' | 'pg-logical-replication' | 'lockstep'

/** Each reader has a permanent slot of its own and never acknowledges, so that every round reads the same. */
export function slotOf(backlog: Backlog, reader: Reader): string {
  return `${backlog.table}_${reader.replaceAll('-', '_')}`
}

const channelCount = 1_000

export function definitionOf(table: string): SyncDefinition {
  return defineSync({
    channels: { 'project/:projectId': { authorize: () => true } },
    collections: {
      items: collection({
        table,
        channel: 'project/:project_id',
        columns: [
          'id',
          'sprint_id',
          'title',
          'story',
          'estimate',
          'position',
          'status',
          'labels',
          'assignee_id',
          'done',
          'created_at',
          'updated_at',
        ],
      }),
    },
  })
}

export async function createTable(url: string, table: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  await sql.unsafe(`
    CREATE TABLE ${table} (
      id bigint PRIMARY KEY,
      project_id integer NOT NULL,
      sprint_id integer,
      title text NOT NULL,
      story text NOT NULL,
      estimate numeric,
      position double precision NOT NULL,
      status text NOT NULL,
      labels text[] NOT NULL,
      assignee_id integer,
      done boolean NOT NULL DEFAULT false,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`)
  await sql.unsafe(`ALTER TABLE ${table} REPLICA IDENTITY FULL`)
  await sql.end()
}

/** The slots of all readers but Lockstep, and the publication that they share. Lockstep makes its own. */
export async function createSlots(backlog: Backlog): Promise<void> {
  const sql = postgres(backlog.url, { max: 1 })
  await sql.unsafe(`CREATE PUBLICATION ${backlog.table}_rows FOR TABLE ${backlog.table}`)
  for (const reader of ['stream', 'raw', 'pg-logical-replication'] as const) {
    await sql`SELECT pg_create_logical_replication_slot(${slotOf(backlog, reader)}, 'pgoutput')`
  }
  await sql.end()
}

/** What is there before the slots are: the rows that will be updated. */
export async function fillTable({ url, table, rows, kind }: Backlog): Promise<void> {
  if (kind === 'inserts') return
  const sql = postgres(url, { max: 1 })
  await sql.unsafe(insertSql(table, '1', String(rows)))
  await sql.unsafe(`VACUUM ANALYZE ${table}`)
  await sql.end()
}

/** Writes the changes, ten after each other in one of a thousand channels, in commits of the same size. */
export async function writeBacklog({ url, table, rows, transactions, kind }: Backlog): Promise<void> {
  const sql = postgres(url, { max: 1 })
  const perCommit = rows / transactions
  const first = `i * ${perCommit} + 1`
  const last = `(i + 1) * ${perCommit}`
  const change =
    kind === 'inserts'
      ? insertSql(table, first, last)
      : `UPDATE ${table} SET position = position + 1, updated_at = clock_timestamp()
           WHERE id BETWEEN ${first} AND ${last}`
  await sql`SET synchronous_commit = off`
  await sql.unsafe(`DO $$ BEGIN FOR i IN 0..${transactions - 1} LOOP ${change}; COMMIT; END LOOP; END $$`)
  // The walsender sends flushed WAL only.
  await sql`SET synchronous_commit = on`
  await sql`SELECT pg_logical_emit_message(true, 'bench', 'end')`
  await sql.end()
}

function insertSql(table: string, first: string, last: string): string {
  return `
    INSERT INTO ${table}
      (id, project_id, sprint_id, title, story, estimate, position, status, labels, assignee_id)
    SELECT n, n / 10 % ${channelCount}, n % 7, 'Item ' || n,
      'As a member of the team I want item ' || n || ' to be done, so that the sprint can end',
      n % 13 + 0.5, n / 3.0, 'planned', ARRAY['backend', 'urgent'], n % 9
    FROM generate_series(${first}, ${last}) AS n`
}

/** Resolves when nobody reads the slot any more: a walsender ends some time after its reader. */
export async function slotFree(url: string, slot: string): Promise<void> {
  const sql = postgres(url, { max: 1 })
  try {
    for (;;) {
      const [found] = await sql`SELECT active FROM pg_replication_slots WHERE slot_name = ${slot}`
      if (found?.active !== true) return
      await wait(10)
    }
  } finally {
    await sql.end()
  }
}
