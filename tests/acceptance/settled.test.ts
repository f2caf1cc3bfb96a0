import { readFile } from 'node:fs/promises'
import { collection, defineSync } from '@lockstep/server'
import {
  type CutProxy,
  cutProxy,
  eventually,
  type Sessions,
  startSessions,
  startTestServer,
  type TestServer,
  withoutBrowser,
} from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { MeddlingProxy } from '../live/meddling-proxy.ts'

const sync = defineSync({
  channels: { list: { authorize: () => true } },
  collections: {
    todos: collection<{ id: number; title: string }>({
      table: 'todos',
      channel: 'list',
      columns: ['id', 'title'],
    }),
  },
})

// Machines that have much else to do take their time.
vi.setConfig({ testTimeout: 200_000, hookTimeout: 120_000 })

const show = `const show = (titles) => { document.querySelector('p').textContent = titles.join(', ') }`
/** The native client, on modules as they are built. */
const native = `<!doctype html><p></p>
<script type="importmap">{"imports": {"@lockstep/protocol": "/packages/protocol/dist/index.js"}}</script>
<script type="module">
  import { createClient } from '/packages/client/dist/index.js'
  ${show}
  window.client = createClient({ url: '/lockstep' })
  const todos = client.channel('list').collection('todos')
  todos.subscribe(() => show(todos.all().map(({ title }) => title)))
  client.onStatus(({ state, fallback }) => { document.title = state + ' ' + (fallback?.carrier ?? '') })
</script>`
const faye = `<!doctype html><p></p><script src="/bayeux/client.js"></script><script>
  ${show}
  const titles = []
  const client = new Faye.Client('/bayeux')
  client.subscribe('/sync/todos', ({ create = {} }) => {
    for (const { title } of Object.values(create)) titles.push(title)
    show(titles)
  }).then(() => { document.title = 'live' })
</script>`

let server: TestServer
let line: CutProxy
let proxy: MeddlingProxy
let sessions: Sessions
/** When what is written is answered. */
let answer: Promise<void> = Promise.resolve()

describe.skipIf(withoutBrowser())('settling', () => {
  beforeAll(async () => {
    server = await startTestServer({
      sync,
      schema: 'CREATE TABLE todos (id serial PRIMARY KEY, title text)',
      bayeux: {},
      handler: async ({ url, method }) => {
        const { pathname } = new URL(url)
        if (method === 'POST') await answer
        const isModule = /^\/packages\/(client|protocol)\/dist\/[a-z/-]+\.js$/.test(pathname)
        const body = isModule
          ? await readFile(new URL(`../..${pathname}`, import.meta.url), 'utf8')
          : pathname === '/faye'
            ? faye
            : native
        return new Response(body, { headers: { 'content-type': isModule ? 'text/javascript' : 'text/html' } })
      },
    })
    line = await cutProxy({ targetPort: Number(new URL(server.address).port) })
    proxy = await MeddlingProxy.start(line.port)
    sessions = await startSessions({ address: `http://127.0.0.1:${proxy.port}`, watch: server.watch })
  })

  afterEach(async () => {
    line.resume()
    await sessions.page.goto('about:blank')
    await server.sql`DELETE FROM todos`
  })

  afterAll(async () => {
    await sessions?.close()
    proxy?.close()
    await line?.close()
    await server?.close()
  })

  const open = async (path: string, title: string): Promise<void> => {
    const { page, context } = await sessions.using('Alice')
    await context.addCookies([{ name: 'user', value: 'alice', url: `http://127.0.0.1:${proxy.port}` }])
    await page.goto(path)
    await eventually(async () => expect(await page.title()).toBe(title), { timeoutMs: 60_000 })
  }
  const shown = (): Promise<string | null> => sessions.page.textContent('p')

  describe.each([
    ['the native client over a WebSocket', '/', 'live', false, false],
    ['the native client over an event stream', '/', 'live event-stream', true, false],
    ['the native client over long-polling', '/', 'live long-polling', true, true],
    ['the Faye client over a WebSocket', '/faye', 'live', false, false],
  ])('%s', (_client, path, title, refusesUpgrades, keepsStreams) => {
    test('G2: has every commit, and looks only once', async () => {
      Object.assign(proxy, { refusesUpgrades, keepsStreams })
      await open(path, title)
      for (let i = 0; i < 8; i++) {
        await server.sql`INSERT INTO todos (title) VALUES (${`todo ${i}`})`
        await server.watch.settled({ timeoutMs: 60_000 })
        expect(await shown()).toContain(`todo ${i}`)
      }
      line.pause()
      await server.sql`INSERT INTO todos (title) VALUES ('late')`
      await expect(server.watch.settled({ timeoutMs: 300 })).rejects.toThrow('did not settle')
      const settled = server.watch.settled({ timeoutMs: 60_000 })
      line.resume()
      await settled
      expect(await shown()).toContain('late')
      expect(sessions.errors).toEqual([])
    })
  })

  test('waits for what a page writes by XMLHttpRequest, as jQuery and Backbone do', async () => {
    Object.assign(proxy, { refusesUpgrades: false, keepsStreams: false })
    await open('/', 'live')
    let release = (): void => {}
    answer = new Promise((resolve) => {
      release = resolve
    })
    await sessions.page.evaluate(() => {
      const request = new XMLHttpRequest()
      request.open('POST', '/todos')
      request.send('{}')
    })
    await expect(server.watch.settled({ timeoutMs: 300 })).rejects.toThrow('did not settle')
    release()
    await server.watch.settled({ timeoutMs: 60_000 })
  })
})
