import { createClient, platformRuntime, webSocketTransport } from '@lockstep/client'
import { locksOf } from '@lockstep/client/locks'
import { collection, defineSync } from '@lockstep/server'
import { eventually, type Person, startTestServer, type TestServer } from '@lockstep/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'

// The application's own: its definition and its routes.
const sync = defineSync({
  channels: { 'list/:id': { authorize: () => true } },
  collections: {
    todos: collection<{ id: number; title: string }>({
      table: 'todos',
      channel: 'list/:list_id',
      columns: ['id', 'title'],
    }),
  },
})

let server: TestServer
let alice: Person
let olivia: Person

beforeAll(async () => {
  server = await startTestServer({
    sync,
    schema: 'CREATE TABLE todos (id serial PRIMARY KEY, list_id int, title text)',
    fixtures: { todos: [{ list_id: 1, title: 'Get Cheeseburgers' }] },
    handler: async (request, lockstep) => {
      const { title } = await request.clone().json()
      return lockstep.respond(
        request,
        ({ sql }) => sql`INSERT INTO todos (list_id, title) VALUES (1, ${title})`,
      )
    },
  })
  alice = await server.person('alice')
  olivia = await server.person('olivia')
}, 60_000)

afterAll(() => server?.close())

async function shopping(person: Person) {
  const runtime = person.runtime(platformRuntime)
  const transport = person.transport(webSocketTransport(WebSocket))
  const client = createClient<typeof sync>({ page: await person.page(['list/1']) }, { transport, runtime })
  const list = client.channel('list/1')
  return {
    client,
    list,
    locks: locksOf(client, 'list/1', { runtime }),
    titles: () => list.todos.all().map(({ title }) => title),
    buy: (title: string) => list.write({ url: '/todos', body: { title } }),
  }
}

test('a write whose reply is lost is done once', async () => {
  const hers = await shopping(alice)
  const lost = alice.cutAfter('request')
  const bought = hers.buy('Milk')
  await lost
  await bought
  await server.settled()
  expect(hers.titles().filter((title) => title === 'Milk')).toEqual(['Milk'])
  hers.client.close()
})

test('who was offline for too long is told so, and has everything', async () => {
  const hers = await shopping(alice)
  await server.settled()
  const told: unknown[] = []
  hers.list.onStatus((status) => told.push(status))
  alice.offline()
  await server.sql`INSERT INTO todos (list_id, title) VALUES (1, 'Bread')`
  await alice.expirePosition()
  await eventually(() => expect(hers.titles()).toContain('Bread'))
  expect(told).toContainEqual({ state: 'live', reset: 'trimmed' })
  hers.client.close()
})

test('a lock is free when its holder has fallen asleep', async () => {
  const [hers, olivias] = [await shopping(alice), await shopping(olivia)]
  await hers.locks.lock('todos/1', { doing: 'editing' })
  await server.settled()
  expect(olivias.locks.get('todos/1')?.doing).toBe('editing')
  alice.silent()
  await server.time.advance(30_000)
  await server.settled()
  expect(olivias.locks.get('todos/1')).toBeUndefined()
  alice.online()
  for (const { client } of [hers, olivias]) client.close()
})

test('who lost the right sees nothing more', async () => {
  const hers = await shopping(alice)
  await server.settled()
  await alice.revoke('list/1')
  await server.sql`INSERT INTO todos (list_id, title) VALUES (1, 'A present for Alice')`
  await server.settled()
  expect(hers.list.status.state).toBe('revoked')
  expect(hers.titles()).toEqual([])
  await alice.grant('list/1')
  hers.client.close()
})

test('a server that is killed and comes back has missed nothing, and nobody else has', async () => {
  const everybody = [await shopping(alice), await shopping(olivia)]
  await server.settled()
  await server.restart({
    hard: true,
    meanwhile: () => server.sql`INSERT INTO todos (list_id, title) VALUES (1, 'Butter')`,
  })
  for (const { titles } of everybody) await eventually(() => expect(titles()).toContain('Butter'))
  for (const { client } of everybody) client.close()
})
