import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createDatabase, eventually, type TestDatabase } from '@lockstep/testing'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { defineSync } from './definition/define.ts'
import { silentLogger } from './runtime/logger.ts'
import { createSyncServer, type SyncServer } from './server.ts'
import { Program } from './transport/juggernaut/program.setup.ts'

/**
 * Two projects that Bob asks for: one that is Alice's, with rows, locks, people and messages, and one that nobody has.
 * Through every door both are to be the same to him, to the byte. Their names are of one length.
 */
const theirs = 'project/2222'
const nobodys = 'project/9999'
/** Stands in rows, envelopes, locks and states of Alice's project, and nowhere else. */
const secretWord = 'confidential'

let database: TestDatabase
let sql: postgres.Sql
let server: SyncServer
let http: Server
let base = ''
let alice: Page
let bob: { id: string; token: string }
/** Of Alice's channel, as she has them. */
let position = ''
let etag = ''
const open: { leave(): void }[] = []

beforeAll(async () => {
  database = await createDatabase()
  sql = postgres(database.url, { max: 3, onnotice: () => {} })
  await sql.unsafe(`
    CREATE TABLE members (user_id text, project_id int, PRIMARY KEY (user_id, project_id));
    CREATE TABLE items (id int PRIMARY KEY, title text, project_id int NOT NULL);
    ALTER TABLE items REPLICA IDENTITY FULL;
    INSERT INTO members VALUES ('alice', 2222), ('bob', 1111);
    INSERT INTO items VALUES (1, '${secretWord}', 2222), (2, 'plain', 1111)`)
  const sync = defineSync({
    channels: {
      // As applications do: by a query, which takes its time.
      'project/:project': {
        authorize: async ({ user, params }) => {
          const rows = await sql`
            SELECT 1 FROM members WHERE user_id = ${user.id} AND project_id = ${Number(params.project)}`
          return rows.length > 0
        },
        presence: true,
        broadcasts: true,
      },
    },
    collections: {
      items: { table: 'items', channel: 'project/:project_id', columns: ['id', 'title', 'project_id'] },
    },
  })
  server = await createSyncServer({
    sync,
    database: database.url,
    slot: database.name,
    logger: silentLogger,
    authenticate: (request) => {
      const id = /user=(\w+)/.exec(request.headers.get('cookie') ?? '')?.[1]
      return id === undefined ? null : { id }
    },
    showUser: ({ id }) => ({ name: id }),
    bayeux: {},
    juggernaut: { port: 0, host: '127.0.0.1', channel: 'project/:id' },
    inspector: { allow: () => false },
  })
  http = createServer((_request, response) => response.writeHead(404).end())
  server.attach(http)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(http.address() as AddressInfo).port}` // it listens on TCP

  alice = await page(server.issueSession({ id: 'alice' }).token)
  await alice.ask({ type: 'subscribe', id: 1, channel: theirs }, 'live')
  await alice.ask({ type: 'lock', id: 2, channel: theirs, resource: 'items/1', doing: secretWord }, 'locked')
  await alice.ask({ type: 'presence', id: 3, channel: theirs, state: { on: secretWord } }, 'done')
  const reply = await fetch(`${base}/lockstep/snapshot/${theirs}`, { headers: { cookie: 'user=alice' } })
  position = (await reply.json()).position
  etag = reply.headers.get('etag') ?? ''
  expect(reply.status, 'Alice may see it').toBe(200)
}, 60_000)

afterEach(() => {
  for (const one of open.splice(0)) one.leave()
})

afterAll(async () => {
  alice?.leave()
  await server?.close()
  http?.closeAllConnections()
  http?.close()
  await sql?.end({ timeout: 1 })
  await database?.drop()
})

/** A page that speaks the protocol by hand. */
class Page {
  /** Messages as they came, to the byte. */
  readonly heard: string[] = []
  readonly socket: WebSocket

  constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data) => this.heard.push(data.toString()))
    socket.on('error', () => {})
  }

  say(...messages: object[]): void {
    for (const message of messages) this.socket.send(JSON.stringify(message))
  }

  async ask(message: object, type: string): Promise<void> {
    this.say(message)
    await eventually(() => expect(this.heard.join()).toContain(`"type":"${type}"`))
  }

  leave(): void {
    this.socket.terminate()
  }
}

async function page(token: string): Promise<Page> {
  const made = new Page(new WebSocket(`${base.replace('http', 'ws')}/lockstep`))
  await new Promise((resolve) => made.socket.once('open', resolve))
  await made.ask({ type: 'hello', version: 1, token }, 'welcome')
  return made
}

/** Something is done in Alice's project, which whoever hears of it would hear by the time this resolves. */
async function happens(): Promise<void> {
  await sql`UPDATE items SET title = ${secretWord} || title WHERE id = 1`
  const operation = { channel: theirs, operation: 'items/tell', envelope: secretWord }
  await sql`SELECT pg_logical_emit_message(true, 'lockstep', ${JSON.stringify({ operations: [operation] })})`
  alice.say({ type: 'broadcast', id: 4, channel: theirs, event: 'pointer', data: secretWord })
  alice.say({ type: 'lock', id: 5, channel: theirs, resource: 'items/2', doing: secretWord })
  alice.say({ type: 'unlock', id: 6, channel: theirs, resource: 'items/2' })
  await server.barrier()
  const mark = `"id":${++marks}`
  alice.say({ type: 'barrier', id: marks })
  await eventually(() => expect(alice.heard.join()).toContain(mark))
}
let marks = 1_000

/** What Bob hears of one message over a WebSocket, and after it. */
async function byWebSocket(message: object): Promise<string> {
  const made = await page(bob.token)
  open.push(made)
  const from = made.heard.length
  made.say(message, { type: 'barrier', id: 99 })
  await eventually(() => expect(made.heard.slice(from).join()).toContain('"type":"barrier"'))
  await eventually(() => expect(made.heard.slice(from).join()).toContain('"type":"error"'))
  await happens()
  return made.heard
    .slice(from)
    .filter((text) => !text.includes('"type":"barrier"'))
    .join('\n')
}

/** Status, headers that say something, and body. */
async function byHttp(path: string, init: RequestInit = {}): Promise<string> {
  const response = await fetch(`${base}${path}`, init)
  const headers = [...response.headers].filter(([name]) => !/^(date|keep-alive|connection)$/.test(name))
  return `${response.status} ${JSON.stringify(headers)} ${await response.text()}`
}

const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<string> =>
  byHttp(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

/** Messages but those that say how far the stream is, which come between the others at any time. */
const telling = (texts: readonly string[]): string =>
  plain(texts.filter((text) => !/"type":"(barrier|heartbeat)"/.test(text)).join('\n'))

/** What Bob hears of one message over long-polling. */
async function byPoll(message: object): Promise<string> {
  const ask = async (body: object): Promise<{ connection?: string; messages: object[] }> =>
    JSON.parse(/\{"(connection|messages).*$/.exec(await post('/lockstep/poll', body))?.[0] ?? '')
  const hello = { type: 'hello', version: 1, token: bob.token }
  const { connection, messages } = await ask({ messages: [hello, message] })
  const all = messages.map((one) => JSON.stringify(one))
  const next = async (): Promise<void> => {
    all.push(...(await ask({ connection })).messages.map((one) => JSON.stringify(one)))
  }
  while (!all.some((text) => text.includes('"type":"error"'))) await next()
  await happens()
  await post('/lockstep/messages', { connection, messages: [{ type: 'barrier', id: 99 }] })
  while (!all.some((text) => text.includes('"type":"barrier"'))) await next()
  return telling(all)
}

/** What Bob hears of one message over an event stream. */
async function byEvents(message: object): Promise<string> {
  const hello = { type: 'hello', version: 1, token: bob.token }
  const aborting = new AbortController()
  open.push({ leave: () => aborting.abort() })
  const response = await fetch(`${base}/lockstep/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [hello, message] }),
    signal: aborting.signal,
  })
  let all = ''
  const reading = (async () => {
    for await (const chunk of response.body ?? []) all += Buffer.from(chunk).toString()
  })().catch(() => {})
  await eventually(() => expect(all).toContain('"type":"error"'))
  await happens()
  const connection = /event: connection\ndata: (\S+)/.exec(all)?.[1]
  await post('/lockstep/messages', { connection, messages: [{ type: 'barrier', id: 99 }] })
  await eventually(() => expect(all).toContain('"type":"barrier"'))
  aborting.abort()
  await reading
  return telling(all.split('\n').filter((line) => line.startsWith('data: {')))
}

/** Without what is another one each time: ids, tokens and positions of Bob's own. */
function plain(text: string): string {
  return text
    .replace(/"(connection|token|session|clientId)":"[^"]*"/g, '"$1":""')
    .replace(/"content-length","\d+"/g, '')
    .replace(/\w+\.[0-9a-f]{6,}/g, 'POSITION')
}

/** What Bob hears of a subscription as a Bayeux client, and after it. */
async function byBayeux(
  subscription: unknown,
  ext: object = {},
  channel = '/meta/subscribe',
): Promise<string> {
  const handshake = {
    channel: '/meta/handshake',
    version: '1.0',
    supportedConnectionTypes: ['long-polling'],
    ext: { lockstep: { token: bob.token } },
  }
  const { clientId } = JSON.parse(/\[\{"channel.*$/.exec(await post('/bayeux', handshake))?.[0] ?? '')[0]
  const fields = channel === '/meta/subscribe' ? { subscription } : { data: {} }
  const answer = await post('/bayeux', { channel, clientId, ext, ...fields })
  await happens()
  const connect = { channel: '/meta/connect', clientId, connectionType: 'long-polling' }
  const after = await post('/bayeux', { ...connect, advice: { timeout: 0 } })
  return plain(`${answer}\n${after}`)
}

async function byJuggernaut(fields: object): Promise<string> {
  const program = await Program.open(server.juggernautPort ?? 0)
  open.push(program)
  program.say({ command: 'subscribe', session_id: bob.id, client_id: bob.id, token: bob.token, ...fields })
  await program.refused()
  return program.frames.join('\n')
}

const named = (name: string): string => name.split('/')[1] ?? ''

/** Each door: what Bob does there about a channel, and the code that he is refused with. */
const doors: [string, string, (channel: string) => Promise<string>][] = [
  ['subscribe', 'no_channel', (channel) => byWebSocket({ type: 'subscribe', id: 7, channel })],
  [
    'subscribe from a position that Alice has',
    'no_channel',
    (channel) => byWebSocket({ type: 'subscribe', id: 7, channel, position, view: 0 }),
  ],
  ['look', 'no_channel', (channel) => byWebSocket({ type: 'look', id: 7, channel })],
  [
    'lock what Alice holds',
    'no_channel',
    (channel) => byWebSocket({ type: 'lock', id: 7, channel, resource: 'items/1' }),
  ],
  [
    'wait for it, and ask her',
    'no_channel',
    (channel) => byWebSocket({ type: 'lock', id: 7, channel, resource: 'items/1', waitMs: 1_000, ask: true }),
  ],
  [
    'unlock it',
    'no_channel',
    (channel) => byWebSocket({ type: 'unlock', id: 7, channel, resource: 'items/1' }),
  ],
  [
    'answer for her',
    'no_channel',
    (channel) =>
      byWebSocket({ type: 'answer', id: 7, channel, resource: 'items/1', session: bob.id, yield: true }),
  ],
  [
    'say something of himself',
    'no_channel',
    (channel) => byWebSocket({ type: 'presence', id: 7, channel, state: 1 }),
  ],
  [
    'broadcast',
    'no_channel',
    (channel) => byWebSocket({ type: 'broadcast', id: 7, channel, event: 'pointer', data: 1 }),
  ],
  ['subscribe by long-polling', 'no_channel', (channel) => byPoll({ type: 'subscribe', id: 7, channel })],
  [
    'lock by long-polling',
    'no_channel',
    (channel) => byPoll({ type: 'lock', id: 7, channel, resource: 'items/1' }),
  ],
  [
    'subscribe over an event stream',
    'no_channel',
    (channel) => byEvents({ type: 'subscribe', id: 7, channel }),
  ],
  [
    'read the snapshot',
    'no_channel',
    (channel) => byHttp(`/lockstep/snapshot/${channel}`, { headers: { cookie: 'user=bob' } }),
  ],
  [
    'ask whether the snapshot is still Alice’s',
    'no_channel',
    (channel) =>
      byHttp(`/lockstep/snapshot/${channel}`, { headers: { cookie: 'user=bob', 'if-none-match': etag } }),
  ],
  [
    'lock over HTTP with his token',
    'no_channel',
    (channel) =>
      post(
        '/lockstep/locks',
        { type: 'lock', channel, resource: 'items/1' },
        { authorization: `Bearer ${bob.token}` },
      ),
  ],
  [
    'unlock over HTTP with his token',
    'no_channel',
    (channel) =>
      post(
        '/lockstep/locks',
        { type: 'unlock', channel, resource: 'items/1' },
        { authorization: `Bearer ${bob.token}` },
      ),
  ],
  ['follow rows with Faye', '403:', (channel) => byBayeux(`/sync/${channel}/items`)],
  [
    'follow rows with Faye from a position that Alice has',
    '403:',
    (channel) => byBayeux(`/sync/${channel}/items`, { lockstep: { position } }),
  ],
  ['follow all rows with Faye', '403:', (channel) => byBayeux(`/sync/${channel}/**`)],
  [
    'follow operations, locks and presence with Faye',
    '403:',
    (channel) => byBayeux(`/operations/${channel}`),
  ],
  ['publish with Faye', '403:', (channel) => byBayeux(undefined, {}, `/sync/${channel}/items`)],
  ['subscribe as a program', 'no_channel', (channel) => byJuggernaut({ channels: [channel] })],
  [
    'subscribe as a program by a bare id',
    'no_channel',
    (channel) => byJuggernaut({ channels: [named(channel)] }),
  ],
  [
    'subscribe as a program from a message that Alice has',
    'no_channel',
    (channel) => byJuggernaut({ channels: [channel], last_msg_id: position }),
  ],
]

describe.each([
  ['any', undefined],
  ['this and no other', theirs],
])('G9: Bob, with a session for %s channel,', (_what, only) => {
  test.each(doors)('may not %s, nor tell it from what does not exist', async (_door, code, ask) => {
    const answers: string[] = []
    for (const channel of [theirs, nobodys]) {
      const channels = only === undefined ? undefined : [channel]
      bob = server.issueSession({ id: 'bob' }, channels)
      const answer = await ask(channel)
      expect(answer).toContain(code)
      expect(answer).not.toContain(secretWord)
      answers.push(answer.replaceAll(channel, 'CHANNEL').replaceAll(named(channel), 'ID'))
    }
    expect(answers[0]).toBe(answers[1])
    expect(alice.heard.join(), 'Alice hears nothing of it').not.toMatch(/"asked"|"name":"bob"/)
  })
})

describe('G9: a session of somebody else', () => {
  const unknown = 'AAAAAAAAAAAAAAAAAAAAAA'
  const aliceSession = (): string =>
    /"session":"([^"]+)"/.exec(alice.heard.find((text) => text.includes('"welcome"')) ?? '')?.[1] ?? ''

  test.each<[string, (session: string) => Promise<string>, string]>([
    [
      'locks over HTTP in its name',
      (session) =>
        post(
          '/lockstep/locks',
          { type: 'lock', channel: theirs, resource: 'items/3' },
          { cookie: 'user=bob', origin: base, 'lockstep-session': session },
        ),
      'forbidden',
    ],
    [
      'unlocks over HTTP in its name',
      (session) =>
        post(
          '/lockstep/locks',
          { type: 'unlock', channel: theirs, resource: 'items/1' },
          { cookie: 'user=bob', origin: base, 'lockstep-session': session },
        ),
      'forbidden',
    ],
    [
      'comes as a program without its token',
      (session) => byJuggernaut({ session_id: session, token: undefined, channels: [theirs] }),
      'unauthorized',
    ],
    [
      'comes as a program with another token',
      (session) => byJuggernaut({ session_id: session, channels: [theirs] }),
      'unauthorized',
    ],
    [
      'looks at it in the inspector',
      (session) => byHttp(`/lockstep/inspector/changes/1/${session}`, { headers: { cookie: 'user=bob' } }),
      'not_found',
    ],
  ])('who %s is refused, as with one that nobody has', async (_what, ask, code) => {
    bob = server.issueSession({ id: 'bob' })
    const [known, none] = [await ask(aliceSession()), await ask(unknown)]
    expect(known).toContain(code)
    expect(known).toBe(none)
  })

  test('cannot be resumed: a token of it is not made by who has seen its id', async () => {
    const session = aliceSession()
    const [body, signature] = server.issueSession({ id: 'bob' }).token.split('.')
    const claims = Buffer.from(body ?? '', 'base64url').toString()
    const forged = Buffer.from(claims.replace(/[\w-]{22}/, session)).toString('base64url')
    for (const token of [`${forged}.${signature}`, session, '']) {
      const made = new Page(new WebSocket(`${base.replace('http', 'ws')}/lockstep`))
      await new Promise((resolve) => made.socket.once('open', resolve))
      const closed = new Promise((resolve) => made.socket.once('close', resolve))
      made.say({ type: 'hello', version: 1, token })
      expect(await closed).toBe(4401)
      expect(made.heard.join()).toContain('unauthorized')
    }
    expect(alice.socket.readyState, 'Alice goes on').toBe(WebSocket.OPEN)
  })
})

test('G9: the inspector answers who is no administrator as any address that does not exist', async () => {
  const headers = { cookie: 'user=bob' }
  const none = await byHttp('/lockstep/nothing', { headers })
  for (const path of ['', '/state', '/changes/1', '/changes/1/x'])
    expect(await byHttp(`/lockstep/inspector${path}`, { headers })).toBe(none)
})

test('G9: being refused takes as long for what is somebody’s as for what is nobody’s', async () => {
  bob = server.issueSession({ id: 'bob' })
  const made = await page(bob.token)
  open.push(made)
  let id = 2_000
  const times = new Map<string, number[]>([
    [theirs, []],
    [nobodys, []],
  ])
  const once = async (channel: string, ask: (channel: string) => Promise<unknown>): Promise<void> => {
    const start = performance.now()
    await ask(channel)
    times.get(channel)?.push(performance.now() - start)
  }
  const subscribe = (channel: string): Promise<unknown> => {
    const answered = new Promise((resolve) => made.socket.once('message', resolve))
    made.say({ type: 'subscribe', id: ++id, channel })
    return answered
  }
  const read = (channel: string): Promise<unknown> =>
    byHttp(`/lockstep/snapshot/${channel}`, { headers: { cookie: 'user=bob' } })
  for (const ask of [subscribe, read]) {
    for (const all of times.values()) all.length = 0
    // In turn, so that whatever else slows them slows both.
    for (let i = 0; i < 100; i++)
      for (const channel of i % 2 ? [theirs, nobodys] : [nobodys, theirs]) await once(channel, ask)
    const [one = 0, other = 0] = [...times.values()].map((all) => all.toSorted((a, b) => a - b)[50] ?? 0)
    expect(Math.abs(one - other), `${one} and ${other} ms`).toBeLessThan(Math.max(1, Math.min(one, other)))
  }
})
