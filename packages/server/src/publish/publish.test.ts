import { connect } from 'node:net'
import { cutProxy, eventually } from '@lockstep/testing'
import fc from 'fast-check'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { compileSync } from '../definition/compile.ts'
import { SetupError } from '../fault/fault.ts'
import { silentLogger } from '../runtime/logger.ts'
import { nodeRuntime } from '../runtime/node.ts'
import { createSyncServer } from '../server.ts'
import { Backend, type Follower, formerSecret, secret, sync } from './backend.setup.ts'
import { createPublisher } from './publisher.ts'
import { prepareExternal } from './tables.ts'

let backend: Backend
let sql: postgres.Sql
const open: Follower[] = []

beforeAll(async () => {
  backend = await Backend.start(async ({ url }) => {
    sql = postgres(url, { onnotice: () => {} })
    await sql.unsafe('CREATE TABLE rows (id int PRIMARY KEY); ALTER TABLE rows REPLICA IDENTITY FULL')
  })
}, 60_000)

afterEach(async () => {
  for (const follower of open.splice(0)) follower.close()
  await sql.unsafe(
    'DELETE FROM lockstep.external_todos; DELETE FROM lockstep.external_items; DELETE FROM lockstep.external_notes',
  )
})

afterAll(async () => {
  await backend?.stop()
  await sql?.end()
  await backend?.database.drop()
})

async function follow(channel: string, position?: string, token?: string): Promise<Follower> {
  const follower = await backend.subscribe(channel, position, token)
  open.push(follower)
  return follower
}

const tea = { id: 17, title: 'Buy some tasty kale juice', created_at: '2011-09-06T20:49:03Z' }

describe('publishing', () => {
  it('B1: brings the message of a Rails observer to every subscriber', async () => {
    const follower = await follow('sync/todos')
    await backend.publish({ channel: '/sync/todos', data: { create: { '17': tea } } })
    await backend.publish({ channel: '/sync/todos', data: { update: { '17': { title: 'Tea' } } } })
    await eventually(() => expect(follower.transactions).toHaveLength(2))
    expect(follower.transactions.map(({ changes }) => changes)).toEqual([
      { todos: { create: { '17': { id: 17, title: tea.title, done: null } } } },
      { todos: { update: { '17': { title: 'Tea' } } } },
    ])
    await backend.publish({ channel: '/sync/todos', data: { destroy: { '17': {} } } })
    await eventually(() =>
      expect(follower.transactions.at(2)?.changes).toEqual({ todos: { destroy: ['17'] } }),
    )
  })

  it('B2: keeps the rows, so that who comes later gets them all', async () => {
    await backend.publish({
      channel: 'sync/todos',
      data: { create: { '1': { title: 'a' }, '2': { title: 'b', done: true } } },
    })
    await backend.publish({ channel: 'sync/todos', data: { update: { '1': { done: false } } } })
    const follower = await follow('sync/todos')
    expect(follower.collections.todos).toEqual({
      '1': { id: 1, title: 'a', done: false },
      '2': { id: 2, title: 'b', done: true },
    })
  })

  it('B2: spells the channel into rows that are created, and a row moves by saying where it is', async () => {
    const [one, two] = [await follow('project/1'), await follow('project/2')]
    await backend.publish({
      channel: 'project/1',
      collection: 'items',
      data: { create: { '5': { tags: ['x', 1] } } },
    })
    const created = { id: '5', project_id: 1, title: null, tags: ['x', 1] }
    await eventually(() => expect(one.collections.items).toEqual({ '5': created }))
    await backend.publish({
      channel: 'project/2',
      collection: 'items',
      data: { update: { '5': { project_id: 2 } } },
    })
    await eventually(() => expect(two.collections.items).toEqual({ '5': { ...created, project_id: 2 } }))
    await eventually(() => expect(one.collections.items).toEqual({}))
  })

  it('B2: takes keys of several columns, spelled by P5', async () => {
    const follower = await follow('project/1')
    const publish = (data: unknown) => backend.publish({ channel: 'project/1', collection: 'notes', data })
    await publish({ create: { 'x%2Cy%25,2': {} } })
    await eventually(() => expect(follower.transactions).toHaveLength(1))
    expect(follower.transactions[0]?.changes.notes?.create).toEqual({
      'x%2Cy%25,2': { a: 'x,y%', b: 2, project_id: 1 },
    })
    expect(await publish({ destroy: ['x%2Cy%25,2', 'z,1'] })).toEqual({ replayed: false, missing: ['z,1'] })
  })

  it('B2: tells keys that were not there, and leaves rows of other channels alone', async () => {
    await backend.publish({ channel: 'project/1', collection: 'items', data: { create: { '5': {} } } })
    const elsewhere = { channel: 'project/2', collection: 'items' }
    const update = { ...elsewhere, data: { update: { '5': { title: 'taken' }, '6': { title: 'x' } } } }
    expect(await backend.publish(update)).toEqual({ replayed: false, missing: ['5', '6'] })
    const destroy = { ...elsewhere, data: { destroy: ['5'] } }
    expect(await backend.publish(destroy)).toEqual({ replayed: false, missing: ['5'] })
    expect(await backend.rows('project/1', 'items')).toMatchObject({ '5': { title: null } })
  })

  it('B3: G5: a batch is one commit, over all of its channels, or nothing', async () => {
    const follower = await follow('sync/todos')
    const create = (id: number) => ({ channel: 'sync/todos', data: { create: { [id]: { title: 'x' } } } })
    const other = { channel: 'project/1', collection: 'items', data: { create: { '1': {} } } }
    expect(await backend.publish([create(1), create(2), other])).toEqual([
      { replayed: false, missing: [] },
      { replayed: false, missing: [] },
      { replayed: false, missing: [] },
    ])
    const bad = { channel: 'sync/todos', data: { create: { '4': { done: 'perhaps' } } } }
    expect(await backend.refusal([create(3), bad])).toEqual({ status: 400, code: 'bad_value' })
    expect(await backend.refusal([create(3), { channel: 'sync/todos' }])).toMatchObject({ status: 400 })
    await backend.publish(create(5))
    await eventually(() => expect(follower.transactions).toHaveLength(2))
    expect(Object.keys(follower.transactions[0]?.changes.todos?.create ?? {})).toEqual(['1', '2'])
    expect(Object.keys(follower.collections.todos ?? {})).toEqual(['1', '2', '5'])
  })

  it('B4: G3: a request that is sent again with its key changes nothing and gets the same answer', async () => {
    const message = { channel: 'sync/todos', data: { update: { '9': { title: 'x' } } } }
    const first = await backend.post(message, { 'idempotency-key': 'retry' })
    await backend.publish({ channel: 'sync/todos', data: { create: { '9': { title: 'later' } } } })
    const second = await backend.post(message, { 'idempotency-key': 'retry' })
    expect(second.headers.get('idempotent-replayed')).toBe('true')
    expect(await second.json()).toEqual(await first.json())
    expect(await backend.rows('sync/todos', 'todos')).toMatchObject({ '9': { title: 'later' } })
    const other = { channel: 'sync/todos', data: { update: { '9': { title: 'y' } } } }
    expect(await backend.refusal(other, { 'idempotency-key': 'retry' })).toEqual({
      status: 409,
      code: 'key_reused',
    })
  })

  it('B4: G3: a message with its own key is taken once, in whatever batch it comes again', async () => {
    const message = { channel: 'sync/todos', key: 'm1', operation: 'todos/ring', envelope: { bell: 1 } }
    const follower = await follow('sync/todos')
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => backend.publish([message, { ...message, key: 'm2' }])),
    )
    expect(answers.filter((a) => JSON.stringify(a).includes('"replayed":false'))).toHaveLength(1)
    await backend.publish({ channel: 'sync/todos', operation: 'end' })
    await eventually(() => expect(follower.transactions.at(-1)?.operations?.[0]?.operation).toBe('end'))
    expect(follower.transactions.flatMap(({ operations }) => operations ?? [])).toEqual([
      { operation: 'todos/ring', envelope: { bell: 1 } },
      { operation: 'todos/ring', envelope: { bell: 1 } },
      { operation: 'end', envelope: null },
    ])
    expect(await backend.refusal({ ...message, envelope: 2 })).toEqual({ status: 409, code: 'key_reused' })
  })

  it('B5: G6: a backend passes on who wrote, and the writer is told', async () => {
    const { id, token } = backend.server.issueSession({ id: 'alice' })
    const follower = await follow('sync/todos', undefined, token)
    const create = { channel: 'sync/todos', data: { create: { '1': { title: 'x' } } } }
    const response = await backend.post(create, { 'lockstep-session': id, 'idempotency-key': 'hers' })
    expect(response.headers.get('lockstep-position')).toMatch(/^[a-z0-9]+\.[a-f0-9]+$/)
    await eventually(() => expect(follower.transactions[0]).toMatchObject({ session: id, mutation: 'hers' }))
    await eventually(() =>
      expect(follower.inbox).toContainEqual(expect.objectContaining({ type: 'confirmed', mutation: 'hers' })),
    )
  })

  it('G4: keeps the order of commits of publishers at the same time, at every subscriber', async () => {
    const followers = [await follow('sync/todos'), await follow('sync/todos')]
    await backend.publish({ channel: 'sync/todos', data: { create: { '1': { title: '' } } } })
    const publisher = async (name: string) => {
      for (let i = 0; i < 20; i++) {
        await backend.publish({ channel: 'sync/todos', data: { update: { '1': { title: `${name}${i}` } } } })
      }
    }
    await Promise.all(['a', 'b', 'c'].map(publisher))
    await eventually(() => expect(followers[1]?.transactions).toHaveLength(61))
    const titles = (follower: Follower | undefined) =>
      follower?.transactions.map(({ changes }) => changes.todos?.update?.['1']?.title) ?? []
    await eventually(() => expect(titles(followers[0])).toEqual(titles(followers[1])))
    for (const name of ['a', 'b', 'c']) {
      const own = titles(followers[0]).filter((title) => String(title).startsWith(name))
      expect(own).toEqual(Array.from({ length: 20 }, (_, i) => `${name}${i}`))
    }
    expect((await backend.rows('sync/todos', 'todos'))['1']?.title).toBe(titles(followers[0]).at(-1))
  })

  it('G1: subscribers and snapshots agree with a model of what was published, in order', async () => {
    const key = fc.integer({ min: 1, max: 4 }).map(String)
    const row = fc.record({ title: fc.string({ maxLength: 3 }), done: fc.boolean() }, { requiredKeys: [] })
    const step = fc.record({ event: fc.constantFrom('create', 'update', 'destroy'), key, row })
    type Step = { event: string; key: string; row: { title?: string; done?: boolean } }
    const model = new Map<string, object>()
    const apply = ({ event, key: id, row: given }: Step) => {
      if (event === 'destroy') model.delete(id)
      else if (event === 'create') model.set(id, { id: Number(id), title: null, done: null, ...given })
      else if (model.has(id)) model.set(id, { ...model.get(id), ...given })
    }
    const follower = await follow('sync/todos')
    const batches = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(batches, async (list) => {
        for (const batch of list) {
          const clean = batch.map((s) => ({
            ...s,
            row: { ...s.row, ...(s.row.title?.includes('\0') ? { title: '' } : {}) },
          }))
          await backend.publish(
            clean.map(({ event, key: id, row: given }) => ({
              channel: 'sync/todos',
              data: { [event]: { [id]: given } },
            })),
          )
          clean.forEach(apply)
        }
        const expected = Object.fromEntries(model)
        expect(await backend.rows('sync/todos', 'todos')).toEqual(expected)
        await eventually(() => expect(follower.collections.todos).toEqual(expected))
      }),
      { numRuns: 15 },
    )
  })

  it('R2: a subscriber goes on from its position over a restart, without a snapshot', async () => {
    const create = (id: number) => ({ channel: 'sync/todos', data: { create: { [id]: { title: 'x' } } } })
    const before = await follow('sync/todos')
    await backend.publish(create(1), { 'idempotency-key': 'before-the-restart' })
    await eventually(() => expect(before.transactions).toHaveLength(1))
    const { position } = before
    await backend.publish(create(2))
    await backend.restart()
    await backend.publish(create(3))
    const replayed = await backend.post(create(1), { 'idempotency-key': 'before-the-restart' })
    expect(replayed.headers.get('idempotent-replayed')).toBe('true')
    const after = await follow('sync/todos', position)
    await eventually(() => expect(after.transactions).toHaveLength(2))
    expect(after.inbox.map(({ type }) => type)).not.toContain('snapshot')
    expect(after.transactions.map(({ changes }) => Object.keys(changes.todos?.create ?? {}))).toEqual([
      ['2'],
      ['3'],
    ])
  }, 30_000)

  it('B2: gives the table columns that are declared later, and tells the SQL where a type changed', async () => {
    const compiled = (external: Record<string, 'integer' | 'text'>) =>
      compileSync({
        channels: { grown: { authorize: () => true } },
        collections: { grown: { external, channel: 'grown' } },
      }).collections
    const { url } = backend.database
    await prepareExternal(url, compiled({ id: 'integer' }))
    await prepareExternal(url, compiled({ id: 'integer', title: 'text' }))
    await sql`INSERT INTO lockstep.external_grown (id, title) VALUES (1, 'x')`
    await expect(prepareExternal(url, compiled({ id: 'text', title: 'text' }))).rejects.toThrow(
      /"id" .* has the type integer, not text\. Run: ALTER TABLE "lockstep"\."external_grown" ALTER COLUMN "id" TYPE text/,
    )
    const unreachable = prepareExternal('postgres://x@127.0.0.1:1/x', compiled({ id: 'integer' }))
    await expect(unreachable).rejects.toThrow(SetupError)
  })

  it('B2: any SQL may write the rows too', async () => {
    const follower = await follow('sync/todos')
    await sql`INSERT INTO lockstep.external_todos (id, title) VALUES (1, 'from psql')`
    await eventually(() => expect(follower.collections.todos).toMatchObject({ '1': { title: 'from psql' } }))
  })
})

describe('what is refused', () => {
  const todo = { channel: 'sync/todos', data: { create: { '1': { title: 'x' } } } }

  const nested = '['.repeat(100_000) + ']'.repeat(100_000)
  const deep = `{"channel":"sync/todos","data":{"create":{"1":{"title":${nested}}}}}`

  it.each([
    ['no JSON', '{', 400, 'bad_request'],
    ['no object', '3', 400, 'bad_request'],
    ['nesting without end', nested, 400, 'bad_request'],
    ['rows nested without end', deep, 400, 'bad_request'],
    ['nothing to do', { channel: 'sync/todos' }, 400, 'bad_request'],
    ['an event that is none', { ...todo, data: { upsert: {} } }, 400, 'bad_request'],
    ['rows that are no object', { ...todo, data: { create: [1] } }, 400, 'bad_request'],
    ['a row that is none', { ...todo, data: { create: { '1': 3 } } }, 400, 'bad_request'],
    ['a key that is none', { ...todo, key: '' }, 400, 'bad_request'],
    ['an operation that is none', { channel: 'sync/todos', operation: 'a b' }, 400, 'bad_request'],
    ['a name that is no channel', { ...todo, channel: '//' }, 400, 'bad_channel'],
    ['no channel', { data: {} }, 400, 'bad_channel'],
    ['a value that does not fit', { ...todo, data: { create: { '1': { done: 5 } } } }, 400, 'bad_value'],
    ['an object for a text', { ...todo, data: { create: { '1': { title: {} } } } }, 400, 'bad_value'],
    ['a list for a text', { ...todo, data: { update: { '1': { title: ['x'] } } } }, 400, 'bad_value'],
    [
      'an object for a key',
      { ...todo, data: { create: { '1': { id: { toString: 1 } } } } },
      400,
      'bad_value',
    ],
    [
      'an object for the value that spells the channel',
      {
        channel: 'project/1',
        collection: 'items',
        data: { update: { '1': { project_id: { toString: 1, valueOf: 1 } } } },
      },
      400,
      'bad_value',
    ],
    ['a key that does not fit', { ...todo, data: { create: { x: {} } } }, 400, 'bad_value'],
    ['another spelling of a key', { ...todo, data: { create: { '017': {} } } }, 400, 'bad_value'],
    ['two spellings of a key', { ...todo, data: { create: { '017': {}, '17': {} } } }, 400, 'bad_value'],
    ['an id that is not the key', { ...todo, data: { create: { '1': { id: 2 } } } }, 400, 'bad_value'],
    ['a text with NUL', { ...todo, data: { create: { '1': { title: '\0' } } } }, 400, 'bad_value'],
    ['an undeclared channel', { ...todo, channel: 'nobody' }, 404, 'no_channel'],
    ['an unknown collection', { ...todo, collection: 'nothing' }, 404, 'not_found'],
    ['a collection of another channel', { ...todo, collection: 'items' }, 404, 'not_found'],
    ['a collection that is a table', { ...todo, collection: 'rows' }, 403, 'forbidden'],
    ['a channel that is not open', { ...todo, channel: 'closed' }, 403, 'forbidden'],
    ['one of two collections', { ...todo, channel: 'project/1' }, 400, 'bad_request'],
    [
      'a row of another channel',
      { channel: 'project/1', collection: 'items', data: { create: { '1': { project_id: 2 } } } },
      400,
      'bad_value',
    ],
  ])('B6: %s', async (_, body, status, code) => {
    expect(await backend.refusal(body)).toEqual({ status, code })
    expect(await backend.rows('sync/todos', 'todos')).toEqual({})
  })

  it('B6: whoever does not know a secret; each of several is good', async () => {
    for (const authorization of ['', 'Bearer', 'Bearer x', `Basic ${secret}`, `Bearer ${secret}x`]) {
      expect(await backend.refusal(todo, { authorization })).toEqual({ status: 401, code: 'unauthorized' })
    }
    await backend.publish(todo, { authorization: `bearer ${formerSecret}` })
  })

  it('B6: another content type, another method, too much', async () => {
    expect(await backend.refusal(todo, { 'content-type': 'text/plain' })).toMatchObject({ status: 415 })
    const response = await fetch(`http://${backend.address}/lockstep/publish`)
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
    expect(await backend.refusal(Array.from({ length: 1_001 }, () => todo))).toMatchObject({ status: 413 })
    expect(await backend.refusal('x'.repeat(10_485_761))).toMatchObject({ status: 413 })
  })

  it('B6: a body that does not arrive', async () => {
    const socket = connect(Number(backend.address.split(':')[1]), '127.0.0.1')
    let reply = ''
    socket.on('data', (data) => {
      reply += data.toString()
    })
    socket.write(
      `POST /lockstep/publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${secret}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{`,
    )
    await eventually(() => expect(reply).toMatch(/^HTTP\/1\.1 408 /), { timeoutMs: 15_000 })
    socket.destroy()
  }, 20_000)

  it('B6: everything, while the database is out of reach, and nothing is half done', async () => {
    const { hostname, port } = new URL(backend.database.url)
    const proxy = await cutProxy({ targetHost: hostname, targetPort: Number(port) })
    const url = new URL(backend.database.url)
    url.host = `127.0.0.1:${proxy.port}`
    const client = postgres(url.href, { max: 1, connect_timeout: 1 })
    const publisher = createPublisher({
      sql: client,
      sync: compileSync(sync),
      options: { secret },
      epoch: () => 'e',
      runtime: nodeRuntime,
      logger: silentLogger,
    })
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${secret}` }
    const post = () =>
      publisher.handle(
        new Request('http://x/publish', { method: 'POST', headers, body: JSON.stringify([todo, todo]) }),
      )
    expect((await post()).status).toBe(200)
    await sql`DELETE FROM lockstep.external_todos`
    await proxy.close()
    expect((await post()).status).toBe(503)
    expect(await backend.rows('sync/todos', 'todos')).toEqual({})
    await publisher.close()
    await client.end({ timeout: 1 })
  }, 30_000)

  it('B1: everything, where no secret is set, and a secret that is too short', async () => {
    const server = { sync, database: backend.database.url, logger: silentLogger, authenticate: () => null }
    const other = await createSyncServer({ ...server, slot: `${backend.database.name}_b` })
    const response = await other.handle(new Request('http://x/lockstep/publish', { method: 'POST' }))
    expect(response?.status).toBe(404)
    await other.close()
    await expect(
      createSyncServer({ ...server, slot: `${backend.database.name}_b`, publish: { secret: 'short' } }),
    ).rejects.toThrow(/at least 32/)
  }, 20_000)
})
