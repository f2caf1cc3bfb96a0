import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { LockstepError, type PageState } from '@lockstep/protocol'
import { collection, createSyncServer, defineSync, type SyncServer } from '@lockstep/server'
import { type CutProxy, createDatabase, cutProxy, eventually, type TestDatabase } from '@lockstep/testing'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type Client, createClient, platformRuntime, type Runtime, webSocketTransport } from './index.ts'

interface Item {
  readonly id: number
  readonly title: string
  readonly project_id: number
}

const sync = defineSync({
  channels: { 'project/:id': { authorize: ({ user, params }) => members.has(`${user.id} ${params.id}`) } },
  collections: {
    items: collection<Item>({
      table: 'items',
      channel: 'project/:project_id',
      columns: ['id', 'title', 'project_id'],
    }),
  },
})
const members = new Set<string>()

let database: TestDatabase
let sql: postgres.Sql
let server: SyncServer
let http: Server
let proxy: CutProxy
let clients: Client<typeof sync>[] = []
/** Requests that changed something, as the application's API saw them. */
let requests: string[] = []

/** The application's own API: items of a project. */
async function api(request: Request): Promise<Response> {
  const [, , , project = '', , id = ''] = new URL(request.url).pathname.split('/')
  requests.push(`${request.method} ${new URL(request.url).pathname}`)
  return server.respond(request, async (tx) => {
    const body: { title?: string } = request.method === 'DELETE' ? {} : await request.json()
    if (body.title === 'forbidden') throw new LockstepError('forbidden', 'Not this title.')
    if (request.method === 'POST') {
      const [item] = await tx.sql`
        INSERT INTO items (project_id, title) VALUES (${Number(project)}, ${body.title ?? ''}) RETURNING id, title, project_id`
      await tx.operation(`project/${project}`, 'items/create', { title: body.title ?? '' })
      return item
    }
    if (request.method === 'DELETE') await tx.sql`DELETE FROM items WHERE id = ${Number(id)}`
    else await tx.sql`UPDATE items SET title = ${body.title ?? ''} WHERE id = ${Number(id)}`
    return { ok: true }
  })
}

beforeAll(async () => {
  database = await createDatabase()
  sql = postgres(database.url, { onnotice: () => {} })
  await sql`CREATE TABLE items (id serial PRIMARY KEY, project_id int, title text, secret text)`
  await sql`ALTER TABLE items REPLICA IDENTITY FULL`
  server = await createSyncServer({
    sync,
    database: database.url,
    slot: database.name,
    authenticate: (request) => {
      const id = request.headers.get('x-user')
      return id === null ? null : { id }
    },
  })
  http = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const headers = new Headers()
    for (const [name, value] of Object.entries(request.headers)) headers.set(name, String(value))
    headers.set('x-user', 'alice')
    const body = chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }
    const reply = await api(
      new Request(`http://${request.headers.host}${request.url}`, {
        method: request.method ?? 'GET',
        headers,
        ...body,
      }),
    )
    response.writeHead(reply.status, Object.fromEntries(reply.headers)).end(await reply.text())
  })
  server.attach(http)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  proxy = await cutProxy({ targetPort: (http.address() as AddressInfo).port })
}, 60_000)

beforeEach(async () => {
  await sql`DELETE FROM items`
  await sql`INSERT INTO items (id, project_id, title) VALUES (-1, 1, 'one'), (-2, 1, 'two')`
  members.clear()
  for (const member of ['alice 1', 'olivia 1']) members.add(member)
  requests = []
})

afterEach(() => {
  for (const client of clients) client.close()
  clients = []
})

afterAll(async () => {
  await server?.close()
  await proxy?.close()
  http?.closeAllConnections()
  http?.close()
  await sql?.end({ timeout: 1 })
  await database?.drop()
})

async function join(user: string, runtime: Runtime = platformRuntime): Promise<Client<typeof sync>> {
  return open(await server.page({ id: user }, ['project/1']), user, runtime)
}

function open(page: PageState, user: string, runtime: Runtime = platformRuntime): Client<typeof sync> {
  const url = `http://127.0.0.1:${proxy.port}`
  const client = createClient<typeof sync>(
    { page: { ...page, url: url + page.url } },
    {
      api: `${url}/api`,
      transport: webSocketTransport(WebSocket),
      runtime,
      renew: async () => server.issueSession({ id: user }),
    },
  )
  clients.push(client)
  return client
}

const titles = (client: Client<typeof sync>): string[] =>
  client
    .channel('project/1')
    .items.all()
    .map(({ title }) => title)
    .sort()

test('G1: what one writes, and what psql writes, the other sees', async () => {
  const [alice, olivia] = [await join('alice'), await join('olivia')]
  expect(titles(olivia)).toEqual(['one', 'two'])
  const heard: unknown[] = []
  for (const client of [alice, olivia]) {
    client.channel('project/1').on('items/create', (envelope) => heard.push([client === olivia, envelope]))
  }
  await Promise.all([alice, olivia].map((client) => client.channel('project/1').ready))
  const writing = alice.channel('project/1').items.create({ title: 'three', project_id: 1 })
  expect(titles(alice)).toEqual(['one', 'three', 'two'])
  const reply = await writing
  expect(reply).toMatchObject({ title: 'three' })
  expect(alice.pendingWrites).toBe(0)
  expect(requests).toEqual(['POST /api/project/1/items'])
  expect(titles(alice)).toEqual(['one', 'three', 'two'])
  await eventually(() => expect(titles(olivia)).toEqual(['one', 'three', 'two']))
  expect(olivia.channel('project/1').items.all()).toEqual(alice.channel('project/1').items.all())
  expect(heard).toEqual([[true, { title: 'three' }]])
  await sql`UPDATE items SET title = 'eins' WHERE id = -1`
  for (const client of [alice, olivia]) await eventually(() => expect(titles(client)).toContain('eins'))
})

test('G2, G3: a cut connection goes on where it was, without a snapshot', async () => {
  const olivia = await join('olivia')
  const items = olivia.channel('project/1').items
  await olivia.channel('project/1').ready
  const two = items.get(-2)
  const origins: string[] = []
  items.subscribe(({ origin }) => origins.push(origin))
  proxy.refuse(true)
  proxy.cut()
  await eventually(() => expect(olivia.status.state).toBe('offline'))
  await sql`UPDATE items SET title = 'eins' WHERE id = -1`
  await sql`INSERT INTO items (id, project_id, title) VALUES (-3, 1, 'drei')`
  proxy.refuse(false)
  await eventually(() => expect(olivia.status.state).toBe('live'))
  expect(titles(olivia)).toEqual(['drei', 'eins', 'two'])
  expect(items.get(-2)).toBe(two)
  expect(origins).toEqual(['remote'])
  expect(olivia.channel('project/1').status).toEqual({ state: 'live' })
})

test('G1, G5: a cut after any byte leaves whole commits, and the rest comes after it', async () => {
  // Comes back at once, however often it is cut.
  const olivia = await join('olivia', { ...platformRuntime, random: () => 0 })
  const { items } = olivia.channel('project/1')
  await olivia.channel('project/1').ready
  const halves: unknown[] = []
  items.subscribe(() => {
    const [one, two] = [items.get(-1)?.title, items.get(-2)?.title]
    if (one !== two) halves.push([one, two])
  })
  for (let bytes = 1; bytes < 700; bytes += 29) {
    proxy.cutAfterBytes(bytes)
    for (const part of ['a', 'b', 'c']) await sql`UPDATE items SET title = ${`${part} ${bytes}`} WHERE id < 0`
    await eventually(() => expect(titles(olivia)).toEqual([`c ${bytes}`, `c ${bytes}`]))
  }
  expect(halves).toEqual([])
  expect(olivia.channel('project/1').status).toEqual({ state: 'live' })
})

test('G6: a write while the stream is down shows at once and ends once it is back', async () => {
  const alice = await join('alice')
  const { items } = alice.channel('project/1')
  await alice.channel('project/1').ready
  proxy.cut()
  await items.update(-1, { title: 'eins' })
  expect(alice.status.state).toBe('live')
  expect(titles(alice)).toEqual(['eins', 'two'])
  await items.update(-1, { title: 'eins' }) // changes nothing: confirmed all the same
  await items.destroy(-2)
  expect(titles(alice)).toEqual(['eins'])
  expect(requests).toEqual([
    'PATCH /api/project/1/items/-1',
    'PATCH /api/project/1/items/-1',
    'DELETE /api/project/1/items/-2',
  ])
})

test('S2: a page that was copied with its session: each copy gets one of its own, and all stay live', async () => {
  const page = await server.page({ id: 'alice' }, ['project/1'])
  const copies: Client<typeof sync>[] = []
  const breaks: string[] = []
  for (let i = 0; i < 3; i++) {
    const copy = open(page, 'alice')
    copies.push(copy)
    await copy.channel('project/1').ready
  }
  await eventually(() => expect(new Set(copies.map(({ sessionId }) => sessionId)).size).toBe(3))
  for (const copy of copies) await eventually(() => expect(copy.status.state).toBe('live'))
  for (const copy of copies) copy.onStatus(({ state }) => breaks.push(state))
  for (const [i, copy] of copies.entries()) {
    await copy.channel('project/1').items.update(-1, { title: `copy ${i}` })
    for (const other of copies) await eventually(() => expect(titles(other)).toContain(`copy ${i}`))
  }
  expect(breaks).toEqual([])
})

test('a refused write is taken back, with the server’s reason', async () => {
  const alice = await join('alice')
  const { items } = alice.channel('project/1')
  await alice.channel('project/1').ready
  const writing = items.update(-1, { title: 'forbidden' })
  expect(titles(alice)).toEqual(['forbidden', 'two'])
  await expect(writing).rejects.toMatchObject({ code: 'forbidden', message: 'Not this title.', status: 403 })
  expect(titles(alice)).toEqual(['one', 'two'])
})

test('G9: rows go when the right to see them goes, and a stranger gets none', async () => {
  const olivia = await join('olivia')
  await olivia.channel('project/1').ready
  members.delete('olivia 1')
  await server.reauthorize('olivia')
  await eventually(() => expect(olivia.channel('project/1').status.state).toBe('revoked'))
  expect(titles(olivia)).toEqual([])
  const other = olivia.channel('project/2')
  await eventually(() =>
    expect(other.status).toMatchObject({ state: 'refused', error: { code: 'no_channel' } }),
  )
  expect(olivia.status.state).toBe('live')
})
