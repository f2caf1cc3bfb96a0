import { createClient, webSocketTransport } from '@lockstep/client'
import { type Operations, operationsOf } from '@lockstep/client/operations'
import { defineSync, honoBroadcast } from '@lockstep/server'
import {
  type CutProxy,
  cutProxy,
  eventually,
  startTestServer,
  type TestServer,
  type TestServerOptions,
} from '@lockstep/testing'
import { Hono } from 'hono'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'

vi.setConfig({ testTimeout: 150_000 })

const secret = 'a-secret-of-a-backend-that-publishes-here'
const sync = defineSync({
  channels: { 'project/:id': { authorize: () => true } },
  collections: { items: { table: 'items', channel: 'project/:project_id', columns: ['id', 'title'] } },
})

let server: TestServer
let proxy: CutProxy
let app: Hono | undefined
let clients: { close(): void }[] = []

function application(): Hono {
  const made = new Hono()
  const broadcast = honoBroadcast(server.sync, { channel: 'project/:id' })
  made.post('/api/project/:id/items', broadcast('items/create'), (c) =>
    server.sync.respond(c.req.raw, async ({ sql }) => {
      const { title } = await c.req.json<{ title: string }>()
      const [row] = await sql`INSERT INTO items (project_id, title) VALUES (1, ${title}) RETURNING id, title`
      return { item: row, _flash: `Created ${title}` }
    }),
  )
  return made
}

/** A server with its own database, and the proxy that clients reach it through. */
async function start(limits: TestServerOptions['limits'] = {}): Promise<void> {
  server = await startTestServer({
    sync,
    schema: 'CREATE TABLE items (id serial PRIMARY KEY, project_id int, title text)',
    publish: { secret },
    limits,
    handler: (request) => {
      app ??= application()
      return app.fetch(request)
    },
  })
  proxy = await cutProxy({ targetPort: Number(new URL(server.address).port) })
}

async function stop(): Promise<void> {
  app = undefined
  await proxy?.close()
  await server?.close()
}

beforeAll(() => start(), 60_000)

afterAll(stop)

beforeEach(() => {
  for (const client of clients) client.close()
  clients = []
})

interface Page {
  readonly session: string
  readonly heard: unknown[]
  readonly errors: unknown[]
  readonly operations: Operations
  /** Titles on show. */
  titles(): unknown[]
  create(title: string): Promise<unknown>
  live(): Promise<void>
}

async function open(user: string, port = proxy.port): Promise<Page> {
  const session = server.sync.issueSession({ id: user })
  const errors: unknown[] = []
  const client = createClient<typeof sync>(
    { url: `http://127.0.0.1:${port}/lockstep`, session },
    {
      api: `${server.address}/api`,
      transport: webSocketTransport(WebSocket),
      onError: (error) => errors.push(error),
    },
  )
  clients.push(client)
  const channel = client.channel('project/1')
  await channel.ready
  const operations = operationsOf(channel, { onError: (error) => errors.push(error) })
  return {
    session: session.id,
    heard: [],
    errors,
    operations,
    titles: () =>
      channel
        .collection('items')
        .all()
        .map((row) => row.title),
    create: (title) =>
      channel.write({ method: 'POST', url: `${server.address}/api/project/1/items`, body: { title } }),
    live: () => channel.ready,
  }
}

/** What any language says in its own transaction. */
function emit(envelope: unknown, channel = 'project/1'): Promise<unknown> {
  const message = JSON.stringify({ operations: [{ channel, operation: 'note', envelope }] })
  return server.sql`SELECT pg_logical_emit_message(true, 'lockstep', ${message}::text)::text`
}

async function publish(envelope: unknown): Promise<void> {
  const response = await fetch(`${server.address}/lockstep/publish`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ channel: 'project/1', operation: 'note', envelope }),
  })
  expect(response.status).toBe(200)
}

test('O1, O3: an operation commits with its row, is told to the others after the row, and not to its writer', async () => {
  const [alice, olivia] = [await open('alice'), await open('olivia')]
  for (const page of [alice, olivia]) {
    page.operations.registerPart('_flash', (text) => page.heard.push(text))
    page.operations.registerCallback('items/create', (envelope, { session }) =>
      page.heard.push([envelope, session, page.titles().includes('Search')]),
    )
    page.operations.registerCallback('note', (envelope) => page.heard.push(envelope))
  }
  const reply = await alice.create('Search')
  expect(reply).toMatchObject({ item: { title: 'Search' }, _flash: 'Created Search' })
  await emit('end')
  await eventually(() => expect(olivia.heard.at(-1)).toBe('end'))
  await eventually(() => expect(alice.heard).toEqual(['end']))
  const item = { id: expect.any(Number), title: 'Search' }
  expect(olivia.heard).toEqual(['Created Search', [{ item }, alice.session, true], 'end'])
})

test('O1: whoever writes, by SQL or over HTTP, with rows or without, is heard in the order of the commits', async () => {
  const page = await open('olivia')
  page.operations.registerCallback('note', (envelope) => page.heard.push([envelope, page.titles().at(-1)]))
  await emit(1)
  await server.sql.begin(async (sql) => {
    await sql`INSERT INTO items (project_id, title) VALUES (1, 'with a note')`
    const two = {
      operations: [2, 3].map((envelope) => ({ channel: 'project/1', operation: 'note', envelope })),
    }
    await sql`SELECT pg_logical_emit_message(true, 'lockstep', ${JSON.stringify(two)}::text)::text`
  })
  await publish(4)
  await server.sql
    .begin(async (sql) => {
      const message = JSON.stringify({
        operations: [{ channel: 'project/1', operation: 'note', envelope: 'no' }],
      })
      await sql`SELECT pg_logical_emit_message(true, 'lockstep', ${message}::text)::text`
      throw new Error('rolled back')
    })
    .catch(() => {})
  await emit('elsewhere', 'project/2')
  await emit(5)
  await eventually(() => expect(page.heard.length).toBe(5))
  expect(page.heard.map((pair) => (pair as unknown[])[0])).toEqual([1, 2, 3, 4, 5]) // as pushed above
  expect(page.heard.slice(1)).toEqual([2, 3, 4, 5].map((n) => [n, 'with a note']))
})

test('O3, O6: connections that are cut at any time hear every operation of others once, in order, and none of their own', async () => {
  const [alice, olivia] = [await open('alice'), await open('olivia')]
  for (const page of [alice, olivia]) {
    page.operations.registerPart('_flash', () => {})
    page.operations.registerCallback('items/create', (envelope) => page.heard.push(envelope))
    page.operations.registerCallback('note', (envelope) => page.heard.push(envelope))
  }
  const expected: Record<'alice' | 'olivia', unknown[]> = { alice: [], olivia: [] }
  for (let n = 0; n < 40; n++) {
    if (n % 4 === 1) proxy.cut()
    if (n % 3 === 0) {
      // Not awaited until after the cut: its own commit is replayed to it.
      const created = await server.sync.write(
        new Request(`${server.address}/x`, {
          method: 'POST',
          headers: { 'lockstep-session': alice.session },
        }),
        async (tx) => {
          await tx.operation('project/1', 'items/create', { n })
          return { n }
        },
      )
      expected.olivia.push(created)
    } else {
      await (n % 3 === 1 ? emit(n) : publish(n))
      expected.alice.push(n)
      expected.olivia.push(n)
    }
  }
  await eventually(() => expect(olivia.heard).toEqual(expected.olivia), { timeoutMs: 60_000 })
  await eventually(() => expect(alice.heard).toEqual(expected.alice), { timeoutMs: 60_000 })
  expect([alice.errors, olivia.errors]).toEqual([[], []])
})

test('P7, O6: a page whose script comes late sees what was committed since it was rendered once, in order', async () => {
  await server.sql`DELETE FROM items`
  await server.sql`INSERT INTO items (project_id, title) VALUES (1, 'there')`
  const page = await server.sync.page({ id: 'olivia' }, ['project/1'])
  const titles: string[] = []
  for (let n = 0; n < 200; n++) {
    titles.push(`item ${n}`)
    await server.sql.begin(async (sql) => {
      await sql`INSERT INTO items (project_id, title) VALUES (1, ${`item ${n}`})`
      if (n % 10 !== 0) return
      const message = JSON.stringify({
        operations: [{ channel: 'project/1', operation: 'note', envelope: n }],
      })
      await sql`SELECT pg_logical_emit_message(true, 'lockstep', ${message}::text)::text`
    })
  }
  const client = createClient<typeof sync>(
    { page: { ...page, url: `http://127.0.0.1:${proxy.port}/lockstep` } },
    { transport: webSocketTransport(WebSocket), connect: false },
  )
  clients.push(client)
  const channel = client.channel('project/1')
  const items = channel.collection('items')
  const shown = (): unknown[] => items.all().map((row) => row.title)
  expect(shown(), 'at once').toEqual(['there'])
  const heard: unknown[] = []
  operationsOf(channel).registerCallback('note', (n) => heard.push([n, shown().includes(`item ${n}`)]))
  client.connect()
  await channel.ready
  // Live may be before the last of them has come out of the database.
  await eventually(() => expect(shown().sort()).toEqual(['there', ...titles].sort()))
  expect(heard).toEqual(Array.from({ length: 20 }, (_, i) => [i * 10, true]))
  expect(channel.status).toEqual({ state: 'live' })
})

test('O6: a page that was away for too long is told that operations may have been missed', async () => {
  await stop()
  await start({ retentionMs: 1_000, heartbeatMs: 500 })
  const page = await open('olivia')
  page.operations.registerCallback('note', (envelope) => page.heard.push(envelope))
  page.operations.onMissed((reason) => page.heard.push({ missed: reason }))
  proxy.refuse(true)
  proxy.cut()
  await emit('missed')
  await eventually(
    async () => {
      await server.sync.barrier()
      expect(server.sync.status().log.entries).toBe(0)
    },
    { timeoutMs: 30_000, everyMs: 200 },
  )
  proxy.refuse(false)
  await eventually(() => expect(page.heard).toEqual([{ missed: 'trimmed' }]), { timeoutMs: 60_000 })
  await emit('heard')
  await eventually(() => expect(page.heard).toEqual([{ missed: 'trimmed' }, 'heard']))
})
