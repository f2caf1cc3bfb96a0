import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { createDatabase, eventually, freePort, type TestDatabase } from '@lockstep/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const main = fileURLToPath(new URL('../../dist/server/main.js', import.meta.url))

interface Run {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs the built program to its end; `onOut` sees what it has printed so far. */
function run(env: Record<string, string>, onOut?: (out: string, stop: () => void) => void): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main], { env: { PATH: process.env.PATH, ...env } })
    let [out, err] = ['', '']
    child.stdout.on('data', (chunk) => {
      out += chunk
      onOut?.(out, () => child.kill('SIGINT'))
    })
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, out, err: err.trim() }))
  })
}

describe('what cannot start says why and what to do, in one message', () => {
  test('a port in use', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, resolve))
    const address = other.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const { code, err } = await run({ PORT: String(port), DATABASE_URL: 'postgres://x@127.0.0.1:1/x' })
    other.close()
    expect(code).toBe(1)
    expect(err).toBe(
      `Port ${port} is in use by another program. Stop that program, or choose another port: PORT=3000 npm run start:todos`,
    )
  })

  test.each([
    ['PORT', '65536', /^PORT is "65536", which is no port\./],
    ['DATABASE_URL', 'hello', /^DATABASE_URL is not the address of a Postgres\./],
    ['DATABASE_URL', 'postgres://nobody:secret@127.0.0.1:1/none', /^Nothing answers at 127\.0\.0\.1:1\./],
    ['BAYEUX_OPEN', 'demo', /^BAYEUX_OPEN has "demo", which is no Bayeux channel\./],
    ['BAYEUX_JSONP', 'maybe', /^BAYEUX_JSONP is "maybe"\./],
  ])('a wrong %s: %s', async (name, value, message) => {
    const { code, err } = await run({ PORT: String(await freePort()), [name]: value })
    expect(code).toBe(1)
    expect(err).toMatch(message)
    expect(err.split('\n')).toHaveLength(1)
    expect(err).not.toContain('secret')
  })
})

test('prints its address and the sign-ins, and Ctrl-C ends it cleanly', async () => {
  const database = await createDatabase()
  const port = await freePort()
  const { code, out, err } = await run(
    { PORT: String(port), DATABASE_URL: database.url },
    (printed, stop) => {
      if (printed.includes('Ctrl-C')) stop()
    },
  )
  expect(out).toContain(`http://localhost:${port}`)
  expect(out).toContain('alice@example.com')
  expect(out).toContain('olivia@example.com')
  expect(out).toMatch(/password: \S+/)
  expect(err).toBe('')
  expect(code).toBe(0)
  await database.drop()
})

interface FayeClient {
  subscribe(channel: string, listener: (data: unknown) => void): PromiseLike<unknown>
  publish(channel: string, data: unknown): PromiseLike<unknown>
  disable(feature: string): void
  disconnect(): unknown
}
const Faye = createRequire(import.meta.url)('faye') as { Client: new (url: string) => FayeClient } // the package has no types

describe('BAYEUX_OPEN and BAYEUX_JSONP, with the real Faye client and nobody signed in', () => {
  let database: TestDatabase
  let child: ChildProcess
  let url: string
  const clients: FayeClient[] = []

  beforeAll(async () => {
    database = await createDatabase()
    const port = await freePort()
    url = `http://127.0.0.1:${port}/bayeux`
    child = spawn(process.execPath, [main], {
      env: {
        PATH: process.env.PATH,
        PORT: String(port),
        DATABASE_URL: database.url,
        BAYEUX_OPEN: '/demo/**,/foo',
        BAYEUX_JSONP: '1',
      },
    })
    let printed = ''
    child.stdout?.on('data', (chunk) => {
      printed += chunk
    })
    await eventually(() => expect(printed).toContain('/demo/**, /foo'), { timeoutMs: 50_000 })
  })
  afterAll(async () => {
    for (const client of clients) client.disconnect()
    const ended = once(child, 'exit')
    child.kill('SIGINT')
    await ended
    await database.drop()
  })

  function client(...disabled: string[]): FayeClient {
    const made = new Faye.Client(url)
    for (const feature of disabled) made.disable(feature)
    clients.push(made)
    return made
  }

  test.each([
    ['websocket', []],
    ['long-polling', ['websocket']],
  ])('Y7: open channels are published on and subscribed to over %s', async (_carrier, disabled) => {
    const got: unknown[] = []
    const reader = client(...disabled)
    await reader.subscribe('/demo/**', (data) => got.push(data))
    await reader.subscribe('/foo', (data) => got.push(data))
    const writer = client(...disabled)
    await writer.publish('/demo/a/b', { n: 1 })
    await writer.publish('/foo', { n: 2 })
    await eventually(() => expect(got).toEqual([{ n: 1 }, { n: 2 }]))
  })

  test.each([
    '/sync/team/1/lists',
    '/sync/list/1/todos',
    '/sync/**',
    '/operations/team/1',
    '/other',
    '/demo',
  ])('Y5: %s stays refused', async (channel) => {
    await expect(Promise.resolve(client().subscribe(channel, () => {}))).rejects.toMatchObject({ code: 403 })
    await expect(Promise.resolve(client().publish(channel.replace('/**', '/x'), {}))).rejects.toMatchObject({
      code: 403,
    })
  })

  test('Y9: callback-polling answers', async () => {
    const handshake = {
      channel: '/meta/handshake',
      version: '1.0',
      supportedConnectionTypes: ['callback-polling'],
    }
    const reply = await fetch(`${url}?message=${encodeURIComponent(JSON.stringify([handshake]))}&jsonp=cb`)
    expect(reply.status).toBe(200)
    expect(await reply.text()).toMatch(/^\/\*\*\/cb\(\[\{.*"successful":true.*\}\]\);$/)
  })
})

test('Y9: without BAYEUX_JSONP callback-polling is off, and nothing is open', async () => {
  const database = await createDatabase()
  const port = await freePort()
  const url = `http://127.0.0.1:${port}/bayeux`
  const found: unknown[] = []
  const { code } = await run({ PORT: String(port), DATABASE_URL: database.url }, (printed, stop) => {
    if (!printed.includes('Ctrl-C') || found.length > 0) return
    found.push('asked')
    const client = new Faye.Client(url)
    void (async () => {
      found.push((await fetch(`${url}?message=%5B%5D&jsonp=cb`)).status)
      await Promise.resolve(client.subscribe('/demo/a', () => {})).catch((error) => found.push(error.code))
      client.disconnect()
      stop()
    })()
  })
  expect(found).toEqual(['asked', 404, 403])
  expect(code).toBe(0)
  await database.drop()
})
