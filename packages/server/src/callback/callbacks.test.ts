import { createServer, type Server } from 'node:http'
import { createDatabase, eventually, type TestDatabase } from '@lockstep/testing'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { defineSync } from '../definition/define.ts'
import type { Logger } from '../runtime/logger.ts'
import { createSyncServer, type SyncServer, type SyncServerOptions } from '../server.ts'
import { type Answer, Application, addressOf, callbackSecret, Page } from './application.setup.ts'
import type { CallbackOptions } from './callback.ts'

const sync = defineSync({
  channels: { 'project/:id': { authorize: ({ user }) => user.id !== 'nobody' } },
  collections: {},
})

let database: TestDatabase
let sql: postgres.Sql
let application: Application
let server: SyncServer
let http: Server
let pages: Page[] = []
const logged: string[] = []
const log = (message: string): void => void logged.push(message)
const logger: Logger = { debug: log, info: log, warn: log, error: log }

beforeAll(async () => {
  database = await createDatabase()
  sql = postgres(database.url, { max: 1, onnotice: () => {} })
}, 60_000)

beforeEach(async () => {
  application = new Application()
  await application.up()
  logged.length = 0
})

afterEach(async () => {
  for (const page of pages) page.leave()
  pages = []
  await stop()
  await application.down()
  await sql`TRUNCATE lockstep.callbacks, lockstep.callback_sessions`
})

afterAll(async () => {
  await sql.end({ timeout: 5 })
  await database.drop()
})

async function start(
  options: Partial<CallbackOptions> = {},
  more: Partial<SyncServerOptions> = {},
): Promise<void> {
  server = await createSyncServer({
    sync,
    database: database.url,
    slot: database.name,
    authenticate: () => null,
    logger,
    ...more,
    limits: { logoutMs: 200, ...more.limits },
    callbacks: {
      url: application.url,
      secret: callbackSecret,
      ...options,
      limits: { retryMs: 20, answerMs: 8_000, closeMs: 500, ...options.limits },
    },
  })
  http = createServer()
  server.attach(http)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
}

async function stop(): Promise<void> {
  await server.close()
  http.closeAllConnections()
  await new Promise((resolve) => http.close(resolve))
}

interface Come {
  readonly id: string
  readonly token: string
}

const issue = (user = 'alice'): Come => server.issueSession({ id: user })

function open({ token }: Come): Page {
  const page = new Page(addressOf(http), token)
  pages.push(page)
  return page
}

describe.each(['GET', 'POST'] as const)('callbacks by %s', (method) => {
  test('A1, A2: the life of a session, signed, in order, with rising numbers', async () => {
    await start({ method })
    const session = issue()
    const page = open(session)
    expect(await page.subscribe('project/1')).toMatchObject({ type: 'live' })
    page.leave()
    await eventually(() =>
      expect(application.kinds(session.id)).toEqual(['subscribe', 'disconnected', 'logged_out']),
    )
    expect(application.calls.map((call) => call.method)).toEqual([method, method, method])
    const [subscribe, ...others] = application.calls
    expect(Object.fromEntries(subscribe?.facts ?? [])).toEqual({
      session_id: session.id,
      user_id: 'alice',
      channel: 'project/1',
      issued_at: expect.stringMatching(/^[a-z0-9]+\.[0-9a-f]+$/),
      number: expect.stringMatching(/^\d+$/),
      at: expect.stringMatching(/^\d+$/),
      attempt: '1',
    })
    const numbers = application.calls.map(({ number }) => number)
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
    expect(new Set(numbers).size).toBe(3)
    expect(others.every(({ facts }) => !facts.has('channel'))).toBe(true)
    expect(application.refusedSignatures).toBe(0)
    await eventually(async () => expect(await sql`SELECT FROM lockstep.callbacks`).toHaveLength(0))
    expect(await sql`SELECT FROM lockstep.callback_sessions`).toHaveLength(0)
  })
})

describe('subscribe', () => {
  test('A4: is refused by any other status, and nothing more of that session is told', async () => {
    await start()
    application.answer = () => ({ status: 403 })
    const session = issue()
    const page = open(session)
    const missing = await page.subscribe('nothing', 7)
    const refused = await page.subscribe('project/1', 7)
    expect(refused).toMatchObject({ type: 'error', error: { code: 'no_channel' } })
    expect({ ...refused, channel: '' }, 'as a channel that does not exist').toEqual({
      ...missing,
      channel: '',
    })
    page.leave()
    await eventually(() => expect(server.status().sessions).toBe(0))
    expect(application.kinds(session.id)).toEqual(['subscribe'])
  })

  test('A4: is asked only of who may see the channel', async () => {
    await start()
    expect(await open(issue('nobody')).subscribe('project/1')).toMatchObject({ type: 'error' })
    expect(application.calls).toEqual([])
  })

  test('A4, M13: messages in the answer go to this client alone', async () => {
    await start({}, { onSession: () => ({ operations: [{ operation: 'from/hook', envelope: 1 }] }) })
    application.answer = ({ session }) => ({
      body: JSON.stringify([
        { operation: 'current_locks', envelope: [17], session_id: session },
        { operation: 'items/create', envelope: { item: 7 } },
      ]),
    })
    const first = open(issue())
    await first.subscribe('project/1')
    application.answer = () => ({ body: 'no JSON', type: 'text/plain' })
    const second = open(issue())
    await second.subscribe('project/1')
    const heard = ({ inbox }: Page): unknown[] => inbox.filter(({ type }) => type === 'operations')
    await eventually(() => expect(heard(first)).toHaveLength(1))
    expect(heard(first)[0]).toMatchObject({
      channel: 'project/1',
      operations: [
        { operation: 'from/hook', envelope: 1 },
        { operation: 'current_locks', envelope: [17] },
        { operation: 'items/create', envelope: { item: 7 } },
      ],
    })
    await eventually(() => expect(heard(second)).toHaveLength(1))
    expect(heard(second)[0]).toMatchObject({ operations: [{ operation: 'from/hook', envelope: 1 }] })
  })

  test('A4: a backend that is down, late, broken or overwhelming makes it unavailable, which may be tried again', async () => {
    await start({ limits: { answerMs: 1_000, answerBytesMax: 1_000 } })
    const page = open(issue())
    const unavailable = { type: 'error', error: { code: 'unavailable', retryable: true } }
    const answers: (() => Answer | Promise<Answer>)[] = [
      () => ({ status: 503 }),
      () => ({ status: 429 }),
      () => ({ body: '{' }),
      () => ({ body: '[{"operation":7}]' }),
      () => ({ body: JSON.stringify('x'.repeat(2_000)) }),
      () => new Promise<Answer>((resolve) => late.push(resolve)),
    ]
    for (const answer of answers) {
      application.answer = answer
      expect(await page.subscribe('project/1')).toMatchObject(unavailable)
    }
    await application.down()
    expect(await page.subscribe('project/1')).toMatchObject(unavailable)
    await application.up()
    application.answer = () => undefined
    await eventually(async () => expect(await page.subscribe('project/1')).toMatchObject({ type: 'live' }))
    for (const resolve of late) resolve(undefined)
  })
  const late: ((answer: Answer) => void)[] = []
})

describe('what has happened', () => {
  test('A3: is kept while the backend is down, and told in order when it is back', async () => {
    await start({}, { limits: { logoutMs: 600_000 } })
    const session = issue()
    const page = open(session)
    await page.subscribe('project/1')
    await application.down()
    page.leave()
    await eventually(() => expect(logged.some((line) => line.includes('callback disconnected'))).toBe(true))
    const again = open(session)
    await eventually(() => expect(again.inbox[0]).toMatchObject({ type: 'welcome', restored: true }))
    application.answer = ({ kind }) => (kind === 'subscribe' ? undefined : { status: 500 })
    await application.up()
    expect(await again.subscribe('project/1'), 'not before what came before').toMatchObject({
      error: { code: 'unavailable' },
    })
    expect(application.kinds(session.id)).not.toContain('restored')
    application.calls.splice(1)
    application.answer = () => undefined
    await eventually(() =>
      expect(application.kinds(session.id)).toEqual(['subscribe', 'disconnected', 'restored']),
    )
    expect(application.states.get(session.id)).toBe('restored')
    expect(await again.subscribe('project/1')).toMatchObject({ type: 'live' })
    expect(application.states.get(session.id)).toBe('subscribe')
  })

  test('A3: a disconnected that the backend is late with does not undo a newer subscribe', async () => {
    await start({ limits: { answerMs: 1_000 } }, { limits: { logoutMs: 600_000 } })
    const session = issue()
    const page = open(session)
    await page.subscribe('project/1')
    const held: ((answer: Answer) => void)[] = []
    application.answer = ({ kind }) =>
      kind === 'disconnected' && held.length < 2
        ? new Promise<Answer>((resolve) => held.push(resolve))
        : undefined
    page.leave()
    // Both held ones time out, and a later attempt is taken: the backend has it several times.
    await eventually(() => expect(application.states.get(session.id)).toBe('disconnected'))
    expect(application.calls.filter(({ kind }) => kind === 'disconnected').length).toBeGreaterThanOrEqual(3)
    const back = open(session)
    await eventually(async () => expect(await back.subscribe('project/1')).toMatchObject({ type: 'live' }))
    expect(application.states.get(session.id)).toBe('subscribe')
    for (const resolve of held.reverse()) resolve(undefined)
    await new Promise((resolve) => setImmediate(resolve))
    expect(application.states.get(session.id)).toBe('subscribe')
    const told = application.calls.filter(({ kind }) => kind === 'disconnected')
    expect(new Set(told.map(({ number }) => number)).size, 'the same event each time').toBe(1)
    expect(told.map(({ attempt }) => attempt)).toEqual(told.map((_, i) => i + 1))
  })

  test('A3: a backend that answers twice, late, with faults and out of order ends in the right state', async () => {
    await start({ limits: { answerMs: 1_000, retryMs: 5, retryMsMax: 40 } }, { limits: { logoutMs: 30 } })
    let seed = 7
    const random = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return seed / 2_147_483_648
    }
    /** What the backend is late with, until it has done something newer of the same session. */
    const held = new Map<string, (() => void)[]>()
    const letGo = (session: string): void => {
      for (const release of held.get(session)?.splice(0) ?? []) setImmediate(release)
    }
    application.answer = async ({ kind, session }) => {
      const dice = random()
      if (dice < 0.2) return { status: 500 }
      // Not answered in the time that is waited for: it is sent again, and the first is done later.
      if (dice < 0.35 && kind !== 'subscribe') {
        await new Promise<void>((resolve) => {
          held.set(session, [...(held.get(session) ?? []), resolve])
        })
      } else letGo(session)
      return undefined
    }
    const sessions = Array.from({ length: 12 }, () => issue())
    await Promise.all(
      sessions.map(async (session, i) => {
        for (let round = 0; round < 3; round++) {
          const page = open(session)
          await eventually(
            async () => expect(await page.subscribe('project/1')).toMatchObject({ type: 'live' }),
            {
              timeoutMs: 30_000,
            },
          )
          if (round < 2 || i % 2 === 0) page.leave()
        }
      }),
    )
    application.answer = ({ session }) => {
      letGo(session)
      return undefined
    }
    for (const [i, session] of sessions.entries()) {
      const final = i % 2 === 0 ? 'logged_out' : 'subscribe'
      await eventually(() => expect([i, application.states.get(session.id)]).toEqual([i, final]), {
        timeoutMs: 30_000,
      })
    }
    await eventually(async () => expect(await sql`SELECT FROM lockstep.callbacks`).toHaveLength(0), {
      timeoutMs: 30_000,
    })
    for (const { id } of sessions) letGo(id)
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    for (const [i, session] of sessions.entries()) {
      expect([i, application.states.get(session.id)]).toEqual([i, i % 2 === 0 ? 'logged_out' : 'subscribe'])
    }
  }, 180_000)

  test('A3: outlives a restart of the server', async () => {
    await start({}, { limits: { logoutMs: 600_000 } })
    const [gone, back] = [issue(), issue()]
    const page = open(gone)
    await page.subscribe('project/1')
    await open(back).subscribe('project/1')
    await application.down()
    page.leave()
    await eventually(async () => expect(await sql`SELECT FROM lockstep.callbacks`).toHaveLength(1))
    await stop()
    await application.up()
    await start({}, { limits: { logoutMs: 8_000 } })
    expect(await open(back).subscribe('project/1')).toMatchObject({ type: 'live' })
    await eventually(
      () => {
        expect(application.kinds(gone.id)).toEqual(['subscribe', 'disconnected', 'logged_out'])
        expect(application.kinds(back.id)).toEqual(['subscribe', 'disconnected', 'subscribe'])
      },
      { timeoutMs: 25_000 },
    )
    await eventually(async () =>
      expect(await sql`SELECT session FROM lockstep.callback_sessions`).toEqual([{ session: back.id }]),
    )
    // Forgotten after the backend has answered.
    await eventually(async () => expect(await sql`SELECT FROM lockstep.callbacks`).toHaveLength(0))
  }, 60_000)

  test('A3: is given up, loudly, when too much waits', async () => {
    await start({ limits: { waitingMax: 3, retryMs: 60_000 } }, { limits: { logoutMs: 600_000 } })
    const came = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const page = open(issue())
        await page.subscribe('project/1')
        return page
      }),
    )
    await application.down()
    for (const page of came) page.leave()
    await eventually(() =>
      expect(logged.filter((line) => line.includes('given up, too many wait'))).toHaveLength(2),
    )
    await eventually(async () => expect(await sql`SELECT FROM lockstep.callbacks`).toHaveLength(3))
  })
})

test('refuses a secret and an address that are none, at the start', async () => {
  await start()
  for (const options of [
    { url: application.url, secret: 'short' },
    { url: application.url, secret: [] },
    { url: 'ftp://host/x', secret: callbackSecret },
    { url: '/juggernaut', secret: callbackSecret },
  ]) {
    await expect(
      createSyncServer({
        sync,
        database: database.url,
        slot: `${database.name}_2`,
        authenticate: () => null,
        logger,
        callbacks: options,
      }),
    ).rejects.toThrow(TypeError)
  }
})
