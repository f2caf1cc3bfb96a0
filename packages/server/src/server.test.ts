import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ClientMessage, ServerMessage, Snapshot, TransactionMessage } from '@lockstep/protocol'
import { createDatabase, eventually, type TestDatabase } from '@lockstep/testing'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { defineSync } from './definition/define.ts'
import type { User } from './definition/definition.ts'
import { silentLogger } from './runtime/logger.ts'
import { createSyncServer, type SyncServer } from './server.ts'

const alice: User = { id: 'alice', projects: ['1', '2'] }
const olivia: User = { id: 'olivia', projects: ['1'] }

let database: TestDatabase
let sql: postgres.Sql
let server: SyncServer
let http: Server
let address: string
const members = new Map<string, Set<string>>([
  ['1', new Set(['alice', 'olivia'])],
  ['2', new Set(['alice'])],
])

const sync = defineSync({
  channels: {
    'project/:project': {
      authorize: ({ user, params }) => members.get(params.project ?? '')?.has(String(user.id)) ?? false,
    },
  },
  collections: {
    items: { table: 'items', channel: 'project/:project_id', columns: ['id', 'title', 'project_id'] },
    tasks: { table: 'tasks', channel: 'project/:project_id', columns: ['id', 'summary', 'project_id'] },
  },
})

/** A client that keeps what it was sent, and speaks the protocol by hand. */
class RawClient {
  readonly socket: WebSocket
  readonly inbox: ServerMessage[] = []
  closed: { code: number; reason: string } | undefined

  constructor(url: string, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(url, { headers })
    this.socket.on('message', (data) => this.inbox.push(JSON.parse(data.toString())))
    this.socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() }
    })
    this.socket.on('error', () => {})
    open.push(this)
  }

  async opened(): Promise<this> {
    await eventually(() => expect(this.socket.readyState).toBe(WebSocket.OPEN))
    return this
  }

  send(...messages: (ClientMessage | string)[]): void {
    for (const message of messages)
      this.socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  }

  /** Waits until the channel is live, and forgets what led to it: a snapshot may be followed by a tail. */
  async live(): Promise<this> {
    await this.get('live')
    this.inbox.splice(0)
    return this
  }

  async get<T extends ServerMessage['type']>(type: T, n = 1): Promise<Extract<ServerMessage, { type: T }>> {
    const found = await eventually(() => {
      const of = this.inbox.filter((message) => message.type === type)
      expect(of.length, `${type} number ${n} of ${JSON.stringify(this.inbox)}`).toBeGreaterThanOrEqual(n)
      return of[n - 1]
    })
    return found as Extract<ServerMessage, { type: T }> // filtered by its type above
  }
}

let open: RawClient[] = []

async function join(user: User, channel: string, position?: string): Promise<RawClient> {
  const client = await new RawClient(`${address}/lockstep`).opened()
  const { token } = server.issueSession(user)
  client.send({ type: 'hello', version: 1, token })
  client.send({ type: 'subscribe', id: 1, channel, ...(position === undefined ? {} : { position }) })
  return client
}

beforeAll(async () => {
  database = await createDatabase()
  sql = postgres(database.url, { onnotice: () => {} })
  await sql.unsafe(`
    CREATE TABLE items (id int PRIMARY KEY, title text, project_id int, secret text);
    CREATE TABLE tasks (id int PRIMARY KEY, summary text, project_id int);
    ALTER TABLE items REPLICA IDENTITY FULL;
    ALTER TABLE tasks REPLICA IDENTITY FULL;
  `)
  server = await createSyncServer({
    sync,
    database: database.url,
    slot: database.name,
    logger: silentLogger,
    authenticate: (request) => (request.headers.get('cookie') === 'user=alice' ? alice : null),
    limits: { heartbeatMs: 1_000, helloMs: 500 },
  })
  http = createServer()
  server.attach(http)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  address = `ws://127.0.0.1:${(http.address() as AddressInfo).port}`
}, 60_000)

afterEach(() => {
  for (const client of open) client.socket.terminate()
  open = []
})

afterAll(async () => {
  await server?.close()
  http?.closeAllConnections()
  http?.close()
  await sql?.end()
  await database?.drop()
})

describe('a sync server on a real Postgres', () => {
  test('G1: gives a snapshot, then every commit, from plain SQL', async () => {
    await sql`INSERT INTO items VALUES (1, 'one', 1, 'hidden')`
    const client = await join(olivia, 'project/1')
    const live = await client.get('live')
    const snapshot = await client.get('snapshot')
    client.inbox.splice(0)
    expect(snapshot.collections.items).toEqual({
      columns: ['id', 'title', 'project_id'],
      key: [0],
      rows: [[1, 'one', 1]],
    })
    await sql`UPDATE items SET title = 'uno', secret = 'still hidden' WHERE id = 1`
    const message = await client.get('transaction')
    expect(message).toMatchObject({
      channel: 'project/1',
      changes: { items: { update: { 1: { title: 'uno' } } } },
    })
    expect(message.prev <= live.position).toBe(true)
    expect(JSON.stringify(client.inbox)).not.toContain('hidden')
  })

  test('G5: one commit over two tables is one message; a rolled-back one is none', async () => {
    const client = await (await join(olivia, 'project/1')).live()
    await sql.begin(async (tx) => {
      await tx`INSERT INTO items VALUES (10, 'ten', 1)`
      await tx`INSERT INTO tasks VALUES (10, 'do ten', 1), (11, 'do eleven', 1)`
    })
    await expect(
      sql.begin(async (tx) => {
        await tx`INSERT INTO items VALUES (99, 'never', 1)`
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    await server.barrier()
    await client.get('transaction')
    const all = client.inbox.filter((m): m is TransactionMessage => m.type === 'transaction')
    expect(all).toHaveLength(1)
    expect(Object.keys(all[0]?.changes.tasks?.create ?? {})).toEqual(['10', '11'])
  })

  test('a move between channels is a destroy in the old and a create in the new', async () => {
    await sql`INSERT INTO items VALUES (20, 'mover', 1)`
    const one = await join(olivia, 'project/1')
    const two = await join(alice, 'project/2')
    await Promise.all([one.live(), two.live()])
    await sql`UPDATE items SET project_id = 2 WHERE id = 20`
    expect((await one.get('transaction')).changes).toEqual({ items: { destroy: ['20'] } })
    expect((await two.get('transaction')).changes).toEqual({
      items: { create: { 20: { id: 20, title: 'mover', project_id: 2 } } },
    })
  })

  test('G2: resumes from a position with exactly what was missed', async () => {
    const first = await join(olivia, 'project/1')
    const { position } = await first.get('live')
    first.socket.terminate()
    await sql`INSERT INTO items VALUES (30, 'missed', 1)`
    await sql`INSERT INTO items VALUES (31, 'missed too', 1)`
    await server.barrier()
    const second = await join(olivia, 'project/1', position)
    await second.get('live')
    const types = second.inbox.map(({ type }) => type).filter((type) => type !== 'heartbeat')
    expect(types).toEqual(['welcome', 'subscribed', 'transaction', 'transaction', 'current_locks', 'live'])
  })

  test('G11: a position that cannot be continued gets a reset with its reason', async () => {
    const { session: _, snapshots } = await server.page(alice, ['project/1'])
    const position = snapshots[0]?.position ?? ''
    const [epoch, lsn] = position.split('.')
    const old = await join(olivia, 'project/1', `otherepoch.${lsn}`)
    expect((await old.get('reset')).reason).toBe('epoch')
    const future = await join(olivia, 'project/1', `${epoch}.ffffffffffff`)
    expect((await future.get('reset')).reason).toBe('future')
    const trimmed = await join(olivia, 'project/1', `${epoch}.1`)
    expect((await trimmed.get('reset')).reason).toBe('trimmed')
    for (const client of [old, future, trimmed]) await client.get('live')
  })

  test('G9: a channel that is forbidden answers as one that does not exist', async () => {
    const client = await new RawClient(`${address}/lockstep`).opened()
    client.send({ type: 'hello', version: 1, token: server.issueSession(olivia).token })
    client.send({ type: 'subscribe', id: 1, channel: 'project/2' })
    client.send({ type: 'subscribe', id: 2, channel: 'project/999' })
    client.send({ type: 'subscribe', id: 3, channel: 'nothing/like/it' })
    const errors = [await client.get('error', 1), await client.get('error', 2), await client.get('error', 3)]
    for (const error of errors) expect(error.error).toEqual(errors[0]?.error)
    expect(errors[0]?.error.code).toBe('no_channel')
    expect(client.closed).toBeUndefined()
  })

  test('G9: reauthorize takes away a channel at once, and only that', async () => {
    const client = await (await join(olivia, 'project/1')).live()
    members.get('1')?.delete('olivia')
    try {
      await server.reauthorize('olivia')
      expect((await client.get('revoked')).channel).toBe('project/1')
      await sql`INSERT INTO items VALUES (40, 'after revocation', 1)`
      await server.barrier()
      client.send({ type: 'barrier', id: 7 })
      await client.get('barrier')
      expect(JSON.stringify(client.inbox)).not.toContain('after revocation')
    } finally {
      members.get('1')?.add('olivia')
    }
  })

  test('G6: the writer is told when its mutation has passed, seen or unseen', async () => {
    const client = await join(olivia, 'project/1')
    const { session } = await client.get('welcome')
    await client.live()
    const request = (key: string) =>
      new Request('http://localhost/x', {
        method: 'POST',
        headers: { 'lockstep-session': session, 'idempotency-key': key },
      })
    await server.write(request('seen'), async ({ sql: tx }) => {
      await tx`INSERT INTO items VALUES (50, 'by olivia', 1)`
    })
    expect(await client.get('transaction')).toMatchObject({ session, mutation: 'seen' })
    expect((await client.get('confirmed')).mutation).toBe('seen')
    await server.write(request('unseen'), async () => null)
    expect((await client.get('confirmed', 2)).mutation).toBe('unseen')
  })

  test('nobody writes in the name of another’s session', async () => {
    const client = await join(olivia, 'project/1')
    const { session } = await client.get('welcome')
    const headers = { cookie: 'user=alice', 'lockstep-session': session }
    const response = await server.respond(
      new Request('http://localhost/z', { method: 'POST', headers }),
      () => 1,
    )
    expect(response.status).toBe(403)
  })

  test('operations arrive with their commit', async () => {
    const client = await (await join(olivia, 'project/1')).live()
    await server.write(new Request('http://localhost/y', { method: 'POST' }), async (tx) => {
      await tx.sql`INSERT INTO items VALUES (60, 'with intent', 1)`
      await tx.operation('project/1', 'items/create', { item: 60 })
    })
    expect(await client.get('transaction')).toMatchObject({
      operations: [{ operation: 'items/create', envelope: { item: 60 } }],
    })
  })

  test('a page carries session and rows that include everything committed before it', async () => {
    await sql`INSERT INTO items VALUES (70, 'just now', 1)`
    const page = await server.page(olivia, ['project/1'])
    expect(page.snapshots[0]?.collections.items?.rows.some((row) => row[0] === 70)).toBe(true)
    await expect(server.page(olivia, ['project/2'])).rejects.toMatchObject({ code: 'no_channel' })
  })

  test('a snapshot is plain HTTP with an ETag', async () => {
    const base = address.replace('ws', 'http')
    const url = `${base}/lockstep/snapshot/project/1`
    const first = await fetch(url, { headers: { cookie: 'user=alice' } })
    const body = (await first.json()) as Snapshot
    expect(body.type).toBe('snapshot')
    const etag = first.headers.get('etag') ?? ''
    expect((await fetch(url, { headers: { cookie: 'user=alice', 'if-none-match': etag } })).status).toBe(304)
    await sql`INSERT INTO items VALUES (80, 'news', 1)`
    expect((await fetch(url, { headers: { cookie: 'user=alice', 'if-none-match': etag } })).status).toBe(200)
    expect((await fetch(url)).status).toBe(401)
  })

  test('a bad request is answered and disturbs nothing', async () => {
    const client = await (await join(olivia, 'project/1')).live()
    client.send('{"type":"subscribe","id":9}', '[]', '', '{"type":"fly"}')
    expect(await client.get('error', 1)).toMatchObject({ id: 9, error: { code: 'bad_channel' } })
    expect((await client.get('error', 4)).error.code).toBe('unknown_type')
    expect(client.closed).toBeUndefined()
  })

  test('upgrades: foreign origin with cookie 403, silence 4408, bad token 4401, another tab 4409', async () => {
    const foreign = new RawClient(`${address}/lockstep`, {
      origin: 'https://evil.example',
      cookie: 'user=alice',
    })
    await eventually(() => expect(foreign.socket.readyState).toBe(WebSocket.CLOSED))
    const silent = await new RawClient(`${address}/lockstep`).opened()
    await eventually(() => expect(silent.closed?.code).toBe(4408))
    const forged = await new RawClient(`${address}/lockstep`).opened()
    forged.send({ type: 'hello', version: 1, token: 'AAAA' })
    await eventually(() => expect(forged.closed?.code).toBe(4401))
    const { token } = server.issueSession(olivia)
    const a = await new RawClient(`${address}/lockstep`).opened()
    a.send({ type: 'hello', version: 1, token })
    await a.get('welcome')
    const b = await new RawClient(`${address}/lockstep`).opened()
    b.send({ type: 'hello', version: 1, token })
    await b.get('welcome')
    await eventually(() => expect(a.closed?.code).toBe(4409))
  })

  test('TRUNCATE gives a reset and an empty snapshot', async () => {
    const client = await (await join(olivia, 'project/1')).live()
    await sql`TRUNCATE tasks`
    expect((await client.get('reset')).reason).toBe('truncated')
    await client.get('live')
    expect((await client.get('snapshot')).collections.tasks?.rows).toEqual([])
  })
})

test('a wrong address or slot name is said at once, with what to do', async () => {
  const options = { sync: defineSync({ channels: {}, collections: {} }), authenticate: () => null }
  await expect(createSyncServer({ ...options, database: 'localhost' })).rejects.toThrow(
    /looks like postgres:/,
  )
  const named = createSyncServer({ ...options, database: 'postgres://localhost/x', slot: 'My-Slot' })
  await expect(named).rejects.toThrow(/small letters/)
})
