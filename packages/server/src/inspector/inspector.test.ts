import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ClientMessage, ServerMessage } from '@lockstep/protocol'
import { createDatabase, eventually, type TestDatabase } from '@lockstep/testing'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { defineSync } from '../definition/define.ts'
import { silentLogger } from '../runtime/logger.ts'
import { createSyncServer, type SyncServer } from '../server.ts'
import type { CommitLife } from './hops.ts'
import type { Overview } from './overview.ts'
import type { Why } from './why.ts'

/** Per project what its people are. */
const people = new Map<string, Map<string, 'member' | 'guest'>>()

const sync = defineSync({
  channels: {
    'project/:project': {
      authorize: ({ user, params }) => people.get(params.project ?? '')?.get(String(user.id)) ?? false,
      presence: true,
    },
  },
  collections: {
    items: {
      table: 'items',
      channel: 'project/:project_id',
      columns: { member: ['id', 'title', 'secret', 'project_id'], guest: ['id', 'title', 'project_id'] },
    },
  },
})

let database: TestDatabase
let sql: postgres.Sql
let server: SyncServer
let http: Server
let address: string
let clients: Client[] = []

/** A client that speaks the protocol by hand. */
class Client {
  readonly socket: WebSocket
  readonly inbox: ServerMessage[] = []
  readonly issued: { id: string; token: string; position?: string }

  constructor(user: string, issued = server.issueSession({ id: user })) {
    this.issued = issued
    this.socket = new WebSocket(`${address.replace('http', 'ws')}/lockstep`)
    this.socket.on('message', (data) => this.inbox.push(JSON.parse(data.toString())))
    this.socket.on('error', () => {})
    clients.push(this)
  }

  /** As the inspector shows it. */
  get short(): string {
    return this.issued.id.slice(0, 8)
  }

  send(message: ClientMessage): void {
    this.socket.send(JSON.stringify(message))
  }

  async subscribe(channel: string, from: { position?: string; view?: number } = {}): Promise<this> {
    await eventually(() => expect(this.socket.readyState).toBe(WebSocket.OPEN))
    this.send({ type: 'hello', version: 1, token: this.issued.token })
    this.send({ type: 'subscribe', id: 1, channel, ...from })
    await eventually(() =>
      expect(this.inbox.map(({ type }) => type)).toContainEqual(expect.stringMatching(/^(live|error)$/)),
    )
    return this
  }

  has(type: ServerMessage['type']): Promise<void> {
    return eventually(() => expect(this.inbox.map((message) => message.type)).toContain(type))
  }
}

async function ask(path: string, cookie = 'user=admin', init: RequestInit = {}): Promise<Response> {
  return await fetch(`${address}/lockstep/inspector${path}`, {
    ...init,
    headers: { cookie, ...init.headers },
  })
}

async function read<T>(path: string): Promise<T> {
  const reply = await ask(path)
  expect(reply.status, path).toBe(200)
  return (await reply.json()) as T
}

/** Everything committed so far has been handed on; gives the newest commit. */
async function newest(): Promise<number> {
  await server.barrier()
  const { commits } = await read<Overview>('/state')
  return commits[0]?.lsn ?? 0
}

async function why(client: Client, lsn: number): Promise<Partial<Why> & { told: string }> {
  const answer = await read<{ text: string; channels: Why[] }>(`/changes/${lsn}/${client.short}`)
  return { ...answer.channels.find(({ channel }) => channel === 'project/1'), told: answer.text }
}

/** Everything on a database of its own. */
async function start(heartbeatMs: number): Promise<void> {
  database = await createDatabase()
  sql = postgres(database.url, { onnotice: () => {} })
  await sql.unsafe(`
    CREATE TABLE items (id int PRIMARY KEY, title text, secret text, project_id int);
    ALTER TABLE items REPLICA IDENTITY FULL;
  `)
  server = await createSyncServer({
    sync,
    database: database.url,
    logger: silentLogger,
    authenticate: () => null,
    limits: { heartbeatMs, outboxBytesMax: 65_536 },
    inspector: {
      allow: async (request) => {
        const cookie = request.headers.get('cookie')
        if (cookie === 'user=broken') throw new Error('no database')
        return cookie === 'user=admin'
      },
    },
  })
  http = createServer()
  server.attach(http)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  address = `http://127.0.0.1:${(http.address() as AddressInfo).port}` // it listens on TCP
}

beforeEach(async () => {
  people.set(
    '1',
    new Map([
      ['alice', 'member'],
      ['olivia', 'member'],
      ['gus', 'guest'],
    ]),
  )
  people.set(
    '2',
    new Map([
      ['alice', 'member'],
      ['bob', 'member'],
    ]),
  )
  await sql`DELETE FROM items`
  await sql`INSERT INTO items VALUES (1, 'one', 'hush', 1), (2, 'two', 'hush', 2)`
})

afterEach(async () => {
  for (const client of clients) client.socket.terminate()
  clients = []
  await eventually(() => expect(server.status().connections).toBe(0))
})

async function stop(): Promise<void> {
  await server?.close()
  http?.closeAllConnections()
  http?.close()
  await sql?.end()
  await database?.drop()
}

describe('the inspector', () => {
  // Short, so that signs of life come soon.
  beforeAll(() => start(1_000), 60_000)
  afterAll(stop)

  test('H7: looks to everyone else as if it were not there, by every address and method', async () => {
    const shape = async (reply: Response): Promise<object> => {
      const headers = Object.fromEntries(reply.headers)
      delete headers.date
      return { status: reply.status, headers, body: await reply.text() }
    }
    const nothing = await shape(
      await fetch(`${address}/lockstep/nothing-like-it`, { headers: { cookie: 'user=bob' } }),
    )
    expect(nothing).toMatchObject({ status: 404 })
    for (const path of ['', '/', '/page.js', '/page.css', '/state', '/changes/1', '/changes/1/abc', '/x']) {
      expect(await shape(await ask(path, 'user=bob')), path).toEqual(nothing)
    }
    expect(await shape(await ask('', 'user=broken'))).toEqual(nothing)
    expect(await shape(await ask('/state', 'user=bob', { method: 'POST' }))).toEqual(nothing)
    const foreign = { headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' } }
    expect(await shape(await ask('/state', 'user=admin', foreign))).toEqual(nothing)
    expect((await ask('/state')).status).toBe(200)
    expect((await ask('/state', 'user=admin', { method: 'POST' })).status).toBe(405)
    expect((await ask('/x')).status).toBe(404)
  })

  test('H7: gives a page of its own under a policy that lets nothing else run', async () => {
    const page = await ask('')
    expect(page.headers.get('content-type')).toContain('text/html')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(page.headers.get('content-security-policy')).not.toContain('unsafe')
    expect((await ask('/page.js')).headers.get('content-type')).toContain('text/javascript')
    expect((await ask('/page.css')).headers.get('content-type')).toContain('text/css')
  })

  test('H7: shows the numbers of what is there', async () => {
    const alice = await new Client('alice').subscribe('project/1')
    await new Client('olivia').subscribe('project/1')
    alice.send({ type: 'lock', id: 5, channel: 'project/1', resource: 'items/1', doing: 'editing' })
    await eventually(() => expect(server.status().locks.held).toBe(1))
    const before = await newest()
    await sql`INSERT INTO items SELECT n, 'title', 'hush', 1 FROM generate_series(10, 14) n`
    await eventually(async () => expect(await newest()).toBeGreaterThan(before))
    const state = await read<Overview>('/state')
    expect(state.counts).toMatchObject({ connections: 2, subscriptions: 2, behind: 0, locks: 1, waiting: 0 })
    expect(state.channels).toEqual([
      { channel: 'project/1', subscribers: 2, behind: 0, loading: 0, present: 2, locks: 1 },
    ])
    expect(state.locks).toMatchObject([{ channel: 'project/1', kind: 'items', session: alice.short }])
    expect(state.sessions).toContainEqual({
      session: alice.short,
      user: 'alice',
      state: 'connected',
      channels: 1,
      behind: 0,
      isFull: false,
    })
    expect(state.log).toEqual(server.status().log)
    expect(state.slot).toMatchObject({ connected: true, lsn: expect.any(Number) })
    expect(state.commits[0]).toMatchObject({ rows: 5, collections: ['items'], channels: 1, writes: 2 })
  })

  test('H7: shows the life of one change, hop by hop, and nothing of its rows', async () => {
    const alice = await new Client('alice').subscribe('project/1')
    const olivia = await new Client('olivia').subscribe('project/1')
    const headers = { 'lockstep-session': alice.issued.id, 'idempotency-key': 'the-mutation' }
    const request = new Request('http://localhost/items', { method: 'POST', headers })
    await server.write(
      request,
      async (tx) => {
        await tx.sql`UPDATE items SET title = 'CONFIDENTIAL' WHERE id = 1`
        await tx.operation('project/1', 'items/rename', { to: 'CONFIDENTIAL' })
        return null
      },
      { user: 'alice' },
    )
    await olivia.has('transaction')
    const lsn = await newest()
    const life = await eventually(async () => {
      const told = await read<CommitLife>(`/changes/${lsn}`)
      // The heartbeat's ping has been answered since.
      for (const write of told.writes) expect(write.aliveAt).not.toBe(null)
      return told
    })
    expect(life.hops.map(({ hop }) => hop)).toEqual([
      'request taken',
      'committed',
      'received',
      'decoded',
      'routed',
      'encoded',
      'first handed to a socket',
      'last handed to a socket',
      'request answered',
    ])
    const times = life.hops
      .filter(({ hop }) => hop !== 'committed' && hop !== 'request answered')
      .map(({ at }) => at ?? Number.NaN)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(life.hops.map(({ at }) => at)).not.toContain(null)
    expect(life).toMatchObject({
      writer: alice.short,
      rows: { items: { create: 0, update: 1, destroy: 0 } },
      channels: [{ channel: 'project/1', views: 2, reset: null }],
      writesUnlisted: 0,
    })
    expect(new Set(life.writes.map(({ session }) => session))).toEqual(new Set([alice.short, olivia.short]))
    for (const { at, aliveAt } of life.writes) expect(aliveAt).toBeGreaterThanOrEqual(at)
    expect((await why(alice, lsn)).told).toContain('own change')

    const all = JSON.stringify([life, await read('/state'), await read(`/changes/${lsn}/${alice.short}`)])
    for (const secret of ['CONFIDENTIAL', 'hush', 'the-mutation', alice.issued.id, alice.issued.token]) {
      expect(all).not.toContain(secret)
    }
  })

  test('H7: of a commit in more channels than are kept, and of more channels than are shown, says how many there are', async () => {
    const [count, kept] = [250, 200]
    const projects = Array.from({ length: count }, (_, n) => String(1_000 + n))
    for (const project of projects) people.set(project, new Map([['alice', 'member']]))
    const alice = await new Client('alice').subscribe(`project/${projects[0]}`)
    for (const [id, project] of projects.entries())
      alice.send({ type: 'subscribe', id, channel: `project/${project}` })
    await eventually(() => expect(server.status().subscriptions).toBe(count))
    await sql`INSERT INTO items SELECT n, 'one', null, n FROM generate_series(1000, ${999 + count}) AS n`
    const lsn = await newest()
    const state = await read<Overview>('/state')
    expect(state.channels).toHaveLength(kept)
    expect(state.counts).toMatchObject({ subscriptions: count })
    expect(state.commits[0]).toMatchObject({ lsn, channels: count, rows: count })
    const life = await read<CommitLife>(`/changes/${lsn}`)
    expect(life.channels).toHaveLength(kept)
    expect(life.channelsUnlisted).toBe(count - kept)
    expect((await why(alice, lsn)).told).toContain(`${count - kept} more channels`)
  })

  test('H7: says why a session did not get a change: its view, its subscription, its rights', async () => {
    const olivia = await new Client('olivia').subscribe('project/1')
    const gus = await new Client('gus').subscribe('project/1')
    const elsewhere = await new Client('bob').subscribe('project/2')
    const refused = await new Client('bob').subscribe('project/1')
    const revoked = await new Client('alice').subscribe('project/1')
    const left = await new Client('olivia').subscribe('project/1')
    people.get('1')?.delete('alice')
    await server.reauthorize('alice')
    await revoked.has('revoked')
    left.send({ type: 'unsubscribe', id: 2, channel: 'project/1' })
    await eventually(() => expect(server.status().subscriptions).toBe(3))
    await sql`UPDATE items SET secret = 'other' WHERE id = 1`
    await olivia.has('transaction')
    const lsn = await newest()
    expect(await why(olivia, lsn)).toMatchObject({ got: true, reason: 'sent' })
    expect(await why(gus, lsn)).toMatchObject({ got: false, reason: 'no_visible_column' })
    expect(await why(elsewhere, lsn)).toMatchObject({ got: false, reason: 'not_subscribed' })
    expect(await why(refused, lsn)).toMatchObject({ got: false, reason: 'refused', detail: 'no_channel' })
    expect(await why(revoked, lsn)).toMatchObject({ got: false, reason: 'revoked' })
    expect(await why(left, lsn)).toMatchObject({ got: false, reason: 'unsubscribed' })
    const unknown = await read<{ channels: [] }>(`/changes/${lsn}/nobody00`)
    expect(unknown.channels).toEqual([])
  })

  test('H7: says what those got who were away, came later, or began after', async () => {
    const away = await new Client('olivia').subscribe('project/1')
    const { position, view } = await server.snapshot('project/1', { id: 'olivia' })
    const rows = { position, ...(view !== undefined && { view }) }
    away.socket.terminate()
    await eventually(() => expect(server.status().connections).toBe(0))
    await sql`UPDATE items SET title = 'while away' WHERE id = 1`
    const lsn = await newest()
    expect(await why(away, lsn)).toMatchObject({ got: false, reason: 'disconnected' })
    await new Client('olivia', away.issued).subscribe('project/1', rows)
    expect(await why(away, lsn)).toMatchObject({ got: true, reason: 'sent_resumed' })
    const later = await new Client('alice').subscribe('project/1')
    const page = await server.page({ id: 'alice' }, ['project/1'])
    const [now = rows] = page.snapshots
    const began = await new Client('alice', page.session).subscribe('project/1', {
      position: now.position,
      ...(now.view !== undefined && { view: now.view }),
    })
    expect(await why(began, lsn)).toMatchObject({ got: true, reason: 'before_start' })
    expect(await why(later, lsn)).toMatchObject({
      got: true,
      reason: expect.stringMatching(/^(in_snapshot|sent_resumed)$/),
    })
  })

  test('H7: says that a change was told as a reset', async () => {
    const olivia = await new Client('olivia').subscribe('project/1')
    await sql`TRUNCATE items`
    await olivia.has('reset')
    await eventually(async () => {
      const lsn = await newest()
      expect(await why(olivia, lsn)).toMatchObject({ got: true, reason: 'reset', detail: 'truncated' })
      expect(await read<CommitLife>(`/changes/${lsn}`)).toMatchObject({ reset: 'truncated' })
    })
  })

  test('H7: a server without the option has no inspector and keeps no trace', async () => {
    const other = await createDatabase()
    const plain = await createSyncServer({
      sync: defineSync({ channels: {}, collections: {} }),
      database: other.url,
      logger: silentLogger,
      authenticate: () => null,
    })
    try {
      const answer = async (path: string): Promise<string> => {
        const reply = await plain.handle(new Request(`http://localhost/lockstep/${path}`))
        return `${reply?.status} ${await reply?.text()}`
      }
      for (const path of ['inspector', 'inspector/state', 'inspector/page.js']) {
        expect(await answer(path)).toBe(await answer('nothing-like-it'))
      }
    } finally {
      await plain.close()
      await other.drop()
    }
  }, 60_000)
})

describe('the inspector beside a client that reads nothing', () => {
  // Long: a paused socket answers no ping, and is to be kept all the same.
  beforeAll(() => start(300_000), 60_000)
  afterAll(stop)

  test('H7: says that a session is behind, and that it got the change late', async () => {
    const slow = await new Client('olivia').subscribe('project/1')
    slow.socket.pause()
    let id = 100
    // As much as the sockets of the system hold, and more.
    await eventually(
      async () => {
        await sql`INSERT INTO items VALUES (${id++}, ${'x'.repeat(1_000_000)}, null, 1)`
        await server.barrier()
        expect(server.status().behind).toBe(1)
      },
      { timeoutMs: 60_000 },
    )
    await sql`UPDATE items SET title = 'short' WHERE id = 1`
    const lsn = await newest()
    expect(await why(slow, lsn)).toMatchObject({ got: false, reason: 'behind' })
    slow.socket.resume()
    await eventually(
      async () => {
        expect(await why(slow, lsn)).toMatchObject({ got: true, reason: 'sent_late' })
      },
      { timeoutMs: 60_000 },
    )
  }, 120_000)
})
