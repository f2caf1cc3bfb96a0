import { createDatabase, type TestDatabase } from '@lockstep/testing'
import postgres, { type Sql, type TransactionSql } from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EmbeddedBus } from '../bus/embedded.ts'
import { compileSync } from '../definition/compile.ts'
import { payloadOf } from '../log/frame.ts'
import { MemoryLog } from '../log/memory.ts'
import { applyChanges, type ModelRows } from '../routing/model.setup.ts'
import { Router } from '../routing/router.ts'
import { silentLogger } from '../runtime/logger.ts'
import { nodeRuntime } from '../runtime/node.ts'
import { postgresSource } from '../source/postgres.ts'
import type { Source } from '../source/source.ts'
import { type PostgresSnapshotReader, postgresSnapshots } from './postgres.ts'
import { rowsOfText } from './postgres-model.setup.ts'
import { SnapshotStore } from './store.ts'

const sync = compileSync({
  channels: { 'project/:id': { authorize: () => true } },
  collections: {
    items: { table: 'items', channel: 'project/:project_id', columns: ['title', 'count', 'notes', 'data'] },
    tasks: { table: 'tasks', key: ['item_id', 'no'], channel: 'project/:project_id', columns: ['title'] },
  },
})
const channels = ['project/1', 'project/2', 'project/3']
const writers = 8
const snapshots = 50

/** The same numbers for the same seed (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below)
  }
}

describe('snapshots of a real Postgres', () => {
  const limits = { retentionMs: 600_000, logBytesMax: 1e9, logTotalBytesMax: 1e9 }
  const log = new MemoryLog({ viewCount: 1, runtime: nodeRuntime, limits })
  const bus = new EmbeddedBus()
  bus.subscribe((entry) => log.append(entry))
  let database: TestDatabase
  let sql: Sql
  let source: Source
  let reader: PostgresSnapshotReader

  beforeAll(async () => {
    database = await createDatabase()
    sql = postgres(database.url, { max: writers + 2, onnotice: () => {} })
    await sql.unsafe(`
      CREATE TABLE items (id int PRIMARY KEY, project_id int, title text, count int8, notes text, data jsonb);
      CREATE TABLE tasks (item_id int, no int, project_id int, title text, PRIMARY KEY (item_id, no));
      ALTER TABLE items REPLICA IDENTITY FULL;
      ALTER TABLE tasks REPLICA IDENTITY FULL;
      ALTER TABLE items ALTER COLUMN notes SET STORAGE EXTERNAL;`)
    source = postgresSource({
      url: database.url,
      collections: sync.collections,
      fingerprint: sync.fingerprint,
      slot: database.name,
    })
    reader = postgresSnapshots({ url: database.url, batchRows: 20 })
    const router = new Router({
      sync,
      bus,
      limits: { transactionBytesMax: 1e8, transactionTotalBytesMax: 1e9 },
      logger: silentLogger,
    })
    await source.start(router)
  })

  afterAll(async () => {
    await source.close()
    await reader.close()
    await sql.end({ timeout: 1 })
    await database.drop()
  })

  it('G1: equal the replay of the stream up to their position, while transactions are held open across them', async () => {
    let writing = true
    let commits = 0
    const write = async (number: number) => {
      const roll = random(number)
      while (writing) {
        await sql
          .begin(async (tx) => {
            for (let i = 1 + roll(4); i > 0; i--) await change(tx, roll)
            // Held open: others commit meanwhile, and snapshots are taken.
            await tx`SELECT pg_sleep(${roll(3) === 0 ? roll(60) / 1000 : 0})`
          })
          .then(() => commits++)
          .catch((error: { code?: string }) => {
            // Deadlock, or a key that another has just taken: rolled back, as happens in life.
            if (error.code !== '40P01' && error.code !== '23505') throw error
          })
      }
    }
    const writing8 = Promise.all(Array.from({ length: writers }, (_, i) => write(i + 1)))

    try {
      let moved = 0
      for (let i = 0; i < snapshots; i++) {
        // A store of its own each time: nothing comes from a cache.
        const store = new SnapshotStore({
          sync,
          log,
          reader,
          barrier: () => source.barrier(),
          runtime: nodeRuntime,
          limits: { snapshotBytesMax: 1e6, retentionMs: 1e6 },
        })
        const channel = channels[i % channels.length] ?? ''
        const snapshot = await store.get(channel, 0)
        expect(snapshotRows(snapshot.json)).toEqual(replay(log, channel, snapshot.position.lsn))
        if (snapshot.position.lsn < log.position.lsn) moved++
      }
      expect(moved).toBeGreaterThan(0)
    } finally {
      writing = false
      await writing8
    }
    expect(commits).toBeGreaterThan(100)

    // When writes stop, log and snapshot are the table.
    await source.barrier()
    for (const channel of channels) {
      const rows = await sql`SELECT id FROM items WHERE project_id = ${channel.split('/')[1] ?? ''}`
      expect(replay(log, channel, log.position.lsn).get('items')?.size ?? 0).toBe(rows.length)
    }
  })
})

/** One random statement: creates, updates, moves, key changes, destroys over few keys. */
async function change(tx: TransactionSql, roll: (below: number) => number): Promise<void> {
  const id = roll(40)
  const project = roll(4) === 0 ? null : 1 + roll(3)
  const kind = roll(10)
  if (kind < 3) {
    const notes = roll(3) === 0 ? 'ü"\\'.repeat(2000) : 'short'
    await tx`INSERT INTO items VALUES (${id}, ${project}, ${`t${roll(100)}`}, ${roll(1000)}, ${notes}, ${`{"n": 1e400, "t": "${roll(9)}"}`}::text::jsonb)
      ON CONFLICT (id) DO UPDATE SET title = excluded.title, count = excluded.count`
  } else if (kind < 5) await tx`UPDATE items SET count = count + 1 WHERE id = ${id}`
  else if (kind < 6) await tx`UPDATE items SET project_id = ${project} WHERE id = ${id}`
  else if (kind < 7) await tx`DELETE FROM items WHERE id = ${id}`
  else if (kind < 8) await tx`UPDATE items SET id = ${40 + roll(20)} WHERE id = ${id}`
  else if (kind < 9) {
    await tx`INSERT INTO tasks VALUES (${id}, ${roll(3)}, ${project}, ${`t${roll(100)}`})
      ON CONFLICT (item_id, no) DO UPDATE SET title = excluded.title, project_id = excluded.project_id`
  } else await tx`DELETE FROM tasks WHERE item_id = ${id}`
}

function snapshotRows(json: string): ModelRows {
  return rowsOfText(JSON.stringify(JSON.parse(json).collections))
}

/** What the stream alone leads to, from the beginning. */
function replay(log: MemoryLog, channel: string, lsn: number): ModelRows {
  const pin = log.pin(channel)
  const rows: ModelRows = new Map()
  for (const entry of pin.entries(0) ?? []) {
    if (entry.frame === undefined) throw new Error('a reset')
    if (entry.lsn <= lsn) applyChanges(rows, JSON.stringify(JSON.parse(payloadOf(entry.frame)).changes))
  }
  pin.release()
  return rows
}
