import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createDatabase, eventually, type TestDatabase } from '@lockstep/testing'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { defineSync } from '../../definition/define.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { createSyncServer, type SyncServer, type SyncServerOptions } from '../../server.ts'
import type { SessionAnswer, SessionEvent } from '../../session/event.ts'
import { type AnnouncedOperation, announce } from '../../write/announce.ts'
import { Program } from './program.setup.ts'

const sync = defineSync({
  channels: {
    'project/:id': {
      presence: true,
      authorize: ({ user, params }) =>
        user.juggernaut === true || user.projects === params.id
          ? user.guest === true
            ? 'guest'
            : true
          : false,
    },
  },
  collections: {
    items: {
      external: { id: 'integer', project_id: 'integer', title: 'text' },
      channel: 'project/:project_id',
      // Two views, so that a position says nothing of the columns.
      columns: { member: ['id', 'title'], guest: ['id'] },
    },
  },
})

let database: TestDatabase
let server: SyncServer
let port: number
let http: Server
let address: string
let programs: Program[] = []
const events: SessionEvent[] = []
let answer: (event: SessionEvent) => SessionAnswer = () => true

beforeAll(async () => {
  database = await createDatabase()
  await start()
}, 60_000)

beforeEach(async () => {
  // Sessions are issued at the log's end: what the test before committed lies behind it.
  await server.barrier()
})

afterEach(() => {
  for (const program of programs) program.leave()
  programs = []
  answer = () => true
})

afterAll(async () => {
  await stop()
  await database.drop()
})

async function start(options: Partial<SyncServerOptions> = {}): Promise<void> {
  server = await createSyncServer({
    sync,
    database: database.url,
    slot: database.name,
    authenticate: () => null,
    logger: silentLogger,
    onSession: (event) => {
      events.push(event)
      return answer(event)
    },
    ...options,
    juggernaut: {
      port: 0,
      host: '127.0.0.1',
      openSessions: true,
      channel: 'project/:id',
      ...options.juggernaut,
    },
  })
  port = server.juggernautPort ?? 0
  http = createServer()
  server.attach(http)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  address = `http://127.0.0.1:${(http.address() as AddressInfo).port}` // it listens on TCP
}

async function stop(): Promise<void> {
  http.closeAllConnections()
  http.close()
  await server.close()
}

async function open(): Promise<Program> {
  const program = await Program.open(port)
  programs.push(program)
  return program
}

interface Given {
  readonly session: string
  readonly token: string
}

function issue(project = '1', user: object = {}): Given {
  const { id, token } = server.issueSession({ id: 'alice', projects: project, ...user }, [
    `project/${project}`,
  ])
  return { session: id, token }
}

const handshake = ({ session, token }: Given, more: object = {}): object => ({
  command: 'subscribe',
  session_id: session,
  client_id: session,
  channels: ['project/1'],
  token,
  ...more,
})

/** A program that is subscribed, and has had everything so far. */
async function subscribed(given: Given = issue(), more: object = {}): Promise<Program> {
  const program = await open()
  const from = events.length
  program.say(handshake(given, more))
  await eventually(() =>
    expect(
      events.slice(from).some(({ kind, session }) => kind === 'subscribe' && session === given.session),
    ).toBe(true),
  )
  return program
}

/** Commits operations, all in one transaction. */
async function commit(envelopes: readonly unknown[], session?: string, channel = 'project/1'): Promise<void> {
  const operations = envelopes.map(
    (envelope): AnnouncedOperation => ({ channel, operation: 'note', envelope: envelope as object }), // JSON
  )
  await announce((statement, values) => server.sql.unsafe(statement, [...values]), { session, operations })
}

describe('J1: frames', () => {
  test('of any size of packet are read alike: byte by byte, several at once, cut anywhere', async () => {
    const text = `\0${JSON.stringify({ command: 'noop' })}\0`
    const bytesOf = (given: Given): Buffer =>
      Buffer.from(text + JSON.stringify(handshake(given, { note: 'für Ölivia' })) + text)
    const slow = await open()
    for (const byte of bytesOf(issue())) {
      slow.write(Uint8Array.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    const whole = await open()
    whole.write(bytesOf(issue()))
    await eventually(async () => {
      await commit(['x'])
      expect(slow.envelopes).toContain('x')
      expect(whole.envelopes).toContain('x')
    })
  })

  test('that are cut at random places mean the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(400), { maxLength: 8 }), async (cuts) => {
        const given = issue()
        const program = await open()
        const bytes = Buffer.from(
          `${JSON.stringify(handshake(given))}\0${JSON.stringify({ command: 'noop' })}\0`,
        )
        const places = [...new Set(cuts.filter((at) => at < bytes.length))].sort((a, b) => a - b)
        for (const [i, at] of [0, ...places].entries()) {
          program.write(bytes.subarray(at, places[i] ?? bytes.length))
          await new Promise((resolve) => setImmediate(resolve))
        }
        await eventually(() => expect(events.some(({ session }) => session === given.session)).toBe(true))
        expect(program.told).toEqual([])
        program.leave()
      }),
      { numRuns: 10 },
    )
  })
})

describe('J2: who subscribes', () => {
  test('shows a token, in a field of its own or as its session', async () => {
    for (const message of [
      handshake(issue()),
      handshake(issue(), { session_id: undefined, client_id: undefined }),
      handshake(issue(), { token: undefined, session_id: issue().token }),
    ]) {
      const program = await open()
      program.say(message)
      await eventually(async () => {
        await commit(['in'])
        expect(program.envelopes).toContain('in')
      })
    }
  })

  test('is refused with a token that is none, another session’s, or none at all for a session that has one', async () => {
    const native = issue()
    const kept = await subscribed(native)
    const cases: [object, string][] = [
      [handshake(issue(), { token: 'x'.repeat(100) }), 'unauthorized'],
      [handshake(issue(), { session_id: 'another' }), 'unauthorized'],
      [handshake(native, { token: undefined }), 'unauthorized'],
      [handshake(native, { token: undefined, session_id: 'a b' }), 'unauthorized'],
      [handshake(native, { token: undefined, session_id: null }), 'bad_request'],
      [handshake(native, { token: undefined, session_id: undefined }), 'unauthorized'],
    ]
    for (const [message, code] of cases) {
      const program = await open()
      program.say(message)
      expect([message, await program.refused()]).toEqual([message, code])
      expect(program.envelopes).toEqual([])
    }
    await commit(['still there'])
    await kept.hears('still there')
  })

  test('may come with a session of the application’s own, where that decides', async () => {
    answer = (event) => event.kind !== 'subscribe' || event.session === '17'
    const program = await open()
    program.say({ command: 'subscribe', session_id: 17, client_id: 17, channels: [1] })
    const refused = await open()
    refused.say({ command: 'subscribe', session_id: '18', client_id: '18', channels: ['project/1'] })
    expect(await refused.refused()).toBe('no_channel')
    await eventually(async () => {
      await commit(['in'])
      expect(program.envelopes).toContain('in')
    })
    expect(events.find(({ session }) => session === '17')).toMatchObject({
      kind: 'subscribe',
      channel: 'project/1',
      user: { id: 'juggernaut:17' },
    })
  })

  test('is let in to its own channel only, and cannot tell another from one that does not exist', async () => {
    const answers: unknown[] = []
    for (const channels of [['project/2'], ['nothing/at/all'], ['a b'], ['project/1/x']]) {
      const program = await open()
      const from = events.length
      program.say(handshake(issue(), { channels }))
      expect(await program.refused()).toBe('no_channel')
      expect(events.slice(from).filter(({ kind }) => kind === 'subscribe')).toEqual([])
      answers.push(program.frames)
    }
    for (const one of answers) expect(one).toEqual(answers[0])
    for (const channels of [[], ['project/1', 'project/2'], 'project/1', undefined]) {
      const program = await open()
      program.say(handshake(issue(), { channels }))
      expect(await program.refused()).toBe('conflict')
    }
  })
})

describe('J3: messages', () => {
  test('have the operation, its envelope, who wrote it, and a place to go on from', async () => {
    const program = await subscribed()
    await commit([{ item: 7 }], 'writer-1')
    await commit([null])
    await program.hears({ item: 7 }, null)
    expect(program.told).toEqual([
      {
        id: expect.stringMatching(/^[a-z0-9]+\.[0-9a-f]+$/),
        body: { operation: 'note', envelope: { item: 7 }, session_id: 'writer-1' },
      },
      { id: expect.any(String), body: { operation: 'note', envelope: null, session_id: null } },
    ])
  })

  test('begin where the page was rendered, after what the application has for this one alone', async () => {
    const given = issue()
    await commit([1, 2])
    answer = () => ({ operations: [{ operation: 'hello', envelope: [17] }] })
    await commit([3])
    const program = await subscribed(given)
    await program.hears([17], 1, 2, 3)
    await commit([4])
    await program.hears([17], 1, 2, 3, 4)
    expect(program.told[0]?.body).toEqual({
      operation: 'hello',
      envelope: [17],
      session_id: null,
    })
    // Whoever has had no more than that goes on from before all others.
    const again = await subscribed(given, { last_msg_id: program.told[0]?.id })
    await again.hears([17], 1, 2, 3, 4)
  })

  test('N1: tell who is there, who comes and what they say of themselves, and who is gone', async () => {
    const [given, guest] = [issue(), issue()]
    const program = await subscribed(given)
    const of = (name: string): { here?: { session: string }[]; sessions?: string[]; more: number }[] =>
      program.messages.flatMap(({ body }) => (body?.operation === name ? [body.envelope as never] : []))
    await eventually(() => expect(of('connected_users')).toHaveLength(1))
    const here = (): unknown[] => of('presence').flatMap((envelope) => envelope.here ?? [])
    await eventually(() => expect(JSON.stringify([of('connected_users'), here()])).toContain(given.session))
    const other = await subscribed(guest)
    await eventually(() =>
      expect(here()).toContainEqual({
        session: guest.session,
        by: null,
        state: null,
        at: expect.any(Number),
      }),
    )
    other.leave()
    await eventually(() => expect(of('disconnected')).toContainEqual({ sessions: [guest.session], more: 0 }))
    const position = program.messages.at(-1)?.id
    program.leave()
    await commit(['after'])
    const again = await subscribed(given, { last_msg_id: position })
    await again.hears('after')
  })

  test('K1: begin with all locks, before what was missed, and have each change of them', async () => {
    const holder = issue()
    const lock = (type: string): Promise<Response> =>
      fetch(`${address}/lockstep/locks`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${holder.token}` },
        body: JSON.stringify({ type, channel: 'project/1', resource: 'items/17' }),
      })
    const given = issue()
    await commit(['missed'])
    expect((await lock('lock')).status).toBe(200)
    const program = await subscribed(given)
    const of = (name: string): unknown[] =>
      program.messages.flatMap(({ body }) => (body?.operation === name ? [body.envelope] : []))
    await program.hears('missed')
    expect(program.messages[0]?.body).toMatchObject({
      operation: 'current_locks',
      envelope: { locks: [{ resource: 'items/17', session: holder.session }] },
    })
    expect(of('current_locks')).toHaveLength(1)
    expect((await lock('unlock')).status).toBe(204)
    await eventually(() => expect(of('locks')).toEqual([{ taken: [], freed: ['items/17'] }]))
    const { id } = program.messages.at(-1) ?? {}
    await commit(['next'])
    await (await subscribed(given, { last_msg_id: id })).hears('next')
  })

  test('are replayed from the last that was had, also where a commit has several', async () => {
    const given = issue()
    const first = await subscribed(given)
    await commit([1])
    await commit([2, 3, 4])
    await commit([5], undefined, 'project/2')
    await commit([6])
    await first.hears(1, 2, 3, 4, 6)
    for (const [i, { id }] of first.told.entries()) {
      const again = await subscribed(given, { last_msg_id: id })
      await again.hears(...[1, 2, 3, 4, 6].slice(i + 1))
    }
  })

  test('that cannot be continued are followed from now on, and that is told', async () => {
    const program = await subscribed(issue(), { last_msg_id: 'other.16b3748' })
    await eventually(() =>
      expect(program.told.map(({ body }) => body)).toEqual([
        { operation: 'reset', envelope: { reason: 'epoch' }, session_id: null },
      ]),
    )
    await eventually(async () => {
      await commit(['after'])
      expect(program.envelopes).toContain('after')
    })
  })

  test('wait in the log for a program that does not read, and come whole and in order', async () => {
    const given = issue('1', { guest: true })
    const program = await subscribed(given)
    const neighbour = await subscribed()
    program.socket.pause()
    const filler = 'x'.repeat(4_000)
    for (let n = 0; n < 60; n++)
      await commit(Array.from({ length: 40 }, (_, i) => ({ n: n * 40 + i, filler })))
    const numbers = (of: Program): unknown[] => of.envelopes.map((envelope) => (envelope as { n: number }).n) // as made above
    const all = Array.from({ length: 2_400 }, (_, n) => n)
    await eventually(() => expect(numbers(neighbour)).toEqual(all), { timeoutMs: 30_000, everyMs: 200 })
    expect(server.status().behind, 'the test made it slow').toBe(1)
    program.socket.resume()
    await eventually(() => expect(numbers(program)).toEqual(all), { timeoutMs: 30_000, everyMs: 200 })
  }, 90_000)
})

describe('J4: what is refused', () => {
  test('gets an error, loses its connection, and disturbs nobody', async () => {
    const neighbour = await subscribed()
    const good = (): string => JSON.stringify(handshake(issue()))
    const cases: [string | Uint8Array, string][] = [
      ['garbage\0', 'bad_request'],
      ['null\0', 'bad_request'],
      ['[]\0', 'bad_request'],
      ['{"command":"subscribe"\0', 'bad_request'],
      [`${'['.repeat(60_000)}\0`, 'bad_request'],
      [Uint8Array.of(0xff, 0xfe, 0x80, 0), 'bad_request'],
      ['x'.repeat(65_537), 'too_large'],
      [`{"command":"${'x'.repeat(70_000)}"}\0`, 'too_large'],
      ['{}\0', 'unknown_type'],
      ['{"command":"__proto__"}\0', 'unknown_type'],
      ['{"command":"broadcast","channels":["project/1"],"body":"x"}\0', 'forbidden'],
      ['{"command":"query","type":"show_clients"}\0', 'forbidden'],
      [`${good()}\0${good()}\0`, 'bad_request'],
      [`${good()}\0garbage\0`, 'bad_request'],
      ['GET / HTTP/1.1\r\nHost: localhost\r\n\r\n\0', 'bad_request'],
      ['{"command":"noop"}\0'.repeat(3_000), 'too_fast'],
    ]
    for (const position of ['1', 'a.b.c', 'e.1-x', 'e.1-2-3', '__proto__', 7, {}, `e.${'1'.repeat(40)}`]) {
      cases.push([`${JSON.stringify(handshake(issue(), { last_msg_id: position }))}\0`, 'bad_position'])
    }
    const said: number[] = []
    for (const [i, [bytes, code]] of cases.entries()) {
      const program = await open()
      program.write(bytes)
      expect([i, await program.refused()]).toEqual([i, code])
      await commit([i])
      said.push(i)
    }
    await neighbour.hears(...said)
    expect(neighbour.closed).toBe(false)
  })

  test('is whom the application refuses', async () => {
    answer = ({ kind }) => kind !== 'subscribe'
    const program = await open()
    program.say(handshake(issue()))
    expect(await program.refused()).toBe('no_channel')
    answer = () => {
      throw new Error('down')
    }
    const again = await open()
    again.say(handshake(issue()))
    expect(await again.refused()).toBe('unavailable')
    expect(again.messages.at(-1)?.error?.retryable).toBe(true)
  })

  test('is a client whose right is taken away, and nothing of the channel follows', async () => {
    const rights = { id: 'bob', projects: '1' }
    const { id: session, token } = server.issueSession(rights, ['project/1'])
    const program = await subscribed({ session, token })
    await commit(['before'])
    await program.hears('before')
    answer = () => false
    // The session's user is a copy; a rule that has changed its mind is what this needs.
    const [rule] = Object.values(sync.channels)
    if (rule === undefined) throw new Error('no channel')
    const { authorize } = rule
    Object.assign(rule, { authorize: () => false })
    try {
      await server.reauthorize('bob')
      expect(await program.refused()).toBe('no_channel')
      await commit(['after'])
      expect(program.envelopes).toEqual(['before'])
    } finally {
      Object.assign(rule, { authorize })
    }
  })
})

test('J5: whoever asks for a policy file gets one for this port', async () => {
  const program = await open()
  program.write('<policy-file-request/>\0')
  expect(await program.refused().catch(() => '')).toBe('')
  expect(program.frames).toEqual([expect.stringContaining(`to-ports="${port}"`)])
  expect(program.frames[0]).toMatch(/^<\?xml.*<cross-domain-policy>.*<\/cross-domain-policy>$/)
})

describe('J6: the life of a session', () => {
  test('S2: disconnected at once, logged_out later, unless it came back', async () => {
    await stop()
    await start({ limits: { logoutMs: 5_000 } })
    const kinds = (session: string): string[] =>
      events.flatMap((event) => (event.session === session ? [event.kind] : []))
    const [gone, back] = [issue(), issue()]
    const leaving = await subscribed(gone)
    const returning = await subscribed(back)
    leaving.leave()
    returning.leave()
    await eventually(() => expect(kinds(back.session)).toEqual(['subscribe', 'disconnected']))
    const again = await open()
    again.say(handshake(back))
    await eventually(() => expect(kinds(gone.session)).toEqual(['subscribe', 'disconnected', 'logged_out']), {
      timeoutMs: 20_000,
    })
    const [, disconnected, loggedOut] = events.filter(({ session }) => session === gone.session)
    expect((loggedOut?.at ?? 0) - (disconnected?.at ?? 0)).toBeGreaterThanOrEqual(5_000)
    expect(kinds(back.session)).not.toContain('logged_out')
  })

  test('a newer connection of a session takes the older one’s place', async () => {
    const given = issue()
    const older = await subscribed(given)
    const newer = await subscribed(given)
    expect(await older.refused()).toBe('replaced')
    await commit(['x'])
    await newer.hears('x')
  })

  test('nothing said in time is a timeout, and who has said noop is held to it', async () => {
    await stop()
    await start({ limits: { helloMs: 3_000, heartbeatMs: 500 } })
    const silent = await open()
    expect(await silent.refused()).toBe('timeout')
    const quiet = await subscribed()
    const held = await subscribed()
    held.say({ command: 'noop' })
    await eventually(() => expect(held.closed).toBe(true))
    expect(quiet.closed, 'a program that has no word for it is not asked').toBe(false)
  })

  test('M10: a server that closes says when to come back', async () => {
    const program = await subscribed()
    await stop()
    expect(await program.refused()).toBe('restarting')
    expect(program.messages.at(-1)?.error).toEqual({
      code: 'restarting',
      message: expect.any(String),
      retryable: true,
      retryMs: expect.any(Number),
    })
    await start()
  })
})

test('a port in use, and a template without one parameter, are said at the start', async () => {
  const other = (juggernaut: object): Promise<SyncServer> =>
    createSyncServer({
      sync,
      database: database.url,
      slot: `${database.name}_2`,
      authenticate: () => null,
      logger: silentLogger,
      juggernaut: { port: 0, ...juggernaut },
    })
  await expect(other({ port, host: '127.0.0.1' })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await expect(other({ channel: 'project' })).rejects.toMatchObject({ code: 'bad_channel' })
})
