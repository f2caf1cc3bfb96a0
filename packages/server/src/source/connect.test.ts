import { type CutProxy, createDatabase, cutProxy, eventually, type TestDatabase } from '@lockstep/testing'
import type { Sql } from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, connectForApplication } from './connect.ts'

let database: TestDatabase
let proxy: CutProxy
let url: string
let direct: Sql

beforeAll(async () => {
  database = await createDatabase()
  proxy = await cutProxy({ targetPort: Number(new URL(database.url).port) })
  const through = new URL(database.url)
  through.port = String(proxy.port)
  url = through.href
  direct = connect(database.url, { max: 1 })
})

afterAll(async () => {
  await direct.end({ timeout: 1 })
  await proxy.close()
  await database.drop()
})

describe.each([
  ['of an application', (max: number) => connectForApplication(url, { max })],
  ['of its own', (max: number) => connect(url, { max })],
])('a pool %s whose connections are reset', (name, open: (max: number) => Sql) => {
  it('answers whoever asks again at once', async () => {
    const sql = open(2)
    for (let round = 0; round < 5; round++) {
      expect(await Promise.all([answer(sql), answer(sql)])).toEqual([1, 1])
      const pause = `SELECT pg_sleep(${20 + round}) /* ${name} */`
      const slow = [1, 2].map(() => sql.unsafe(pause).catch((error) => error.code))
      await eventually(async () => {
        const running = await direct`SELECT 1 FROM pg_stat_activity WHERE query = ${pause}`
        expect(running).toHaveLength(2)
      })
      const again = Promise.race(slow).then(() => Promise.all([1, 2, 3].map(() => answer(sql))))
      proxy.cut()
      expect(await Promise.all(slow)).toEqual(['ECONNRESET', 'ECONNRESET'])
      for (const outcome of await again) expect([1, 'ECONNRESET', 'CONNECTION_CLOSED']).toContain(outcome)
      await eventually(async () => expect(await answer(sql)).toBe(1))
    }
    await sql.end({ timeout: 1 })
  }, 60_000)

  it('says so while the database cannot be had, and goes on when it can', async () => {
    const sql = open(1)
    expect(await answer(sql)).toBe(1)
    proxy.refuse(true)
    proxy.cut()
    await eventually(async () => expect(['ECONNRESET', 'CONNECTION_CLOSED']).toContain(await answer(sql)))
    proxy.refuse(false)
    await eventually(async () => expect(await answer(sql)).toBe(1))
    await sql.end({ timeout: 1 })
  })
})

it('asks for the types of arrays once, and knows them over all connections after', async () => {
  const sql = connectForApplication(url, { max: 1 })
  const list = async (): Promise<unknown> => (await sql`SELECT ${['a']}::text[] AS list`)[0]?.['list']
  expect([sql.options.fetch_types, await list()]).toEqual([true, ['a']])
  proxy.cut()
  expect(await eventually(list)).toEqual(['a'])
  expect(sql.options.fetch_types).toBe(false)
  await sql.end({ timeout: 1 })
})

async function answer(sql: Sql): Promise<unknown> {
  try {
    const [row] = await sql<{ one: number }[]>`SELECT 1::int AS one`
    return row?.one
  } catch (error) {
    return Object(error).code
  }
}
