import { createClient, platformRuntime, webSocketTransport } from '@lockstep/client'
import { collection, defineSync } from '@lockstep/server'
import {
  eventually,
  type Person,
  type Sessions,
  startSessions,
  startTestServer,
  type TestServer,
  withoutBrowser,
} from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { readText } from '../tree/source-tree.ts'

// As a reader runs it.
await import('../../docs/examples/faults/shopping.test.ts')

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

const html = `<!doctype html><p></p><script type="importmap">
  {"imports": {"@lockstep/protocol": "/packages/protocol/dist/index.js"}}</script><script type="module">
  import { createClient } from '/packages/client/dist/index.js'
  const client = createClient({ url: '/lockstep' })
  const todos = client.channel('list/1').collection('todos')
  const show = () => { document.querySelector('p').textContent = todos.all().map(({ title }) => title).join(', ') }
  todos.subscribe(show)
  client.onStatus(({ state }) => { document.title = state })
</script>`

let server: TestServer
const undo: (() => unknown)[] = []
/** Requests that the application has answered. */
let answered: string[] = []

beforeAll(async () => {
  server = await startTestServer({
    sync,
    schema: 'CREATE TABLE todos (id serial PRIMARY KEY, list_id int, title text)',
    limits: { heartbeatMs: 1_000 },
    handler: async (request, lockstep) => {
      const { pathname } = new URL(request.url)
      if (/^\/packages\/(client|protocol)\/dist\/[a-z/-]+\.js$/.test(pathname)) {
        return new Response(readText(pathname.slice(1)), { headers: { 'content-type': 'text/javascript' } })
      }
      if (request.method === 'GET') return new Response(html, { headers: { 'content-type': 'text/html' } })
      const title: string = await request.clone().json()
      const reply = await lockstep.respond(
        request,
        ({ sql }) => sql`INSERT INTO todos (list_id, title) VALUES (1, ${title})`,
      )
      answered.push(title)
      return reply
    },
  })
}, 60_000)

afterEach(async () => {
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step()
  await server.sql`DELETE FROM todos`
  answered = []
})

afterAll(() => server?.close())

async function open(person: Person) {
  const client = createClient<typeof sync>(
    { page: await person.page(['list/1']) },
    {
      transport: person.transport(webSocketTransport(WebSocket)),
      runtime: person.runtime(platformRuntime),
    },
  )
  undo.push(() => client.close())
  const channel = client.channel('list/1')
  return {
    client,
    channel,
    titles: () => channel.todos.all().map(({ title }) => title),
    write: (title: string) => channel.write({ url: '/todos', body: title }),
  }
}

async function both() {
  const [alice, olivia] = [await server.person('alice'), await server.person('olivia')]
  const made = { alice, olivia, hers: await open(alice), olivias: await open(olivia) }
  await server.settled()
  return made
}

const insert = (title: string) => server.sql`INSERT INTO todos (list_id, title) VALUES (1, ${title})`

describe('faults of one person', () => {
  test('offline: nothing comes and nothing goes, and with online all is made up for; nobody else notices', async () => {
    const { alice, hers, olivias } = await both()
    alice.offline()
    await eventually(() => expect(hers.client.status.state).not.toBe('live'))
    const written = hers.write('from alice')
    await insert('from the database')
    await server.settled()
    expect(hers.titles()).toEqual([])
    expect(olivias.titles()).toEqual(['from the database'])
    await expect(fetch(alice.address)).rejects.toThrow()
    alice.online()
    hers.client.connect()
    await written
    await server.settled()
    expect(hers.titles().sort()).toEqual(['from alice', 'from the database'])
  })

  test('lag: what is sent is as late as was said, in order', async () => {
    const { alice, hers, olivias } = await both()
    alice.lag(150)
    const begun = performance.now()
    for (const title of ['a', 'b', 'c']) await insert(title)
    await server.sync.barrier()
    expect(hers.titles()).toEqual([])
    await eventually(() => expect(hers.titles()).toEqual(['a', 'b', 'c']))
    expect(performance.now() - begun).toBeGreaterThanOrEqual(150)
    expect(olivias.titles()).toEqual(['a', 'b', 'c'])
    // Both ways: a request and its reply.
    const asked = performance.now()
    await (await fetch(`${alice.address}/todos`)).text()
    expect(performance.now() - asked).toBeGreaterThanOrEqual(300)
    alice.lag(0)
  })

  test('silent: the server gives up on it after two heartbeats, and settling does not wait for it', async () => {
    const { alice, hers, olivias } = await both()
    alice.silent()
    await insert('unheard')
    await server.settled()
    expect(olivias.titles()).toEqual(['unheard'])
    expect(hers.titles()).toEqual([])
    // Connections of the test before may still be saying goodbye.
    await eventually(() => expect(server.sync.status().connections).toBe(2))
    await server.time.advance(2_100)
    await eventually(() => expect(server.sync.status().connections).toBe(1))
    alice.online()
    await eventually(() => expect(hers.titles()).toEqual(['unheard']))
  })

  test('cut: the client is back at once', async () => {
    const { alice, hers } = await both()
    const states: string[] = []
    hers.client.onStatus(({ state }) => states.push(state))
    alice.cut()
    await eventually(() => expect(states).toContain('live'))
    expect(states[0]).not.toBe('live')
    await insert('after')
    await server.settled()
    expect(hers.titles()).toEqual(['after'])
  })

  test('G3: cut after the request: the write is done once, although it is sent twice', async () => {
    const { alice, hers } = await both()
    const lost = alice.cutAfter('request')
    const written = hers.write('once')
    await lost
    expect(answered.length).toBe(1)
    await written
    await server.settled()
    expect(answered.length).toBe(2)
    expect(hers.titles()).toEqual(['once'])
  })

  test('G6: cut after the ack: the write has been answered, and ends when its effect has come over a new connection', async () => {
    const { alice, hers } = await both()
    const cut = alice.cutAfter('ack')
    let ended = false
    const written = hers.write('acked').then(() => {
      ended = true
    })
    await cut
    expect(answered.length).toBe(1)
    expect(ended).toBe(false)
    expect(hers.titles()).toEqual([])
    await written
    expect(answered.length).toBe(1)
    expect(hers.titles()).toEqual(['acked'])
  })

  test('cut after a message: that one is there', async () => {
    const { alice, hers } = await both()
    const cut = alice.cutAfter('message')
    await insert('first')
    await cut
    await insert('second')
    await eventually(() => expect(hers.titles()).toEqual(['first', 'second']))
    expect(() => {
      void alice.cutAfter('message')
      void alice.cutAfter('ack')
    }).toThrow('already')
  })

  test('G11: an expired position is told as such, to its owner alone', async () => {
    const { alice, hers, olivias } = await both()
    await insert('seen')
    await server.settled()
    await alice.expirePosition()
    hers.client.connect()
    await eventually(() => expect(hers.channel.status).toEqual({ state: 'live', reset: 'trimmed' }))
    expect(olivias.channel.status).toEqual({ state: 'live' })
    await insert('later')
    await server.settled()
    for (const { titles } of [hers, olivias]) expect(titles()).toEqual(['seen', 'later'])
    expect(olivias.channel.status).toEqual({ state: 'live' })
  })

  test('G9: revoked: a channel or all, until it is granted again', async () => {
    const { alice, olivia, hers, olivias } = await both()
    await alice.revoke('list/1')
    await insert('secret')
    await server.settled()
    expect(hers.channel.status.state).toBe('revoked')
    expect(hers.titles()).toEqual([])
    expect(olivias.titles()).toEqual(['secret'])
    await expect(alice.page(['list/1'])).rejects.toMatchObject({ code: 'no_channel' })
    await alice.grant('list/1')
    expect((await open(alice)).titles()).toEqual(['secret'])
    await olivia.revoke()
    await expect(olivia.page(['list/1'])).rejects.toMatchObject({ code: 'no_channel' })
    await olivia.grant()
  })

  test('a restart, gentle or hard, keeps address and database, and clients go on without a reset', async () => {
    const { hers, olivias } = await both()
    const { address, sync: before } = server
    for (const hard of [false, true]) {
      await server.restart({
        hard,
        async meanwhile() {
          expect(() => server.sync).toThrow('is down')
          await expect(fetch(address)).rejects.toThrow()
          await insert(`hard: ${hard}`)
        },
      })
      for (const { titles } of [hers, olivias])
        await eventually(() => expect(titles()).toContain(`hard: ${hard}`))
    }
    expect(server.address).toBe(address)
    expect(server.sync).not.toBe(before)
    expect(hers.channel.status).toEqual({ state: 'live' })
  })

  test('time: sessions of those who stay away are logged out, in no time', async () => {
    const { alice } = await both()
    alice.offline()
    await eventually(() => expect(server.sync.status().connections).toBe(1))
    expect(server.sync.status().sessions).toBeGreaterThanOrEqual(2)
    const begun = performance.now()
    await server.time.advance(11_000)
    expect(server.sync.status().sessions).toBe(1)
    expect(performance.now() - begun).toBeLessThan(11_000)
  })
})

describe.skipIf(withoutBrowser())('faults of a browser session', () => {
  let sessions: Sessions

  beforeAll(async () => {
    sessions = await startSessions({ server, user: (name) => name.toLowerCase() })
    for (const name of ['Alice', 'Olivia']) {
      const { page, context } = await sessions.using(name)
      await context.addCookies([{ name: 'user', value: name.toLowerCase(), domain: '127.0.0.1', path: '/' }])
      await page.goto('/')
    }
    await sessions.settled()
  }, 60_000)

  afterAll(() => sessions?.close())

  const shown = (name: string) => sessions.using(name, (page) => page.textContent('p'))

  test('offline and online, silent, expired, revoked: one page is disturbed, the other is not', async () => {
    const alice = await sessions.switchTo('Alice')
    alice.offline()
    await insert('one')
    await sessions.settled()
    expect(await shown('Olivia')).toBe('one')
    expect(await shown('Alice')).toBe('')
    alice.online()
    await alice.page.waitForFunction(() => document.querySelector('p')?.textContent === 'one')

    alice.silent()
    await insert('two')
    await sessions.settled()
    expect(await shown('Olivia')).toBe('one, two')
    expect(await shown('Alice')).toBe('one')
    alice.online()
    await sessions.settled()
    expect(await shown('Alice')).toBe('one, two')

    await alice.expirePosition()
    await insert('three')
    await alice.page.waitForFunction(() => document.querySelector('p')?.textContent === 'one, two, three')

    await alice.revoke('list/1')
    await insert('four')
    await sessions.settled()
    expect(await shown('Olivia')).toBe('one, two, three, four')
    expect(await shown('Alice')).toBe('')
    await alice.grant('list/1')
    expect(sessions.errors).toEqual([])
  })

  test('sessions of an application that is only an address say what they lack', async () => {
    const plain = await startSessions({ address: server.address })
    undo.push(() => plain.close())
    const { offline } = await plain.using('Bob')
    expect(offline).toThrow('startSessions({ server })')
  })
})
