import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSyncServer, type SyncServer } from '@lockstep/server'
import {
  createDatabase,
  eventually,
  launchChromium,
  ledger,
  ledgerSchema,
  type TestDatabase,
  withoutBrowser,
} from '@lockstep/testing'
import type { Browser, Page } from 'playwright-core'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

/** A client as a page has it, with a cookie, on modules as they are built; no WebSocket until it is allowed. */
const html = `<!doctype html><title>-</title>
<script type="importmap">{"imports": {"@lockstep/protocol": "/packages/protocol/dist/index.js"}}</script>
<script>
  const Native = WebSocket
  window.allowWebSockets = () => { window.WebSocket = Native }
  window.WebSocket = class {
    constructor() { setTimeout(() => this.onclose?.({ code: 1006, reason: '' })) }
    close() {}
  }
</script>
<script type="module">
  import { createClient } from '/packages/client/dist/index.js'
  window.client = createClient({ url: '/lockstep' })
  window.totals = client.channel('room/a').collection('totals')
</script>`

let database: TestDatabase
let server: SyncServer
let http: Server
let browser: Browser
let origin: string

describe.skipIf(withoutBrowser())('a browser whose WebSockets are blocked', () => {
  beforeAll(async () => {
    database = await createDatabase()
    const sql = postgres(database.url, { max: 1, onnotice: () => {} })
    await sql.unsafe(ledgerSchema)
    await sql.end()
    server = await createSyncServer({
      sync: ledger,
      database: database.url,
      setup: 'apply',
      authenticate: () => ({ id: 'alice' }),
    })
    http = createServer(async (incoming, outgoing) => {
      const path = incoming.url ?? ''
      const isModule = /^\/packages\/(client|protocol)\/dist\/[a-z/-]+\.js$/.test(path)
      outgoing.setHeader('content-type', isModule ? 'text/javascript' : 'text/html')
      outgoing.setHeader('set-cookie', 'user=alice')
      outgoing.end(isModule ? await readFile(new URL(`../..${path}`, import.meta.url)) : html)
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
    await database?.drop()
  })

  const statusOf = (page: Page): Promise<unknown> => page.evaluate('client.status')
  const versionOn = (page: Page): Promise<unknown> => page.evaluate(`totals.get('a')?.version`)
  const setVersion = (version: number): Promise<unknown> =>
    server.sql`INSERT INTO totals VALUES ('a', 0, 0, ${version})
      ON CONFLICT (room) DO UPDATE SET version = excluded.version`

  test('C5: is live over an event stream, and over a WebSocket once there is one', async () => {
    const page = await browser.newPage()
    await page.goto(origin)
    await eventually(async () =>
      expect(await statusOf(page)).toMatchObject({ state: 'live', fallback: { carrier: 'event-stream' } }),
    )
    await setVersion(1)
    await eventually(async () => expect(await versionOn(page)).toBe(1))
    await page.evaluate('allowWebSockets()')
    await eventually(async () => expect(await statusOf(page)).toEqual({ state: 'live' }), {
      timeoutMs: 25_000,
    })
    await setVersion(2)
    await eventually(async () => expect(await versionOn(page)).toBe(2))
    await page.close()
  }, 60_000)

  test('C5: is live over long-polling where event streams are blocked too', async () => {
    const page = await browser.newPage()
    await page.route('**/lockstep/events', () => {}) // held for ever
    await page.goto(origin)
    await eventually(
      async () =>
        expect(await statusOf(page)).toMatchObject({ state: 'live', fallback: { carrier: 'long-polling' } }),
      { timeoutMs: 20_000 },
    )
    await setVersion(3)
    await eventually(async () => expect(await versionOn(page)).toBe(3))
    await page.close()
  }, 60_000)
})
