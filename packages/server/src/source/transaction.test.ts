import { createDatabase, eventually, type TestDatabase } from '@lockstep/testing'
import type { Sql } from 'postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectForApplication } from './connect.ts'

let database: TestDatabase
let sql: Sql

beforeAll(async () => {
  database = await createDatabase()
  sql = connectForApplication(database.url, { max: 2 })
  await sql`CREATE TABLE items (id int)`
})

afterAll(async () => {
  await sql.end({ timeout: 5 })
  await database.drop()
})

/** Where Postgres has ended a connection, the client fails the next query on its place in the pool with the old error. */
beforeEach(() => eventually(() => Promise.all([sql.begin(pidOf), sql.begin(pidOf)])))

async function pidOf(tx: Sql | { unsafe: Sql['unsafe'] }): Promise<number> {
  const [row] = await tx.unsafe<{ pid: number }[]>('SELECT pg_backend_pid() AS pid')
  return row?.pid ?? 0
}

/** That the process was not ended is shown by the test run itself: an uncaught exception fails it. */
describe('a transaction that loses its connection', () => {
  it('rejects, with a statement under way, and the pool goes on', async () => {
    const lost = sql.begin(async (tx) => {
      const pid = await pidOf(tx)
      await Promise.all([tx`SELECT pg_sleep(10)`, sql`SELECT pg_terminate_backend(${pid})`])
    })
    await expect(lost).rejects.toThrow()
    await eventually(async () => expect(await sql`SELECT 1 AS one`).toEqual([{ one: 1 }]))
  })

  it('rejects inside a savepoint too', async () => {
    const lost = sql.begin((tx) =>
      tx.savepoint(async (inner) => {
        await inner`INSERT INTO items VALUES (1)`
        await inner`SELECT pg_terminate_backend(pg_backend_pid())`
      }),
    )
    await expect(lost).rejects.toThrow()
    await eventually(async () => expect(await sql`SELECT * FROM items`).toEqual([]))
  })

  it('rejects while the function waits for something else', async () => {
    const lost = sql.begin(async (tx) => {
      const pid = await pidOf(tx)
      await sql`SELECT pg_terminate_backend(${pid})`
      await new Promise(() => {})
    })
    await expect(lost).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' })
    await eventually(async () => expect(await sql`SELECT 1 AS one`).toEqual([{ one: 1 }]))
  })
})

describe('a cursor that loses its connection', () => {
  const lists = 'SELECT generate_series(1, 50) AS n'

  it('rejects before its first batch', async () => {
    const lost = sql.begin(async (tx) => {
      const pid = await pidOf(tx)
      await sql`SELECT pg_terminate_backend(${pid})`
      for await (const _ of tx.unsafe('SELECT pg_sleep(10)').cursor(10));
    })
    await expect(lost).rejects.toThrow()
    await eventually(async () => expect(await sql`SELECT 1 AS one`).toEqual([{ one: 1 }]))
  })

  it('rejects with a batch under way', async () => {
    const lost = sql.begin(async (tx) => {
      const pid = await pidOf(tx)
      const query = `SELECT n, pg_sleep(CASE n WHEN 20 THEN 10 ELSE 0 END) FROM generate_series(1, 50) n`
      const ended = sql`SELECT pg_sleep(0.1), pg_terminate_backend(${pid})`.execute()
      for await (const _ of tx.unsafe(query).cursor(10));
      await ended
    })
    await expect(lost).rejects.toThrow()
    await eventually(async () => expect(await sql`SELECT 1 AS one`).toEqual([{ one: 1 }]))
  })

  it('rejects between two batches, instead of ending as if these had been all', async () => {
    const read: number[] = []
    let finished = false
    const lost = sql.begin(async (tx) => {
      const pid = await pidOf(tx)
      for await (const batch of tx.unsafe(lists).cursor(10)) {
        read.push(batch.length)
        await sql`SELECT pg_terminate_backend(${pid})`
        await eventually(async () => {
          const [row] = await sql`SELECT count(*)::int AS n FROM pg_stat_activity WHERE pid = ${pid}`
          return row?.['n'] === 0
        })
      }
      finished = true
    })
    await expect(lost).rejects.toThrow()
    expect([read, finished]).toEqual([[10], false])
    await eventually(async () => expect(await sql`SELECT 1 AS one`).toEqual([{ one: 1 }]))
  })

  it('rejects where what reads it fails at the same time', async () => {
    const lost = sql.begin(async (tx) => {
      const pid = await pidOf(tx)
      for await (const _ of tx.unsafe(lists).cursor(10)) {
        await sql`SELECT pg_terminate_backend(${pid})`
        await expect(lost).rejects.toThrow()
        throw new Error('elsewhere too')
      }
    })
    await expect(lost).rejects.toThrow()
    await eventually(async () => expect(await sql`SELECT 1 AS one`).toEqual([{ one: 1 }]))
  })
})

describe('a guarded transaction', () => {
  it('gives the batches of a cursor, and lets it be left early', async () => {
    const seen = await sql.begin(async (tx) => {
      const all: number[] = []
      for await (const batch of tx.unsafe('SELECT generate_series(1, 5) AS n').cursor(2))
        all.push(batch.length)
      for await (const batch of tx.unsafe('SELECT generate_series(1, 50) AS n').cursor(7)) {
        all.push(batch.length)
        break
      }
      const [row] = await tx`SELECT 9 AS n`
      return [...all, row?.['n']]
    })
    expect(seen).toEqual([2, 2, 1, 7, 9])
  })

  it('commits, rolls back and nests as without the guard', async () => {
    const value = await sql.begin('isolation level serializable', async (tx) => {
      await tx`INSERT INTO items VALUES (1)`
      await tx.savepoint((inner) => inner`INSERT INTO items VALUES (2)`)
      await tx
        .savepoint(async (inner) => {
          await inner`INSERT INTO items VALUES (3)`
          throw new Error('only this')
        })
        .catch(() => {})
      const part = tx`WHERE id < ${10}`
      return tx`SELECT id FROM items ${part} ORDER BY id`
    })
    expect(value).toEqual([{ id: 1 }, { id: 2 }])
    await expect(
      sql.begin(async (tx) => {
        await tx`DELETE FROM items`
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    expect(await sql`SELECT id FROM items ORDER BY id`).toEqual([{ id: 1 }, { id: 2 }])
    expect(await sql.begin((tx) => [tx`SELECT 1 AS a`, tx`SELECT 2 AS a`])).toEqual([[{ a: 1 }], [{ a: 2 }]])
  })

  it('refuses what comes when it is over', async () => {
    let late: (() => Promise<unknown>) | undefined
    await sql.begin(async (tx) => {
      late = async () => tx`DELETE FROM items`
    })
    await expect(late?.()).rejects.toThrow('over')
    expect(await sql`SELECT id FROM items`).toHaveLength(2)
  })

  it('does not take the socket error of something else for the loss of its connection', async () => {
    const error = Object.assign(new Error('some HTTP call'), { code: 'ECONNRESET' })
    await expect(
      sql.begin(async (tx) => {
        await tx`DELETE FROM items`
        throw error
      }),
    ).rejects.toBe(error)
    // It was rolled back, which gave the connection back: two at once can be had again.
    const pids = await Promise.all([sql.begin(pidOf), sql.begin(pidOf)])
    expect(pids).toHaveLength(2)
    expect(await sql`SELECT id FROM items`).toHaveLength(2)
  })
})

it("gives an application's queries arrays as arrays", async () => {
  expect(await sql`SELECT ${[1, 2]}::int[] AS list WHERE 1 = ANY (${[1, 2]})`).toEqual([{ list: [1, 2] }])
})
