import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { LockstepError } from '@lockstep/protocol'
import { createDatabase, type TestDatabase } from '@lockstep/testing'
import express from 'express'
import { Hono } from 'hono'
import postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Logger } from '../runtime/logger.ts'
import { nodeRuntime } from '../runtime/node.ts'
import { guardTransactions } from '../source/transaction.ts'
import { expressBroadcast, honoBroadcast } from './middleware.ts'
import { prepareWrites } from './tables.ts'
import type { Writer, WriteTransaction } from './write.ts'
import { createWriter } from './writer.ts'

let database: TestDatabase
let sql: postgres.Sql
let writer: Writer
const logged: string[] = []
const log = (message: string): void => void logged.push(message)
const logger: Logger = { debug: log, info: log, warn: log, error: log }
/** The same application with both frameworks. */
const apps: Record<'hono' | 'express', { server: Server; url: string }> = {
  hono: { server: createServer(), url: '' },
  express: { server: createServer(), url: '' },
}

async function insert(tx: WriteTransaction, title: string): Promise<{ id: number; title: string }> {
  const [item] = await tx.sql<
    { id: number; title: string }[]
  >`INSERT INTO items (title) VALUES (${title}) RETURNING id, title`
  if (item === undefined) throw new Error('no row')
  return item
}

function honoApp(): Hono {
  const app = new Hono()
  const broadcast = honoBroadcast(writer, { channel: 'project/:project' })
  app.post('/:project/respond', broadcast('items/create'), (c) =>
    writer.respond(c.req.raw, (tx) => insert(tx, 'One')),
  )
  app.post('/:project/write', broadcast('items/create'), async (c) =>
    c.json(await writer.write(c.req, (tx) => insert(tx, 'One')), 201),
  )
  app.post('/:project/html', broadcast('items/create'), async (c) =>
    c.html(await writer.write(c.req.raw, async (tx) => `<li>${(await insert(tx, 'One')).title}</li>`)),
  )
  app.post('/:project/late', broadcast('items/create'), async (c) => {
    await sql`INSERT INTO items (title) VALUES ('One')`
    return c.json({ title: 'One' })
  })
  app.post('/:project/late-html', broadcast('items/create'), (c) => c.html('<li>One</li>'))
  app.post('/:project/late-nothing', broadcast('items/create'), (c) => c.body(null, 204))
  app.post('/:project/late-large', broadcast('items/create'), (c) => c.json({ text: 'x'.repeat(70_000) }))
  app.post('/:project/refused', broadcast('items/create'), (c) => c.json({ error: 'no' }, 422))
  app.post('/:project/rolled-back', broadcast('items/create'), (c) =>
    writer.respond(c.req.raw, async (tx) => {
      await insert(tx, 'One')
      throw new LockstepError('forbidden')
    }),
  )
  app.post('/:project/thrown', broadcast('items/create'), () => {
    throw new Error('broken')
  })
  app.post('/:project/twice', broadcast('items/create'), async (c) => {
    const first = await writer.write(c.req, (tx) => insert(tx, 'One'))
    await writer.write(c.req, (tx) => insert(tx, 'Two'))
    return c.json(first)
  })
  app.post('/:project/elsewhere', broadcast('items/create', { channel: () => 'user/7' }), (c) =>
    writer.respond(c.req.raw, (tx) => insert(tx, 'One')),
  )
  app.onError((_error, c) => c.json({ error: 'broken' }, 500))
  return app
}

function expressApp(): express.Express {
  const app = express()
  app.use(express.json())
  const broadcast = expressBroadcast(writer, { channel: 'project/:project' })
  app.post('/:project/respond', broadcast('items/create'), async (request, response) => {
    const reply = await writer.respond(request, (tx) => insert(tx, 'One'))
    response
      .status(reply.status)
      .type('json')
      .send(await reply.text())
  })
  app.post('/:project/write', broadcast('items/create'), async (request, response) => {
    response.status(201).json(await writer.write(request, (tx) => insert(tx, 'One')))
  })
  app.post('/:project/html', broadcast('items/create'), async (request, response) => {
    response.send(await writer.write(request, async (tx) => `<li>${(await insert(tx, 'One')).title}</li>`))
  })
  app.post('/:project/late', broadcast('items/create'), async (_request, response) => {
    await sql`INSERT INTO items (title) VALUES ('One')`
    response.json({ title: 'One' })
  })
  app.post('/:project/late-html', broadcast('items/create'), (_request, response) => {
    response.type('html').write('<li>')
    response.write(Buffer.from('One'))
    response.end('</li>')
  })
  app.post('/:project/late-nothing', broadcast('items/create'), (_request, response) => {
    response.status(204).end()
  })
  app.post('/:project/late-large', broadcast('items/create'), (_request, response) => {
    response.json({ text: 'x'.repeat(70_000) })
  })
  app.post('/:project/refused', broadcast('items/create'), (_request, response) => {
    response.status(422).json({ error: 'no' })
  })
  app.post('/:project/rolled-back', broadcast('items/create'), async (request, response) => {
    const reply = await writer.respond(request, async (tx) => {
      await insert(tx, 'One')
      throw new LockstepError('forbidden')
    })
    response
      .status(reply.status)
      .type('json')
      .send(await reply.text())
  })
  app.post('/:project/thrown', broadcast('items/create'), () => {
    throw new Error('broken')
  })
  app.post('/:project/twice', broadcast('items/create'), async (request, response) => {
    const first = await writer.write(request, (tx) => insert(tx, 'One'))
    await writer.write(request, (tx) => insert(tx, 'Two'))
    response.json(first)
  })
  app.post(
    '/:project/elsewhere',
    broadcast('items/create', { channel: () => 'user/7' }),
    async (request, response) => {
      response.json(await writer.write(request, (tx) => insert(tx, 'One')))
    },
  )
  app.use(
    (_error: Error, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
      response.status(500).json({ error: 'broken' })
    },
  )
  return app
}

beforeAll(async () => {
  database = await createDatabase()
  sql = guardTransactions(postgres(database.url, { max: 5, onnotice: () => {} }))
  await prepareWrites(sql)
  await sql`CREATE TABLE items (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, title text NOT NULL)`
  await sql`SELECT pg_create_logical_replication_slot('looking', 'pgoutput')`
  await sql`CREATE PUBLICATION everything FOR TABLE items`
  writer = createWriter({ sql, runtime: nodeRuntime, logger, epoch: () => 'e1' })
  apps.hono.server.on('request', getRequestListener(honoApp().fetch))
  apps.express.server.on('request', expressApp())
  for (const app of Object.values(apps)) {
    await new Promise<void>((resolve) => app.server.listen(0, '127.0.0.1', resolve))
    app.url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}` // it listens on TCP
  }
}, 60_000)

afterAll(async () => {
  for (const { server } of Object.values(apps)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  await sql.end({ timeout: 5 })
  await database.drop()
})

beforeEach(async () => {
  await sql`TRUNCATE items, lockstep.mutations`
  await streamed()
  logged.length = 0
})

/** What came out of the WAL since the last look: transactions as lists of kinds, messages parsed. */
async function streamed(): Promise<unknown[][]> {
  const rows = await sql<{ data: Buffer }[]>`
    SELECT data FROM pg_logical_slot_get_binary_changes('looking', null, null,
      'proto_version', '1', 'publication_names', 'everything', 'messages', 'true')`
  const transactions: unknown[][] = []
  for (const { data } of rows) {
    const kind = data.toString('latin1', 0, 1)
    if (kind === 'B') transactions.push([])
    else if (kind === 'M') {
      const end = data.indexOf(0, 10)
      if (data.toString('utf8', 10, end) === 'lockstep')
        transactions.at(-1)?.push(JSON.parse(data.toString('utf8', end + 5)))
    } else if (kind === 'I' || kind === 'U' || kind === 'D') transactions.at(-1)?.push(kind)
  }
  return transactions.filter((transaction) => transaction.length > 0)
}

describe.each(['hono', 'express'] as const)('broadcast for %s', (framework) => {
  const post = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${apps[framework].url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'lockstep-session': 's1', ...headers },
      body: '{"a":1}',
    })
  const told = (envelope: unknown, channel = 'project/1'): unknown => ({
    session: 's1',
    operations: [{ channel, operation: 'items/create', envelope }],
  })

  it('O2: commits the response of a write with it, as the envelope', async () => {
    for (const path of ['/1/respond', '/1/write']) {
      const response = await post(path)
      expect(response.ok).toBe(true)
      expect(await streamed()).toEqual([['I', told(await response.json())]])
    }
  })

  it('O2: makes {html} of a text', async () => {
    expect(await (await post('/1/html')).text()).toBe('<li>One</li>')
    expect(await streamed()).toEqual([['I', told({ html: '<li>One</li>' })]])
    expect(await (await post('/1/late-html')).text()).toBe('<li>One</li>')
    expect(await streamed()).toEqual([[told({ html: '<li>One</li>' })]])
  })

  it('O2: tells the response of a handler that writes elsewhere in a transaction after it', async () => {
    expect(await (await post('/1/late')).json()).toEqual({ title: 'One' })
    expect(await streamed()).toEqual([['I'], [told({ title: 'One' })]])
    expect((await post('/1/late-nothing')).status).toBe(204)
    expect(await streamed()).toEqual([[told(null)]])
  })

  it('O2: tells nothing that was refused, thrown or rolled back', async () => {
    const statuses = []
    for (const path of ['/1/refused', '/1/rolled-back', '/1/thrown']) statuses.push((await post(path)).status)
    expect(statuses).toEqual([422, 403, 500])
    expect(await streamed()).toEqual([])
  })

  it('O2, W2: tells a write that is sent again once', async () => {
    const key = { 'idempotency-key': `${framework}-again` }
    const first = await (await post('/1/write', key)).json()
    expect(await (await post('/1/write', key)).json()).toEqual(first)
    const [[, message] = [], ...rest] = await streamed()
    expect(message).toMatchObject({ mutation: key['idempotency-key'], operations: [{ envelope: first }] })
    expect(rest).toEqual([])
  })

  it('O2: is carried by the first write of a request that has several', async () => {
    await post('/1/twice')
    expect(await streamed()).toEqual([
      ['I', told(expect.objectContaining({ title: 'One' }))],
      ['I', { session: 's1' }],
    ])
  })

  it('O2: takes the channel from the route, spelled as channels are, or from a function', async () => {
    await post('/a%20b/respond')
    await post('/1/elsewhere')
    const one = expect.objectContaining({ title: 'One' })
    expect(await streamed()).toEqual([
      ['I', told(one, 'project/a%20b')],
      ['I', told(one, 'user/7')],
    ])
  })

  it('O1: leaves a response that is too large for an envelope untold, and logs that', async () => {
    const response = await post('/1/late-large')
    expect((await response.text()).length).toBeGreaterThan(70_000)
    expect(await streamed()).toEqual([])
    expect(logged).toEqual(['operation "items/create" was not told: too_large'])
  })
})

it('refuses names and channels that are none when the route is made', () => {
  expect(() => honoBroadcast(writer, { channel: 'project/:id' })('')).toThrow(LockstepError)
  expect(() => expressBroadcast(writer, { channel: 'project/ /:id' })('items/create')).toThrow(LockstepError)
})
