import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { cutProxy, eventually } from '@lockstep/testing'
import type { Sql } from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../embedded/index.ts'
import { silentLogger } from '../runtime/logger.ts'
import { connectForApplication } from './connect.ts'
import { postgresSource } from './postgres.ts'
import { RecordingSink, tableCollection } from './recording-sink.ts'

const tasks = tableCollection('tasks', ['id', 'note'])

let cluster: EmbeddedPostgres
let folder: string
const closing: (() => Promise<unknown>)[] = []
let sql: Sql

beforeAll(async () => {
  // Its data outlive a stop and a kill.
  folder = await mkdtemp(join(tmpdir(), 'lockstep-outage-'))
  await chmod(folder, 0o755)
  cluster = await startEmbeddedPostgres({ dataDir: join(folder, 'data') })
  // The bare client's statements can hang for good where a connection ends: see PoolSocket.
  sql = connectForApplication(cluster.url, { max: 4 })
  await sql.unsafe(
    'CREATE TABLE tasks (id int PRIMARY KEY, note text); ALTER TABLE tasks REPLICA IDENTITY FULL',
  )
})

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

afterAll(async () => {
  await sql.end({ timeout: 1 })
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
})

/** Writes until told to stop; a write whose reply was lost is looked up, so that the answer is what committed. */
function writeOn(from: number): { stop(): Promise<number> } {
  let stopped = false
  const done = (async () => {
    let id = from
    while (!stopped) {
      try {
        await sql`INSERT INTO tasks VALUES (${id}, 'x') ON CONFLICT DO NOTHING`
        id++
      } catch {
        await wait(5) // the database is away: try the same row again
      }
    }
    return id
  })()
  return {
    stop: () => {
      stopped = true
      return done
    },
  }
}

describe('an outage of Postgres', () => {
  it.each(['kill', 'stop', 'terminate'] as const)('(%s) loses nothing and doubles nothing', async (how) => {
    await eventually(() => sql`TRUNCATE tasks`)
    let breaks = 0
    const warn = (line: string): void => {
      if (line.startsWith('The replication stream ended')) breaks++
    }
    const source = postgresSource({
      url: cluster.url,
      collections: [tasks],
      fingerprint: 'x',
      slot: `outage_${how}`,
      logger: { ...silentLogger, warn },
    })
    closing.push(() => source.close())
    const sink = new RecordingSink()
    await source.start(sink)
    const writer = writeOn(1)
    closing.push(() => writer.stop())
    for (let round = 0; round < 3; round++) {
      const before = sink.transactions.length
      await eventually(() => sink.transactions.length > before + 20)
      if (how === 'kill') await cluster.kill()
      else if (how === 'stop') await cluster.stop()
      else await eventually(() => sql`SELECT pg_terminate_backend(pid) FROM pg_stat_replication`)
      await eventually(() => breaks > round)
      if (how !== 'terminate') await cluster.start()
      await eventually(() => source.status().connected)
    }
    const end = await writer.stop()
    await eventually(() => source.barrier())
    const ids = sink.events.map(({ after }) => Number(after?.[0]))
    expect(ids).toEqual(Array.from({ length: end - 1 }, (_, i) => i + 1))
    expect(sink.epochs).toHaveLength(1)
  })

  it('in mid-transaction gives the transaction anew, whole, once', async () => {
    const target = new URL(cluster.url)
    const proxy = await cutProxy({ targetPort: Number(target.port) })
    target.port = String(proxy.port)
    const source = postgresSource({
      url: target.href,
      collections: [tasks],
      fingerprint: 'x',
      slot: 'outage_cut',
    })
    closing.push(() => source.close())
    const sink = new RecordingSink()
    await source.start(sink)
    const change = sink.change.bind(sink)
    let seen = 0
    sink.change = (...event) => {
      change(...event)
      if (++seen === 5_000) setImmediate(() => proxy.cut())
    }
    await sql`INSERT INTO tasks SELECT i, repeat('x', 100) FROM generate_series(1000000, 1050000) i`
    await eventually(() => sink.transactions.length === 1)
    expect(seen).toBeGreaterThan(50_001)
    expect(sink.events).toHaveLength(50_001)
    expect(new Set(sink.events.map(({ after }) => after?.[0])).size).toBe(50_001)
    await proxy.close()
  })

  it('stops Postgres without waiting for what is acknowledged late', async () => {
    const source = postgresSource({
      url: cluster.url,
      collections: [tasks],
      fingerprint: 'x',
      slot: 'outage_late',
    })
    closing.push(() => source.close())
    await source.start(new RecordingSink())
    await sql`INSERT INTO tasks VALUES (-1, 'x')`
    await source.barrier()
    const before = performance.now()
    await cluster.stop()
    expect(performance.now() - before).toBeLessThan(5_000)
    await cluster.start()
    await eventually(() => source.status().connected)
    await eventually(() => sql`SELECT 1`)
  })
})

describe('a large transaction', () => {
  it('streams through with bounded memory', async () => {
    const source = postgresSource({ url: cluster.url, collections: [tasks], fingerprint: 'x', slot: 'large' })
    closing.push(() => source.close())
    let rows = 0
    let most = 0
    const nothing = (): void => {}
    await source.start({
      begin: nothing,
      commit: nothing,
      message: nothing,
      truncate: nothing,
      untold: nothing,
      progress: nothing,
      epoch: nothing,
      change: (_collection, _before, after) => {
        rows += after?.json(1).length === 1_002 ? 1 : 0
        if (rows % 1_000 === 0) most = Math.max(most, process.memoryUsage().rss)
      },
    })
    const before = process.memoryUsage().rss
    await sql`INSERT INTO tasks SELECT i, repeat('y', 1000) FROM generate_series(2000000, 2200000) i`
    await source.barrier()
    expect(rows).toBe(200_001)
    // 200 MB went through.
    expect(most - before).toBeLessThan(120_000_000)
  })
})
