import { LockstepError } from '@lockstep/protocol'
import {
  type CutProxy,
  createDatabase,
  cutProxy,
  eventually,
  startPostgres,
  type TestDatabase,
} from '@lockstep/testing'
import postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../runtime/logger.ts'
import { nodeRuntime } from '../runtime/node.ts'
import { guardTransactions } from '../source/transaction.ts'
import { prepareWrites } from './tables.ts'
import type { Writer, WriteTransaction } from './write.ts'
import { createWriter } from './writer.ts'

function pool(url: string, max: number): postgres.Sql {
  return guardTransactions(
    postgres(url, { max, onnotice: () => {}, backoff: () => 0.02, connect_timeout: 5 }),
  )
}

function writerOn(sql: postgres.Sql): Writer {
  return createWriter({ sql, runtime: nodeRuntime, logger: silentLogger, epoch: () => 'e1' })
}

function post(key: string): Request {
  return new Request('http://localhost/items', {
    method: 'POST',
    headers: { 'idempotency-key': key },
    body: '{}',
  })
}

const table = 'CREATE TABLE items (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, title text NOT NULL)'

function insert(title: string) {
  return async (tx: WriteTransaction): Promise<number> => {
    const [row] = await tx.sql<{ id: number }[]>`INSERT INTO items (title) VALUES (${title}) RETURNING id`
    if (row === undefined) throw new Error('no row')
    return row.id
  }
}

describe('a connection that is lost', () => {
  let database: TestDatabase
  let proxy: CutProxy
  let direct: postgres.Sql
  let proxied: postgres.Sql

  beforeAll(async () => {
    database = await createDatabase()
    direct = pool(database.url, 4)
    await prepareWrites(direct)
    await direct.unsafe(table)
    const url = new URL(database.url)
    proxy = await cutProxy({ targetPort: Number(url.port), targetHost: url.hostname })
    url.hostname = '127.0.0.1'
    url.port = String(proxy.port)
    proxied = pool(url.href, 2)
  })

  afterAll(async () => {
    await proxied.end({ timeout: 1 })
    await proxy.close()
    await direct.end({ timeout: 5 })
    await database.drop()
  })

  beforeEach(async () => {
    await direct`TRUNCATE items, lockstep.mutations`
  })

  it('G3: at any byte of the end of a transaction leaves one effect or none, and the retry finds out', async () => {
    const outcomes = { done: 0, unknownButDone: 0, notDone: 0 }
    for (let bytes = 0; bytes <= 300; bytes += 8) {
      const key = `cut-${bytes}`
      await proxied`SELECT 1` // so that the cut falls on the write, not on the way to the database
      const first: unknown = await writerOn(proxied)
        .write(post(key), async (tx) => {
          const id = await insert(key)(tx)
          proxy.cutAfterBytes(bytes)
          return id
        })
        .catch((error) => error)
      const isDone = await eventually(async () => {
        const open = await direct`
          SELECT FROM pg_stat_activity WHERE datname = ${database.name} AND pid <> pg_backend_pid() AND xact_start IS NOT NULL`
        return open.length > 0 ? false : { rows: await direct`SELECT id FROM items WHERE title = ${key}` }
      })
      if (first instanceof Error) expect(first).toMatchObject({ code: 'unavailable', retryable: true })
      else expect(isDone.rows).toEqual([{ id: first }])
      if (first instanceof Error && isDone.rows.length > 0)
        expect(first.message).toContain('during the commit')
      outcomes[isDone.rows.length === 0 ? 'notDone' : first instanceof Error ? 'unknownButDone' : 'done']++
      const retried = await writerOn(direct).write(post(key), insert(key))
      expect(await direct`SELECT id FROM items WHERE title = ${key}`).toEqual([{ id: retried }])
      proxy.cutAfterBytes(Number.POSITIVE_INFINITY)
    }
    // The sweep is only worth something when it hit all three.
    expect(Math.min(outcomes.done, outcomes.unknownButDone, outcomes.notDone)).toBeGreaterThan(0)
  })

  it('while the function is busy elsewhere is unavailable, and its late statements touch nothing', async () => {
    let kept: WriteTransaction | undefined
    const write = writerOn(direct).write(post('late'), async (tx) => {
      kept = tx
      const [backend] = await tx.sql<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`
      await insert('before')(tx)
      await direct`SELECT pg_terminate_backend(${backend?.pid ?? 0})`
      await new Promise(() => {}) // the function does not know yet
    })
    await expect(write).rejects.toMatchObject({ code: 'unavailable' })
    await expect((async () => kept && insert('after')(kept))()).rejects.toThrow('over')
    expect(await direct`SELECT * FROM items`).toEqual([])
  })

  it('while nothing was written does not fail the next writes', async () => {
    const ended = await direct`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${database.name} AND pid <> pg_backend_pid()`
    expect(ended.length).toBeGreaterThan(0)
    await eventually(async () => {
      const [row] =
        await direct`SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = ${database.name}`
      return row?.n === 1
    })
    const ids = await Promise.all(
      [1, 2, 3, 4].map((n) => writerOn(direct).write(post(`idle-${n}`), insert(`idle-${n}`))),
    )
    expect(new Set(ids).size).toBe(4)
  })

  it('in a statement that the function catches is unavailable too, not a success', async () => {
    const write = writerOn(direct).write(post('caught'), async (tx) => {
      await insert('before')(tx)
      await tx.sql`SELECT pg_terminate_backend(pg_backend_pid())`.catch(() => {})
      await insert('after')(tx).catch(() => {})
      return 'done'
    })
    await expect(write).rejects.toMatchObject({ code: 'unavailable' })
    expect(await direct`SELECT * FROM items`).toEqual([])
  })
})

describe('a database that goes down', () => {
  it('G3, W5: in the middle of many writes: 503 while it is away, and each write done once after its retries', async () => {
    const cluster = await startPostgres()
    const sql = pool(cluster.url, 10)
    try {
      await prepareWrites(sql)
      await sql.unsafe(table)
      const writer = writerOn(sql)
      const errors: unknown[] = []
      let done = 0
      const persist = (key: string): Promise<number> =>
        eventually(() =>
          writer.write(post(key), insert(key)).then(
            (id) => {
              done++
              return id
            },
            (error) => {
              errors.push(error)
              throw error
            },
          ),
        )
      const writes = Array.from({ length: 20 }, async (_, i) => {
        for (let n = 0; n < 20; n++) await persist(`w${i}-${n}`)
      })
      await eventually(() => done > 100)
      await cluster.kill()
      await eventually(() => errors.length > 20)
      await cluster.start()
      await Promise.all(writes)
      expect(errors.every((error) => error instanceof LockstepError && error.code === 'unavailable')).toBe(
        true,
      )
      const rows = await sql`SELECT title, count(*)::int AS n FROM items GROUP BY title HAVING count(*) <> 1`
      expect(rows).toEqual([])
      expect(await sql`SELECT count(*)::int AS n FROM items`).toEqual([{ n: 400 }])
    } finally {
      await sql.end({ timeout: 1 })
      await cluster.stop()
    }
  })
})
