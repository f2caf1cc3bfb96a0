import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { collection, createSyncServer, defineSync, type SyncServer } from '@lockstep/server'
import {
  createDatabase,
  eventually,
  findChromium,
  type TestDatabase,
  withoutBrowser,
} from '@lockstep/testing'
import { type Browser, chromium, type Page } from 'playwright-core'
import postgres, { type Sql } from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const sync = defineSync({
  channels: { 'list/:id': { authorize: () => true } },
  collections: {
    todos: collection<{ id: number; list_id: number; title: string }>({
      table: 'todos',
      channel: 'list/:list_id',
      columns: ['id', 'list_id', 'title'],
    }),
  },
})

const html = (state: unknown): string => `<!doctype html><title>-</title>
<script type="importmap">{"imports": {"@lockstep/protocol": "/packages/protocol/dist/index.js"}}</script>
<script id="state" type="application/json">${JSON.stringify(state).replaceAll('<', '\\u003c')}</script>
<p></p><output></output>
<script type="module">
  import { createClient } from '/packages/client/dist/index.js'
  const client = createClient({ page: JSON.parse(document.getElementById('state').textContent) })
  const { todos } = client.channel('list/1')
  const show = () => {
    document.querySelector('p').textContent = todos.all().map(({ title }) => title).sort().join()
    document.querySelector('output').textContent = client.status.state
  }
  window.client = client
  window.shows = []
  window.restored = 0
  addEventListener('pageshow', ({ persisted }) => { restored += Number(persisted) })
  todos.subscribe(({ origin }) => shows.push(origin))
  todos.subscribe(show)
  client.onStatus(show)
  show()
</script>`

let database: TestDatabase
let sql: Sql
let server: SyncServer
let http: Server
let browser: Browser
let origin: string

const rows = (page: Page): Promise<string | null> => page.locator('p').textContent()
const live = (page: Page): Promise<void> =>
  eventually(async () => expect(await page.locator('output').textContent()).toBe('live'))

describe.skipIf(withoutBrowser())('the life of a page in a browser', () => {
  beforeAll(async () => {
    database = await createDatabase()
    sql = postgres(database.url, { max: 1, onnotice: () => {} })
    await sql`CREATE TABLE todos (id serial PRIMARY KEY, list_id int, title text)`
    server = await createSyncServer({
      sync,
      database: database.url,
      setup: 'apply',
      authenticate: () => ({ id: 'alice' }),
    })
    http = createServer(async (incoming, outgoing) => {
      const path = incoming.url ?? ''
      if (/^\/packages\/(?:client|protocol)\/dist\/[\w/-]+\.js$/.test(path)) {
        outgoing.setHeader('content-type', 'text/javascript')
        outgoing.end(await readFile(new URL(`../..${path}`, import.meta.url)))
      } else {
        outgoing.setHeader('content-type', 'text/html')
        outgoing.end(
          path === '/' ? html(await server.page({ id: 'alice' }, ['list/1'])) : '<title>elsewhere</title>',
        )
      }
    })
    server.attach(http)
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
    // Playwright switches off what is looked at here.
    browser = await chromium.launch({
      executablePath: findChromium() ?? '',
      args: ['--no-sandbox', '--disable-gpu'],
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
    })
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await server?.close()
    http?.closeAllConnections()
    http?.close()
    await sql?.end({ timeout: 1 })
    await database?.drop()
  })

  test('G2, G3: back from the cache of whole pages: live again, with all of the meantime in one step', async () => {
    await sql`DELETE FROM todos`
    await sql`INSERT INTO todos (list_id, title) VALUES (1, 'a')`
    const page = await browser.newPage()
    await page.goto(origin)
    await live(page)
    await page.goto(`${origin}/elsewhere`)
    await sql`INSERT INTO todos (list_id, title) VALUES (1, 'b')`
    await sql`UPDATE todos SET title = 'c' WHERE title = 'a'`
    await page.goBack({ waitUntil: 'commit' })
    await eventually(async () => expect(await rows(page)).toBe('b,c'))
    await live(page)
    // Where a browser has no room to keep pages, it has loaded this one anew.
    expect([
      [1, ['remote']],
      [0, []],
    ]).toContainEqual(await page.evaluate('[restored, shows]'))
    await sql`INSERT INTO todos (list_id, title) VALUES (1, 'd')`
    await eventually(async () => expect(await rows(page)).toBe('b,c,d'))
    await page.close()
  }, 120_000)

  test('G2, G3: a page that the browser froze goes on where it was', async () => {
    await sql`DELETE FROM todos`
    const page = await browser.newPage()
    await page.goto(origin)
    await live(page)
    const devtools = await page.context().newCDPSession(page)
    await devtools.send('Page.setWebLifecycleState', { state: 'frozen' })
    await sql`INSERT INTO todos (list_id, title) VALUES (1, 'while frozen')`
    await devtools.send('Page.setWebLifecycleState', { state: 'active' })
    await eventually(async () => expect(await rows(page)).toBe('while frozen'))
    await live(page)
    await page.close()
  }, 120_000)

  test('S2: a tab that was duplicated and the one it was made from are both live', async () => {
    await sql`DELETE FROM todos`
    const context = await browser.newContext()
    // As a browser does it: from the document that it has, session and all.
    const copied = html(await server.page({ id: 'alice' }, ['list/1']))
    await context.route(`${origin}/`, (route) => route.fulfill({ contentType: 'text/html', body: copied }))
    const pages: Page[] = []
    for (let i = 0; i < 2; i++) {
      const page = await context.newPage()
      await page.goto(origin)
      await live(page)
      pages.push(page)
    }
    const ids = (): Promise<unknown[]> => Promise.all(pages.map((page) => page.evaluate('client.sessionId')))
    await eventually(async () => expect(new Set(await ids()).size).toBe(2))
    await sql`INSERT INTO todos (list_id, title) VALUES (1, 'both')`
    for (const page of pages) {
      await live(page)
      await eventually(async () => expect(await rows(page)).toBe('both'))
    }
    await context.close()
  }, 120_000)
})
