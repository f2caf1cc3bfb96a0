import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { LockstepError } from '@lockstep/protocol'
import { collection, createSyncServer, defineSync, type SyncServer } from '@lockstep/server'
import {
  createDatabase,
  eventually,
  launchChromium,
  type TestDatabase,
  withoutBrowser,
} from '@lockstep/testing'
import type { Browser, Page } from 'playwright-core'
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

/** A page as Backbone applications are made, on modules as they are built; events stand in `events`. */
const html = (state: unknown): string => `<!doctype html><title>-</title>
<script type="importmap">{"imports": {"@lockstep/protocol": "/packages/protocol/dist/index.js"}}</script>
<script src="/node_modules/jquery/dist/jquery.js"></script>
<script src="/node_modules/underscore/underscore-umd.js"></script>
<script src="/node_modules/backbone/backbone.js"></script>
<script id="state" type="application/json">${JSON.stringify(state).replaceAll('<', '\\u003c')}</script>
<ul></ul>
<script type="module">
  import { createClient } from '/packages/client/dist/index.js'
  import { beginEdit, syncCollection } from '/packages/client/dist/backbone/index.js'
  window.client = createClient({ page: JSON.parse(document.getElementById('state').textContent) })
  window.beginEdit = beginEdit
  window.events = []
  window.todos = new (Backbone.Collection.extend({ url: '/todos' }))()
  todos.on('all', (name, model) => {
    if (['add', 'remove', 'reset', 'change', 'error', 'conflict'].includes(name)) events.push(name)
  })
  const View = Backbone.View.extend({
    tagName: 'li',
    initialize() { this.listenTo(this.model, 'change', this.render); this.listenTo(this.model, 'remove', this.remove) },
    render() { this.$el.text(this.model.get('title')); return this },
  })
  todos.on('add', (model) => $('ul').append(new View({ model }).render().el))
  syncCollection(todos, client.channel('list/1').collection('todos'))
</script>`

let database: TestDatabase
let sql: Sql
let server: SyncServer
let http: Server
let browser: Browser
let origin: string
const requests: string[] = []

async function api(request: Request): Promise<Response> {
  const id = Number(new URL(request.url).pathname.split('/')[2])
  requests.push(request.method)
  return server.respond(request, async (tx) => {
    if (request.method === 'DELETE') return tx.sql`DELETE FROM todos WHERE id = ${id}`
    const { title }: { title: string } = await request.json()
    if (title === '') throw new LockstepError('bad_request', 'A todo needs a title.')
    const [todo] =
      request.method === 'POST'
        ? await tx.sql`INSERT INTO todos (list_id, title) VALUES (1, ${title}) RETURNING *`
        : await tx.sql`UPDATE todos SET title = ${title} WHERE id = ${id} RETURNING *`
    return todo
  })
}

const shown = (page: Page): Promise<string[]> => page.locator('li').allTextContents()

describe.skipIf(withoutBrowser())('Backbone in a browser', () => {
  beforeAll(async () => {
    database = await createDatabase()
    sql = postgres(database.url, { max: 1, onnotice: () => {} })
    await sql`CREATE TABLE todos (id serial PRIMARY KEY, list_id int, title text)`
    await sql`INSERT INTO todos (list_id, title) VALUES (1, 'Buy milk')`
    server = await createSyncServer({
      sync,
      database: database.url,
      setup: 'apply',
      authenticate: () => ({ id: 'alice' }),
    })
    http = createServer(async (incoming, outgoing) => {
      const path = incoming.url ?? ''
      if (
        /^\/(?:packages\/(?:client|protocol)\/dist|node_modules\/(?:jquery|underscore|backbone))\/[\w/-]+\.js$/.test(
          path,
        )
      ) {
        outgoing.setHeader('content-type', 'text/javascript')
        outgoing.end(await readFile(new URL(`../..${path}`, import.meta.url)))
      } else if (path.startsWith('/todos')) {
        const chunks: Buffer[] = []
        for await (const chunk of incoming) chunks.push(chunk)
        const headers = new Headers()
        for (const [name, value] of Object.entries(incoming.headers)) headers.set(name, String(value))
        const body = chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }
        const { method = 'GET' } = incoming
        const reply = await api(new Request(`${origin}${path}`, { method, headers, ...body }))
        outgoing.writeHead(reply.status, Object.fromEntries(reply.headers)).end(await reply.text())
      } else {
        outgoing.setHeader('content-type', 'text/html')
        outgoing.end(html(await server.page({ id: 'alice' }, ['list/1'])))
      }
    })
    server.attach(http)
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}` // it listens on a port
    browser = await launchChromium()
  }, 60_000)

  afterAll(async () => {
    await browser?.close()
    await server?.close()
    http?.closeAllConnections()
    http?.close()
    await sql?.end()
    await database?.drop()
  })

  test('G1, W2: two pages show the same rows, each change one request and no reset', async () => {
    const [alice, olivia] = [await browser.newPage(), await browser.newPage()]
    for (const page of [alice, olivia]) {
      await page.goto(origin)
      await eventually(async () => expect(await shown(page)).toEqual(['Buy milk']))
    }
    requests.length = 0
    await alice.evaluate(`todos.create({ title: 'Kale' }) && 1`)
    await eventually(async () => expect(await shown(olivia)).toEqual(['Buy milk', 'Kale']))
    await eventually(async () => expect(await alice.evaluate('todos.last().isNew()')).toBe(false))
    await olivia.evaluate(`todos.last().save({ title: 'Kale juice' }) && 1`)
    await eventually(async () => expect(await shown(alice)).toEqual(['Buy milk', 'Kale juice']))
    await sql`UPDATE todos SET title = 'Buy soy milk' WHERE title = 'Buy milk'`
    for (const page of [alice, olivia]) {
      await eventually(async () => expect(await shown(page)).toEqual(['Buy soy milk', 'Kale juice']))
    }
    await alice.evaluate(`todos.last().destroy() && 1`)
    await eventually(async () => expect(await shown(olivia)).toEqual(['Buy soy milk']))
    expect(requests).toEqual(['POST', 'PUT', 'DELETE'])
    expect(await olivia.evaluate(`events.filter((name) => name === 'reset').length`)).toBeLessThanOrEqual(1)

    await alice.evaluate(`todos.first().save({ title: '' }) && 1`)
    await eventually(async () => expect(await alice.evaluate(`events.includes('error')`)).toBe(true))
    expect(await shown(alice)).toEqual(['Buy soy milk'])

    await alice.evaluate(`beginEdit(todos.first()); todos.first().set({ title: 'mine' }); 1`)
    await sql`UPDATE todos SET title = 'theirs' WHERE title = 'Buy soy milk'`
    await eventually(async () => expect(await alice.evaluate(`events.includes('conflict')`)).toBe(true))
    expect(await alice.evaluate(`todos.first().get('title')`)).toBe('mine')
    await eventually(async () => expect(await shown(olivia)).toEqual(['theirs']))
    await alice.close()
    await olivia.close()
  }, 60_000)
})
