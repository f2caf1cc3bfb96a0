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

describe('a guarded transaction', () => {
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
