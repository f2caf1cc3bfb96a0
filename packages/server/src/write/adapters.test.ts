import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { LockstepError } from '@lockstep/protocol'
import { createDatabase, type TestDatabase } from '@lockstep/testing'
import { sql as drizzleSql } from 'drizzle-orm'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { drizzle } from 'drizzle-orm/postgres-js'
import { Hono } from 'hono'
import pg from 'pg'
import postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Logger } from '../runtime/logger.ts'
import { nodeRuntime } from '../runtime/node.ts'
import { guardTransactions } from '../source/transaction.ts'
import { drizzleTransactions, pgTransactions } from './adapters.ts'
import { announce } from './announce.ts'
import type { ParsedRequest } from './request.ts'
import { prepareWrites } from './tables.ts'
import type { Transactions, Writer, WriteTransaction } from './write.ts'
import { createWriter } from './writer.ts'

let database: TestDatabase
let sql: postgres.Sql
let pool: pg.Pool
let writer: Writer
const logged: string[] = []
const log = (message: string): void => void logged.push(message)
const logger: Logger = { debug: log, info: log, warn: log, error: log }
const items = pgTable('items', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  title: text().notNull().unique(),
})

beforeAll(async () => {
  database = await createDatabase()
  sql = guardTransactions(postgres(database.url, { max: 5, onnotice: () => {} }))
  pool = new pg.Pool({ connectionString: database.url, max: 3 })
  await prepareWrites(sql)
  await sql`CREATE TABLE items (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, title text NOT NULL UNIQUE)`
  await sql`SELECT pg_create_logical_replication_slot('looking', 'pgoutput')`
  await sql`CREATE PUBLICATION everything`
  writer = createWriter({ sql, runtime: nodeRuntime, logger, epoch: () => 'e1' })
})

afterAll(async () => {
  await pool.end()
  await sql.end({ timeout: 5 })
  await database.drop()
})

beforeEach(async () => {
  await sql`TRUNCATE items, lockstep.mutations`
  await messages()
  logged.length = 0
})

function post(key: string, body = '{}'): Request {
  return new Request('http://localhost/items', {
    method: 'POST',
    headers: { 'idempotency-key': key, 'lockstep-session': 's1', 'content-type': 'application/json' },
    body,
  })
}

async function titles(): Promise<string[]> {
  return (await sql<{ title: string }[]>`SELECT title FROM items ORDER BY title`).map((row) => row.title)
}

async function messages(): Promise<unknown[]> {
  const rows = await sql<{ data: Buffer }[]>`
    SELECT data FROM pg_logical_slot_get_binary_changes('looking', null, null,
      'proto_version', '1', 'publication_names', 'everything', 'messages', 'true')`
  return rows
    .map(({ data }) => data)
    .filter((data) => data.toString('latin1', 0, 1) === 'M')
    .map((data) => JSON.parse(data.toString('utf8', data.indexOf(0, 10) + 5)))
}

async function insert(tx: WriteTransaction, title = 'One') {
  return (
    await tx.sql<
      { id: number; title: string }[]
    >`INSERT INTO items (title) VALUES (${title}) RETURNING id, title`
  )[0]
}

describe.each<[string, () => Transactions<unknown>, (tx: never, title: string) => Promise<unknown>]>([
  [
    'pg',
    () => pgTransactions(pool) as Transactions<unknown>,
    async (tx: pg.PoolClient, title) =>
      (await tx.query('INSERT INTO items (title) VALUES ($1) RETURNING title', [title])).rows[0],
  ],
  [
    'drizzle',
    () => drizzleTransactions(drizzle(sql), drizzleSql) as Transactions<unknown>,
    async (tx: ReturnType<typeof drizzle>, title) =>
      (await tx.insert(items).values({ title }).returning({ title: items.title }))[0],
  ],
])('a write in a transaction of %s', (_, transactions, insertBy) => {
  it('G3, W6: commits once, announced, with its response recorded', async () => {
    const own = writer.via(transactions())
    const run = (tx: WriteTransaction<unknown>) => insertBy(tx.sql as never, 'One')
    const values = await Promise.all(Array.from({ length: 5 }, () => own.write(post('k1'), run)))
    expect(new Set(values.map((value) => JSON.stringify(value)))).toEqual(new Set(['{"title":"One"}']))
    expect(await titles()).toEqual(['One'])
    expect(await messages()).toEqual([{ session: 's1', mutation: 'k1' }])
  })

  it('leaves nothing behind when it is refused, and names what was wrong', async () => {
    const own = writer.via(transactions())
    const twice = own.write(post('k2'), async (tx) => {
      await insertBy(tx.sql as never, 'Same')
      await insertBy(tx.sql as never, 'Same')
    })
    await expect(twice).rejects.toMatchObject({
      code: 'conflict',
      message: 'There is already a row with this "title".',
    })
    expect(await titles()).toEqual([])
    expect(await messages()).toEqual([])
    await own.write(post('k2'), (tx) => insertBy(tx.sql as never, 'Other'), { isolation: 'serializable' })
    expect(await titles()).toEqual(['Other'])
  })
})

describe('Drizzle on the transaction of a write', () => {
  it('is made from it', async () => {
    await writer.write(post('k3'), async (tx) => {
      await drizzle(tx.sql as unknown as postgres.Sql)
        .insert(items)
        .values({ title: 'By Drizzle' })
    })
    expect(await titles()).toEqual(['By Drizzle'])
  })
})

describe('announce', () => {
  it('W3: tells the stream about a transaction that knows nothing of Lockstep', async () => {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      await announce((statement, values) => client.query(statement, [...values]), {
        session: 's2',
        operations: [{ channel: 'project/1', operation: 'items/create', envelope: { id: 1 } }],
      })
      await announce((statement, values) => client.query(statement, [...values]), {})
      await client.query('COMMIT')
    } finally {
      client.release()
    }
    expect(await messages()).toEqual([
      {
        session: 's2',
        operations: [{ channel: 'project/1', operation: 'items/create', envelope: { id: 1 } }],
      },
    ])
  })
})

describe('respond', () => {
  it('W4: gives the value with its position, and says when it is a recorded one', async () => {
    const first = await writer.respond(post('r1'), (tx) => insert(tx), { status: 201 })
    const second = await writer.respond(post('r1'), (tx) => insert(tx), { status: 201 })
    expect([first.status, second.status]).toEqual([201, 201])
    expect(first.headers.get('lockstep-position')).toMatch(/^e1\.[0-9a-f]+$/)
    expect([first.headers.get('idempotent-replayed'), second.headers.get('idempotent-replayed')]).toEqual([
      null,
      'true',
    ])
    expect(await second.text()).toBe(await first.text())
    expect((await writer.respond(post('r2'), async () => {})).status).toBe(204)
  })

  it('W5, E1: gives our errors with their status, and anything else as internal, logged without its message', async () => {
    const refused = await writer.respond(post('r3'), () => {
      throw new LockstepError('forbidden', 'Only owners may.')
    })
    expect([refused.status, await refused.json()]).toEqual([
      403,
      { error: { code: 'forbidden', message: 'Only owners may.', retryable: false } },
    ])
    const malformed = await writer.respond(post('r3', '{'), () => JSON.parse('{'))
    expect(malformed.status).toBe(400)
    expect(logged).toEqual([])
    const failed = await writer.respond(post('r3'), () => {
      throw new Error('row of Olivia')
    })
    expect(failed.status).toBe(500)
    expect(await failed.text()).not.toContain('Olivia')
    expect(logged).toHaveLength(1)
    expect(logged[0]).toMatch(/^A request failed: POST \/items: Error\n\s+at /)
    expect(logged[0]).not.toContain('Olivia')
  })

  it('gives a Response that the function throws, having rolled back', async () => {
    const response = await writer.respond(post('r4'), async (tx) => {
      await insert(tx)
      throw new Response('teapot', { status: 418 })
    })
    expect([response.status, await response.text()]).toEqual([418, 'teapot'])
    expect(await titles()).toEqual([])
  })
})

describe('requests of frameworks', () => {
  it('are taken as Hono has them, read or not, on its Node server', async () => {
    const app = new Hono()
    app.post('/raw', (c) =>
      writer.respond(c.req.raw, (tx) => c.req.json().then((body) => insert(tx, body.title))),
    )
    app.post('/read', async (c) => {
      const { title } = await c.req.json()
      return writer.respond(c.req, (tx) => insert(tx, title))
    })
    app.post('/given', async (c) => {
      const body = await c.req.json()
      return writer.respond(c.req.raw, (tx) => insert(tx, body.title), { body })
    })
    const server = serve({ fetch: app.fetch, port: 0 })
    await new Promise<void>((resolve) => (server.listening ? resolve() : server.once('listening', resolve)))
    try {
      const { port } = server.address() as AddressInfo // it listens on a port
      const send = (path: string, title: string) =>
        fetch(`http://localhost:${port}${path}`, {
          method: 'POST',
          headers: { 'idempotency-key': path, 'content-type': 'application/json' },
          body: JSON.stringify({ title }),
        })
      for (const path of ['/raw', '/read', '/given']) {
        const first = await send(path, path)
        expect([path, first.status]).toEqual([path, 200])
        const again = await send(path, path)
        expect(again.headers.get('idempotent-replayed')).toBe('true')
        expect(await again.text()).toBe(await first.text())
        expect((await send(path, 'another')).status).toBe(409)
      }
      expect(await titles()).toEqual(['/given', '/raw', '/read'])
    } finally {
      await new Promise((resolve) => server.close(resolve))
    }
  })

  it('are taken as Node and Express have them, with the body that was parsed', async () => {
    const server = createServer(async (incoming, outgoing) => {
      const chunks: Buffer[] = []
      for await (const chunk of incoming) chunks.push(chunk)
      // What express.json() does.
      const request: ParsedRequest = Object.assign(incoming, {
        body: JSON.parse(Buffer.concat(chunks).toString()),
      })
      const response = await writer.respond(request, (tx) => insert(tx))
      outgoing.writeHead(response.status, Object.fromEntries(response.headers)).end(await response.text())
    })
    await new Promise<void>((resolve) => server.listen(0, resolve))
    try {
      const { port } = server.address() as AddressInfo // it listens on a port
      const send = (n: number) =>
        fetch(`http://localhost:${port}/items`, {
          method: 'POST',
          headers: { 'idempotency-key': 'node' },
          body: JSON.stringify({ n }),
        })
      expect([
        (await send(1)).status,
        (await send(1)).headers.get('idempotent-replayed'),
        (await send(2)).status,
      ]).toEqual([200, 'true', 409])
    } finally {
      await new Promise((resolve) => server.close(resolve))
    }
  })

  it('need the body when no parser took it', async () => {
    const headers = { 'idempotency-key': 'x', 'content-length': '9', 'content-type': 'text/csv' }
    for (const body of [undefined, {}]) {
      const request = { method: 'POST', url: '/items', headers, body }
      await expect(writer.write(request, (tx) => insert(tx))).rejects.toThrow('{ body }')
    }
    await writer.write({ method: 'POST', url: '/items', headers }, (tx) => insert(tx), { body: 'a,b,c,d,e' })
    expect(await titles()).toEqual(['One'])
  })
})
