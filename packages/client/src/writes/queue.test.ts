import { expect, test } from 'vitest'
import { type Stage, stage } from '../../test/stage.ts'
import { settle } from '../../test/virtual-runtime.ts'
import { type Changes, WriteError } from '../index.ts'
import { confirmMs, replyMs, writeRetryMs } from './queue.ts'

const title = (id: number, text: string) => ({ a: { items: { update: { [id]: { title: text } } } } })
const body = (request: { readonly body?: string | undefined }): { title?: string } =>
  JSON.parse(request.body ?? '{}')

/** Answers updates of an item as an application would. */
function updates(server: Stage['server']): void {
  server.writeRule = (url, request) => ({
    status: 200,
    body: { ok: true },
    changes: title(Number(url.split('/').at(-1)), body(request).title ?? ''),
  })
}

/** Follows a promise without waiting for it. */
function follow(promise: Promise<unknown>): { outcome: unknown } {
  const seen: { outcome: unknown } = { outcome: 'pending' }
  promise.then(
    () => {
      seen.outcome = 'done'
    },
    (error: unknown) => {
      seen.outcome = error
    },
  )
  return seen
}

test('sends exactly one request, with its idempotency key and session', async () => {
  const { server, live } = stage()
  updates(server)
  const a = live().channel('a')
  const write = follow(a.items.update(1, { title: 'eins' }))
  await settle()
  expect(server.requests).toEqual([
    {
      url: '/api/a/items/1',
      request: {
        method: 'PATCH',
        headers: {
          'idempotency-key': expect.stringMatching(/^id/),
          'lockstep-session': 's0',
          'content-type': 'application/json',
        },
        body: '{"title":"eins"}',
      },
    },
  ])
  server.connection.arrive()
  await settle()
  expect(write.outcome).toBe('done')
  expect(server.requests).toHaveLength(1)
})

test('an endpoint of one’s own decides method, address and body', async () => {
  const { server, live } = stage()
  const a = live({
    endpoint: ({ channel, collection, action, key }) => ({
      method: 'PUT',
      url: `/x/${channel}.${collection}.${action}.${key}`,
      body: [1],
    }),
  }).channel('a')
  follow(a.items.destroy('we/ird key'))
  follow(a.items.create({ title: 'new' }))
  await settle()
  expect(server.requests.map(({ url, request }) => [url, request.method, request.body])).toEqual([
    ['/x/a.items.destroy.we/ird key', 'PUT', '[1]'],
    ['/x/a.items.create.undefined', 'PUT', '[1]'],
  ])
})

test('G6: a write with no visible effect ends when its confirmation has passed', async () => {
  const { server, live } = stage()
  const a = live().channel('a')
  const write = follow(a.write({ url: '/api/nothing' }))
  await settle()
  expect(write.outcome).toBe('pending')
  server.connection.arrive()
  await settle()
  expect(write.outcome).toBe('done')
})

test('G6: what was confirmed while the stream was down ends with a barrier after it is back', async () => {
  const { server, runtime, live, connect } = stage()
  const a = live().channel('a')
  const write = follow(a.write({ url: '/api/nothing' }))
  await settle()
  server.connection.cut()
  await runtime.advance(100)
  connect()
  await settle()
  expect(server.connection.received.at(-1)).toMatchObject({ type: 'barrier' })
  expect(write.outcome).toBe('done')
})

test('G6: a reply that comes after a reconnect asks for a barrier at once', async () => {
  const { server, runtime, live, connect } = stage()
  const answer: { give?: () => void } = {}
  const respond = runtime.respond
  runtime.respond = async (url, request) => {
    const reply = await respond(url, request)
    await new Promise<void>((resolve) => {
      answer.give = resolve
    })
    return reply
  }
  const a = live().channel('a')
  const write = follow(a.write({ url: '/api/nothing' }))
  await settle()
  server.connection.cut()
  await runtime.advance(100)
  connect()
  answer.give?.()
  await settle()
  server.connection.arrive()
  await settle()
  expect(write.outcome).toBe('done')
})

test('a write that the stream does not know ends with a barrier after a while', async () => {
  const { server, runtime, live } = stage()
  runtime.respond = async () => ({ status: 200, text: async () => '"plain"' })
  const a = live().channel('a')
  const promise = a.items.update(1, { title: 'eins' })
  const write = follow(promise)
  await runtime.advance(confirmMs - 1)
  expect(server.connection.outbox).toEqual([])
  await runtime.advance(1)
  server.connection.arrive()
  await settle()
  expect(write.outcome).toBe('done')
  expect(await promise).toBe('plain')
  expect(a.items.get(1)?.title).toBe('one')
})

test('G3: a lost reply is asked for again with the same key, and has one effect', async () => {
  const { server, runtime, live } = stage()
  updates(server)
  server.weather = ['reply-lost', 'request-lost', 'unavailable', 'fine']
  const a = live().channel('a')
  const write = follow(a.items.update(1, { title: 'eins' }))
  await runtime.advance(5_000)
  server.connection.arrive()
  await settle()
  expect(write.outcome).toBe('done')
  expect(server.commits.filter(({ mutation }) => mutation !== undefined)).toHaveLength(1)
  expect(new Set(server.requests.map(({ request }) => request.headers['idempotency-key'])).size).toBe(1)
})

test('gives up after a while without a server, and takes the row back', async () => {
  const { runtime, live } = stage()
  runtime.respond = () => Promise.reject(new Error('network'))
  const client = live()
  const { items } = client.channel('a')
  const seen: Changes[] = []
  items.subscribe((changes) => seen.push(changes))
  const write = follow(items.update(1, { title: 'eins' }))
  await runtime.advance(writeRetryMs - 1)
  expect(items.get(1)?.title).toBe('eins')
  await runtime.advance(20_000)
  expect(write.outcome).toMatchObject({ code: 'offline', retryable: true, status: 0 })
  expect(items.get(1)?.title).toBe('one')
  expect(seen.map(({ origin }) => origin)).toEqual(['local', 'refused'])
  expect(client.pendingWrites).toBe(0)
})

test('a request without a reply is sent again', async () => {
  const { runtime, live } = stage()
  let sent = 0
  runtime.respond = () => {
    sent++
    return new Promise(() => {})
  }
  follow(live().channel('a').items.update(1, { title: 'eins' }))
  await runtime.advance(replyMs + 1_000)
  expect(sent).toBe(2)
})

test.each([400, 401, 404, 409, 422, 500])('a reply of %i takes the write back', async (status) => {
  const { server, live } = stage()
  server.writeRule = () => ({
    status,
    body: { error: { code: 'why', message: 'Because.', retryable: false }, field: 'title' },
  })
  const { items } = live().channel('a')
  const write = follow(items.update(1, { title: 'eins' }))
  await settle()
  expect(write.outcome).toBeInstanceOf(WriteError)
  expect(write.outcome).toMatchObject({
    code: 'why',
    message: 'Because.',
    status,
    retryable: false,
    details: { field: 'title' },
  })
  expect(items.get(1)?.title).toBe('one')
  expect(server.requests).toHaveLength(1)
})

test('a reply that is not JSON still has a code', async () => {
  const { runtime, live } = stage()
  runtime.respond = async () => ({ status: 404, text: async () => '<h1>Not found</h1>' })
  const write = follow(live().channel('a').items.update(1, { title: 'eins' }))
  await settle()
  expect(write.outcome).toMatchObject({ code: 'http_404', details: '<h1>Not found</h1>' })
})

test('writes of one row go one after the other; those of another row do not wait', async () => {
  const { server, live } = stage()
  updates(server)
  const { items } = live().channel('a')
  server.weather = ['reply-lost']
  follow(items.update(1, { title: 'a' }))
  follow(items.update(1, { title: 'b' }))
  follow(items.update(2, { title: 'c' }))
  await settle()
  expect(server.requests.map(({ request }) => body(request).title)).toEqual(['a', 'c'])
  expect(items.get(1)?.title).toBe('b')
  // The first one's row comes through the stream; the later write stays on top of it.
  server.connection.arrive()
  expect(items.get(1)?.title).toBe('b')
})

test('the server’s last state of a row is the user’s last one', async () => {
  const { server, runtime, live } = stage()
  updates(server)
  server.weather = ['request-lost', 'unavailable']
  const { items } = live().channel('a')
  const writes = ['a', 'b', 'c'].map((text) => follow(items.update(1, { title: text })))
  for (let i = 0; i < 20; i++) {
    await runtime.advance(500)
    server.connection.arrive()
    expect(items.get(1)?.title).toBe('c')
  }
  expect(writes.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done'])
  expect(server.rows('a', 'items').get('1')?.title).toBe('c')
})

test('pending writes show on top of newer rows, column by column', () => {
  const { server, runtime, live } = stage()
  runtime.respond = () => new Promise(() => {})
  const { tasks } = live().channel('a')
  server.commit({ a: { tasks: { create: { 5: { id: 5, hours: 1, who: 'alice' } } } } })
  server.connection.arrive()
  follow(tasks.update(5, { hours: 2 }))
  server.commit({ a: { tasks: { update: { 5: { hours: 7, who: 'olivia' } } } } })
  server.connection.arrive()
  expect(tasks.get(5)).toEqual({ id: 5, hours: 2, who: 'olivia' })
})

test('a row that equals what was shown stays the same object and tells nobody', async () => {
  const { server, live } = stage()
  updates(server)
  const { items } = live().channel('a')
  const seen: Changes[] = []
  items.subscribe((changes) => seen.push(changes))
  const write = follow(items.update(1, { title: 'eins' }))
  const shown = items.get(1)
  const all = items.all()
  await settle()
  server.connection.arrive()
  await settle()
  expect(write.outcome).toBe('done')
  expect(items.get(1)).toBe(shown)
  expect(items.all()).toBe(all)
  expect(seen).toHaveLength(1)
})

test('a new row with a key of one’s own keeps it', async () => {
  const { server, live } = stage()
  server.writeRule = (_url, request) => ({
    status: 201,
    changes: { a: { items: { create: { 9: { id: 9, title: `${body(request).title}!` } } } } },
  })
  const { items } = live().channel('a')
  const write = follow(items.create({ id: 9, title: 'nine' }))
  expect(items.get(9)?.title).toBe('nine')
  await settle()
  server.connection.arrive()
  await settle()
  expect(items.get('9')?.title).toBe('nine!')
  expect(write.outcome).toBe('done')
})

test('writes of a new row wait for its key, and go with it when it is refused', async () => {
  const { server, live } = stage()
  server.writeRule = () => ({
    status: 422,
    body: { error: { code: 'blank', message: 'No title.', retryable: false } },
  })
  const { items } = live().channel('a')
  const creation = follow(items.create({ title: '' }))
  const key = items.keyOf(items.all().at(-1) ?? { id: 0, title: '' })
  expect(key).toMatch(/^tmp:/)
  const update = follow(items.update(key, { title: 'x' }))
  const destroy = follow(items.destroy(key))
  expect(items.has(key)).toBe(false)
  await settle()
  expect(creation.outcome).toMatchObject({ code: 'blank' })
  await settle()
  expect(update.outcome).toMatchObject({ code: 'not_found' })
  expect(destroy.outcome).toMatchObject({ code: 'not_found' })
  expect(server.requests).toHaveLength(1)
  expect(items.size).toBe(2)
})

test('a transaction that creates several rows leaves the key to the reply', async () => {
  const { server, live } = stage()
  server.writeRule = () => ({
    status: 201,
    body: { id: 8, title: 'eight' },
    changes: { a: { items: { create: { 7: { id: 7, title: 'seven' }, 8: { id: 8, title: 'eight' } } } } },
  })
  const { items } = live().channel('a')
  follow(items.create({ title: 'eight' }))
  const key = items.keyOf(items.all().at(-1) ?? { id: 0, title: '' })
  const update = follow(items.update(key, { title: 'acht' }))
  await settle()
  server.writeRule = () => ({ status: 200, changes: title(8, 'acht') })
  server.connection.arrive()
  expect(items.get(8)?.title).toBe('acht')
  await settle()
  server.connection.arrive()
  await settle()
  expect(update.outcome).toBe('done')
  expect(server.requests[1]?.url).toBe('/api/a/items/8')
  // The temporary key goes on working for whoever kept it.
  follow(items.destroy(key))
  await settle()
  expect(server.requests[2]?.url).toBe('/api/a/items/8')
})

test('an optimistic write of one’s own may touch several rows and collections, and shows as one', async () => {
  const { server, live } = stage()
  const a = live().channel('a')
  const looks: unknown[] = []
  const look = () => looks.push([a.items.has(1), a.items.get(2)?.title, a.tasks.size])
  a.items.subscribe(look)
  a.tasks.subscribe(look)
  server.writeRule = () => ({ status: 403 })
  const write = follow(
    a.write({
      url: '/api/merge',
      body: { from: 1, to: 2 },
      optimistic(tx) {
        tx.destroy('items', 1)
        tx.update('items', 2, { title: 'both' })
        tx.create('tasks', { hours: 1 })
      },
    }),
  )
  await settle()
  expect(looks).toEqual([
    [false, 'both', 1],
    [false, 'both', 1],
    [true, 'two', 0],
    [true, 'two', 0],
  ])
  expect(write.outcome).toMatchObject({ code: 'http_403' })
  await expect(
    a.write({
      url: '/x',
      optimistic: () => {
        throw new Error('mine')
      },
    }),
  ).rejects.toThrow('mine')
})

test('what is shown for a new channel stays until its rows are there', async () => {
  const { server, live } = stage()
  const client = live()
  server.slowFill = true
  const b = client.channel('b')
  server.writeRule = () => ({
    status: 201,
    body: { id: 3, title: 'three' },
    changes: { b: { items: { create: { 3: { id: 3, title: 'three' } } } } },
  })
  server.connection.arrive()
  const write = follow(b.items.create({ title: 'three' }))
  await settle()
  server.connection.arrive()
  expect(b.items.all().map(({ title }) => title)).toEqual(['three'])
  expect(write.outcome).toBe('pending')
  server.connection.finish()
  server.connection.arrive()
  expect(b.items.all()).toEqual([{ id: 3, title: 'three' }])
  await settle()
  expect(write.outcome).toBe('done')
})

test('closing the client rejects what is pending, takes it back and leaves no timer', async () => {
  const { runtime, live } = stage()
  const client = live()
  const { items } = client.channel('a')
  runtime.respond = () => new Promise(() => {})
  const counts: number[] = []
  client.onPendingWrites((count) => counts.push(count))
  const writes = [follow(items.update(1, { title: 'x' })), follow(items.update(1, { title: 'y' }))]
  await settle()
  client.close()
  await settle()
  for (const { outcome } of writes) expect(outcome).toMatchObject({ code: 'closed' })
  expect(counts).toEqual([1, 2, 1, 0])
  expect(items.get(1)?.title).toBe('one')
  expect(runtime.timers).toBe(0)
  await expect(items.update(1, { title: 'z' })).rejects.toMatchObject({ code: 'closed' })
})

test('without a stream to wait for, a write ends with its reply and stays on show', async () => {
  const { server, live } = stage()
  updates(server)
  const client = live()
  server.connection.cut(4409, 'replaced')
  const write = follow(client.channel('a').items.update(1, { title: 'eins' }))
  await settle()
  expect(write.outcome).toBe('done')
  expect(client.channel('a').items.get(1)?.title).toBe('eins')
})
