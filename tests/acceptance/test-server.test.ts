import { type Collection, createClient, webSocketTransport } from '@lockstep/client'
import { collection, defineSync } from '@lockstep/server'
import { cutProxy, startSessions, startTestServer, type TestServer, withoutBrowser } from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'

interface Todo {
  readonly id: number
  readonly title: string
}

const sync = defineSync({
  channels: { 'list/:id': { authorize: ({ user }) => user.id !== 'bob' } },
  collections: {
    todos: collection<Todo>({
      table: 'todos',
      channel: 'list/:list_id',
      columns: ['id', 'title', 'list_id'],
    }),
  },
})

/** A page with a list that follows its channel, as little as one can write of it without a bundler. */
const page = `<!doctype html><p></p><script type="module">
  const reply = await fetch('/lockstep/session', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } })
  const { token } = await reply.json()
  const titles = new Map()
  const socket = new WebSocket('/lockstep')
  socket.onopen = () => {
    socket.send(JSON.stringify({ type: 'hello', version: 1, token }))
    socket.send(JSON.stringify({ type: 'subscribe', id: 1, channel: 'list/1' }))
  }
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data)
    const { create = {} } = message.changes?.todos ?? {}
    for (const [id, row] of Object.entries(create)) titles.set(id, row.title)
    for (const [id, title] of message.collections?.todos?.rows ?? []) titles.set(String(id), title)
    document.querySelector('p').textContent = [...titles.values()].join(', ')
  }
</script>`

let server: TestServer
/** When requests that write are answered. */
let answer: Promise<void> = Promise.resolve()
const undo: (() => unknown)[] = []

beforeAll(async () => {
  server = await startTestServer({
    sync,
    schema: 'CREATE TABLE todos (id serial PRIMARY KEY, list_id int, title text)',
    fixtures: { todos: [{ list_id: 1, title: 'Get Cheeseburgers' }] },
    handler: async ({ method }) => {
      if (method !== 'GET') await answer
      return new Response(page, { headers: { 'content-type': 'text/html' } })
    },
  })
})

afterEach(async () => {
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step()
  await server.sql`DELETE FROM todos WHERE id > 1`
})

afterAll(() => server?.close())

async function todosOf(user: string, address: string = server.address): Promise<Collection<Todo>> {
  const { url, ...state } = await server.sync.page({ id: user }, ['list/1'])
  const client = createClient<typeof sync>(
    { page: { ...state, url: address + url } },
    { transport: server.watch.transport(webSocketTransport(WebSocket)) },
  )
  undo.push(() => client.close())
  return client.channel('list/1').todos
}

const titles = (todos: Collection<Todo>): string[] => todos.all().map(({ title }) => title)

test('fixtures are there from the start, and come back with what the database made of them', async () => {
  expect(titles(await todosOf('alice'))).toEqual(['Get Cheeseburgers'])
  const made = await server.fixtures({ todos: [{ list_id: 1, title: 'Buy milk' }] })
  expect(made['todos']).toMatchObject([{ id: expect.any(Number), title: 'Buy milk' }])
})

test('G2: when all have settled, every client has every commit', async () => {
  const everybody = [await todosOf('alice'), await todosOf('olivia')]
  for (let i = 0; i < 20; i++) {
    await server.sql`INSERT INTO todos (list_id, title) VALUES (1, ${`todo ${i}`})`
    await server.settled()
    for (const todos of everybody) expect(titles(todos)).toContain(`todo ${i}`)
  }
})

test('settling takes as long as the slowest client, and not for ever', async () => {
  const proxy = await cutProxy({ targetPort: Number(new URL(server.address).port) })
  undo.push(() => proxy.close())
  const todos = await todosOf('alice', `http://127.0.0.1:${proxy.port}`)
  await server.settled()
  proxy.pause()
  await server.sql`INSERT INTO todos (list_id, title) VALUES (1, 'late')`
  await expect(server.watch.settled({ timeoutMs: 100 })).rejects.toThrow('did not settle within 100 ms')
  expect(titles(todos)).not.toContain('late')
  const settled = server.settled()
  proxy.resume()
  await settled
  expect(titles(todos)).toContain('late')
})

describe.skipIf(withoutBrowser())('browser sessions', () => {
  test('have names and cookies of their own, and settle with everyone else', async () => {
    const sessions = await startSessions({ address: server.address, watch: server.watch })
    undo.push(() => sessions.close())
    expect(() => sessions.page).toThrow('using(name)')
    for (const name of ['Alice', 'Olivia']) {
      const { context, page } = await sessions.using(name)
      await context.addCookies([{ name: 'user', value: name.toLowerCase(), url: server.address }])
      await page.goto('/')
    }
    await sessions.settled()
    for (let i = 0; i < 10; i++) {
      await server.sql`INSERT INTO todos (list_id, title) VALUES (1, ${`todo ${i}`})`
      await server.settled()
      expect(await sessions.page.textContent('p')).toContain(`todo ${i}`)
      await sessions.using('Alice', async (page) =>
        expect(await page.textContent('p')).toContain(`todo ${i}`),
      )
    }
    expect(sessions.current.name).toBe('Olivia')
    expect((await sessions.switchTo('Alice')).context).not.toBe((await sessions.using('Olivia')).context)
    expect(sessions.errors).toEqual([])
  })

  test('settling waits for what a page has not had yet, and for what it is sending', async () => {
    const proxy = await cutProxy({ targetPort: Number(new URL(server.address).port) })
    undo.push(() => proxy.close())
    const address = `http://127.0.0.1:${proxy.port}`
    const sessions = await startSessions({ address, watch: server.watch })
    undo.push(() => sessions.close())
    const { context, page } = await sessions.using('Alice')
    await context.addCookies([{ name: 'user', value: 'alice', url: address }])
    await page.goto('/')
    await sessions.settled()
    proxy.pause()
    await server.sql`INSERT INTO todos (list_id, title) VALUES (1, 'late')`
    await expect(server.watch.settled({ timeoutMs: 300 })).rejects.toThrow('did not settle')
    const settled = server.settled()
    proxy.resume()
    await settled
    expect(await page.textContent('p')).toContain('late')

    let release = (): void => {}
    answer = new Promise((resolve) => {
      release = resolve
    })
    await page.evaluate(() => void fetch('/write', { method: 'POST' }))
    await expect(server.watch.settled({ timeoutMs: 300 })).rejects.toThrow('did not settle')
    release()
    await server.settled()
  })
})
