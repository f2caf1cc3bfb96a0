import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createSyncServer, defineSync, type SyncServer, type SyncServerOptions } from '@lockstep/server'
import {
  createDatabase,
  eventually,
  freePort,
  launchChromium,
  type TestDatabase,
  withoutBrowser,
} from '@lockstep/testing'
import type { Browser, Page } from 'playwright-core'
import postgres from 'postgres'
import { build } from 'vite'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { bayeux } from '../docs/examples/coming-from-faye/chat.ts'
import { connect as connectCometD } from '../docs/examples/coming-from-faye/cometd.js'
import { lockstepExtension } from '../docs/examples/coming-from-faye/lockstep-extension.js'
import { sync as tables } from '../docs/examples/coming-from-faye/tables.ts'
import config from '../vitest.config.ts'
import { type Rails, startRails } from './coming-from-faye/rails.ts'
import { root } from './tree/source-tree.ts'

const example = join(root, 'docs/examples/coming-from-faye')
/** Inside the checkout, so that what is built finds its packages. */
const outDir = join(root, 'node_modules/.lockstep/coming-from-faye')
const secret = 'a-secret-of-more-than-thirty-two-characters'

/** What is used of clients that have no types. */
interface FayeClient {
  addExtension(extension: object): void
  subscribe(channel: string, listener: (data: unknown) => void): PromiseLike<unknown>
  publish(channel: string, data: unknown): PromiseLike<unknown>
  disconnect(): void
}
interface CometD {
  subscribe(
    channel: string,
    listener: (message: { data: unknown }) => void,
    answered: (reply: { successful: boolean }) => void,
  ): unknown
  disconnect(): void
}
const require = createRequire(import.meta.url)
const Faye = require('faye') as { Client: new (url: string) => FayeClient }
const undo: (() => unknown)[] = []
vi.setConfig({ testTimeout: 150_000, hookTimeout: 120_000 })
const soon = (check: () => unknown): Promise<unknown> => eventually(check, { timeoutMs: 60_000 })

afterEach(async () => {
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step()
})

describe('beside an application that stays', () => {
  let database: TestDatabase
  let rails: Rails
  let server: ChildProcess
  let browser: Browser | undefined
  let said = ''

  const start = async (): Promise<void> => {
    rails.lockstepPort = await freePort()
    server = spawn(process.execPath, [join(outDir, 'server.js')], {
      env: {
        ...process.env,
        DATABASE_URL: database.url,
        RAILS_URL: rails.address,
        PUBLISH_SECRET: secret,
        PORT: String(rails.lockstepPort),
      },
    })
    server.stderr?.on('data', (chunk) => {
      said += chunk
    })
    await soon(async () => {
      if (server.exitCode !== null) throw new Error(`the server ended: ${said}`)
      expect((await fetch(`${rails.address}/lockstep/health`)).status).toBe(200)
    })
  }

  beforeAll(async () => {
    database = await createDatabase()
    rails = await startRails()
    // As in all tests, the packages are taken from their sources.
    const { resolve } = config
    vi.stubEnv('NODE_ENV', 'production')
    await build({
      root: example,
      logLevel: 'error',
      configFile: false,
      ...(resolve && { resolve }),
      build: { outDir, emptyOutDir: true, ssr: 'server.ts', target: 'node20' },
    })
    vi.unstubAllEnvs()
    await start()
  })

  afterAll(async () => {
    await browser?.close()
    server?.kill('SIGKILL')
    await rails?.close()
    await database?.drop()
    await rm(outDir, { recursive: true, force: true })
  })

  const publish = async (data: object): Promise<void> => {
    const reply = await fetch(`${rails.address}/lockstep/publish`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ channel: '/sync/todos', data }),
    })
    expect(reply.status, await reply.clone().text()).toBe(200)
  }

  afterEach(() => publish({ destroy: ['1', '2', '3', '4', '17', '30'] }))

  const runCurl = async (): Promise<unknown> => {
    const { stdout } = await promisify(execFile)('sh', [join(example, 'publish.sh')], {
      env: { ...process.env, LOCKSTEP_URL: `${rails.address}/lockstep`, PUBLISH_SECRET: secret },
    })
    return JSON.parse(stdout)
  }
  const withoutCurl = (): Promise<boolean> =>
    promisify(execFile)('curl', ['--version']).then(
      () => false,
      () => true,
    )

  test('B1, B4: the observer publishes with curl, and once', async (context) => {
    context.skip(await withoutCurl(), 'there is no curl on this machine')
    expect(await runCurl()).toEqual({ replayed: false, missing: [] })
    expect(await runCurl()).toEqual({ replayed: true, missing: [] })
  })

  test('Y3, Y5: a CometD client signs in by the extension and gets the same', async () => {
    const cometd = newCometD()
    undo.push(() => cometd.disconnect())
    const session = await fetch(`${rails.address}/lockstep/session`, {
      method: 'POST',
      headers: { cookie: 'user=alice', origin: rails.address, 'content-type': 'application/json' },
      body: '{}',
    })
    connectCometD(cometd, `${rails.address}/faye`, (await session.json()).token)
    const got: unknown[] = []
    const reply = await new Promise((resolve) => {
      cometd.subscribe('/sync/todos', ({ data }) => got.push(data), resolve)
    })
    expect(reply).toMatchObject({ successful: true })
    await publish({ create: { 30: { id: 30, title: 'Buy milk' } } })
    await soon(() => expect(got).toHaveLength(1))
    expect(got[0]).toEqual({
      create: { 30: { id: 30, title: 'Buy milk', created_at: null, updated_at: null } },
    })
  })

  describe.skipIf(withoutBrowser())('in a browser', () => {
    const open = async (user: string): Promise<Page> => {
      browser ??= await launchChromium()
      const context = await browser.newContext()
      undo.push(() => context.close())
      await context.addCookies([{ name: 'user', value: user, url: rails.address }])
      const page = await context.newPage()
      await page.goto(rails.address)
      return page
    }
    const titlesOn = (page: Page): Promise<string[]> => page.locator('li').allTextContents()
    test('Y5, Y6: the page follows what is published, also over a restart, without being loaded again', async () => {
      await publish({ create: { 1: { id: 1, title: 'Get Cheeseburgers' } } })
      const page = await open('alice')
      await soon(async () => expect(await titlesOn(page)).toEqual(['Get Cheeseburgers']))
      const requests: string[] = []
      page.on('request', (asked) => requests.push(new URL(asked.url()).pathname))
      await publish({
        create: { 2: { id: 2, title: 'Buy milk' } },
        update: { 1: { title: 'Buy Cheeseburgers' } },
      })
      await soon(async () => expect(await titlesOn(page)).toEqual(['Buy Cheeseburgers', 'Buy milk']))
      server.kill('SIGKILL')
      await start()
      await publish({ destroy: ['2'] })
      await soon(async () => expect(await titlesOn(page)).toEqual(['Buy Cheeseburgers']))
      expect(requests.filter((path) => !path.startsWith('/faye'))).toEqual([])
      // What cannot be told change by change: the page is told so, and fetches the rows.
      const sql = postgres(database.url, { max: 1, onnotice: () => {} })
      undo.push(() => sql.end({ timeout: 1 }))
      await sql`TRUNCATE lockstep.external_todos`
      await soon(async () => expect(await titlesOn(page)).toEqual([]))
      await publish({ create: { 3: { id: 3, title: 'Buy bread' } } })
      await soon(async () => expect(await titlesOn(page)).toEqual(['Buy bread']))
    })

    test('Y5: the subscriber of old needs no extension where the cookie says who it is', async () => {
      const page = await open('alice')
      await page.evaluate(`import('/old-page.js').then(async ({ todos, subscriber }) => {
        window.old = todos
        await subscriber.subscription
      })`)
      const old = (): Promise<unknown> => page.evaluate('old.toJSON()')
      await publish({ create: { 3: { id: 3, title: 'Get Cheeseburgers' } } })
      await soon(async () => expect(await old()).toMatchObject([{ id: 3, title: 'Get Cheeseburgers' }]))
      await publish({ update: { 3: { title: 'Buy Cheeseburgers' } } })
      await soon(async () => expect(await old()).toMatchObject([{ id: 3, title: 'Buy Cheeseburgers' }]))
      await publish({ destroy: ['3'] })
      await soon(async () => expect(await old()).toEqual([]))
    })

    test('Y5: who may not read the channel is refused, as if there were none', async () => {
      const page = await open('eve')
      const refusal = await page.evaluate(
        `new Faye.Client('/faye').subscribe('/sync/todos', () => {}).then(() => 'granted', String)`,
      )
      expect(refusal).toContain('There is no such channel')
    })

    test('G1: a native client beside it has the same rows', async () => {
      const page = await open('alice')
      await publish({ create: { 4: { id: 4, title: 'Get Cheeseburgers' } } })
      await page.evaluate(`import('/native.js').then(({ todos }) => { window.native = todos })`)
      const titles = (): Promise<unknown> => page.evaluate(`native.pluck('title')`)
      await soon(async () => expect(await titles()).toEqual(['Get Cheeseburgers']))
      await publish({ update: { 4: { title: 'Buy Cheeseburgers' } } })
      await soon(async () => expect(await titles()).toEqual(['Buy Cheeseburgers']))
    })
  })
})

describe('in one process', () => {
  const serve = async (options: Partial<SyncServerOptions>, schema = ''): Promise<[SyncServer, string]> => {
    const database = await createDatabase()
    undo.push(() => database.drop())
    if (schema !== '') {
      const sql = postgres(database.url, { max: 1, onnotice: () => {} })
      await sql.unsafe(schema)
      await sql.end()
    }
    const server = await createSyncServer({
      sync: defineSync({ channels: {}, collections: {} }),
      database: database.url,
      slot: database.name,
      setup: 'apply',
      authenticate: () => null,
      ...options,
    })
    const http = createServer((_request, response) => response.writeHead(404).end())
    server.attach(http)
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    undo.push(async () => {
      await server.close()
      http.closeAllConnections()
      http.close()
    })
    return [server, `http://127.0.0.1:${(http.address() as AddressInfo).port}`]
  }
  const fayeOf = (address: string, token?: string): FayeClient => {
    const client = new Faye.Client(`${address}/bayeux`)
    if (token !== undefined) client.addExtension(lockstepExtension({ token }))
    undo.push(() => client.disconnect())
    return client
  }

  test('Y5, Y6: tables take the place of the observer, and clients see no difference', async () => {
    const [server, address] = await serve(
      { sync: tables, bayeux: {} },
      'CREATE TABLE todos (id serial PRIMARY KEY, title text, created_at timestamptz, updated_at timestamptz)',
    )
    const client = fayeOf(address, server.issueSession({ id: 'alice', reads: 'todos' }).token)
    const got: unknown[] = []
    await client.subscribe('/sync/todos', (data) => got.push(data))
    await server.sql`INSERT INTO todos (title) VALUES ('Buy milk')`
    await server.sql`UPDATE todos SET title = 'Buy juice'`
    await server.sql`DELETE FROM todos`
    await soon(() => expect(got.length).toBeGreaterThanOrEqual(3))
    expect(got).toEqual([
      { create: { 1: { id: 1, title: 'Buy milk', created_at: null, updated_at: null } } },
      { update: { 1: { title: 'Buy juice' } } },
      { destroy: { 1: {} } },
    ])
  })

  test('Y5, Y6: the extension tells of a reset, and of a right that was taken', async () => {
    let allowed = true
    const [server, address] = await serve(
      {
        sync: { ...tables, channels: { 'sync/todos': { authorize: () => allowed } } },
        bayeux: {},
      },
      'CREATE TABLE todos (id serial PRIMARY KEY, title text, created_at timestamptz, updated_at timestamptz)',
    )
    const told: unknown[] = []
    const client = new Faye.Client(`${address}/bayeux`)
    undo.push(() => client.disconnect())
    const { token } = server.issueSession({ id: 'alice' })
    client.addExtension(lockstepExtension({ token, onReset: (...reset) => told.push(reset) }))
    await client.subscribe('/sync/todos', () => {})
    await server.sql`TRUNCATE todos`
    await soon(() => expect(told).toEqual([['/sync/todos', 'truncated']]))
    allowed = false
    await server.reauthorize('alice')
    await soon(() => expect(told.slice(1)).toEqual([['/sync/todos', 'revoked']]))
  })

  test('Y7, Y8: clients publish where it is opened to them, and an extension has its say', async () => {
    const [server, address] = await serve({ bayeux })
    const alice = fayeOf(address, server.issueSession({ id: 'alice' }).token)
    const nobody = fayeOf(address)
    const got: unknown[] = []
    await nobody.subscribe('/chat/lunch', (data) => got.push(data))
    await alice.publish('/chat/lunch', 'Cheeseburgers?')
    await soon(() => expect(got).toEqual(['Cheeseburgers?']))
    const refusal = async (asked: PromiseLike<unknown>): Promise<unknown> => {
      try {
        return await asked
      } catch (error) {
        return error
      }
    }
    expect(await refusal(nobody.publish('/chat/lunch', 'No'))).toMatchObject({ code: 403 })
    expect(await refusal(alice.publish('/chat/lunch', 'x'.repeat(600)))).toMatchObject({
      code: 413,
      message: 'That is too long',
    })
    expect(await refusal(alice.publish('/elsewhere', 'x'))).toMatchObject({ code: 403 })
  })
})

function newCometD(): CometD {
  ;(require('cometd-nodejs-client') as { adapt(): void }).adapt() // gives Node what CometD expects of a browser
  return new (require('cometd') as { CometD: new () => CometD }).CometD()
}
