import { expect, test } from 'vitest'
import { stage } from '../../test/stage.ts'
import { settle } from '../../test/virtual-runtime.ts'
import { follow, updates } from '../../test/writing.ts'
import { type Changes, WriteError } from '../index.ts'
import { confirmMs, replyMs, writeRetryMs } from './queue.ts'

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

test('G6: a clock that is set back does not keep a write from its barrier', async () => {
  const { server, runtime, live } = stage()
  const now = runtime.now.bind(runtime)
  let backMs = 0
  runtime.now = () => now() - backMs
  runtime.respond = async () => ({ status: 200, text: async () => '"plain"' })
  const write = follow(live().channel('a').items.update(1, { title: 'eins' }))
  await settle()
  backMs = 60_000
  await runtime.advance(confirmMs)
  server.connection.arrive()
  await settle()
  expect(write.outcome).toBe('done')
})

test('G6: a barrier that could not be had is asked for again after a while', async () => {
  const { server, runtime, errors, live } = stage()
  runtime.respond = async () => ({ status: 200, text: async () => '"plain"' })
  const write = follow(live().channel('a').items.update(1, { title: 'eins' }))
  await runtime.advance(confirmMs)
  const { connection } = server
  const asked = connection.received.at(-1)
  expect(asked?.type).toBe('barrier')
  const error = { code: 'unavailable', message: 'Later.', retryable: true }
  connection.outbox = [{ type: 'error', id: asked && 'id' in asked ? asked.id : -1, error }]
  connection.arrive()
  await runtime.advance(confirmMs)
  connection.arrive()
  await settle()
  expect(write.outcome).toBe('done')
  expect(errors).toEqual([])
})

test('a barrier that fails after its write was confirmed is no news', async () => {
  const { server, runtime, errors, live } = stage()
  let mutation = ''
  runtime.respond = async (_, { headers }) => {
    mutation = headers['idempotency-key'] ?? ''
    return { status: 200, text: async () => '"plain"' }
  }
  const write = follow(live().channel('a').items.update(1, { title: 'eins' }))
  await runtime.advance(confirmMs)
  const { connection } = server
  const asked = connection.received.at(-1)
  const error = { code: 'unavailable', message: 'Later.', retryable: true }
  connection.outbox = [
    { type: 'confirmed', mutation, position: 'e.5' },
    { type: 'error', id: asked && 'id' in asked ? asked.id : -1, error },
  ]
  connection.arrive()
  await settle()
  expect(write.outcome).toBe('done')
  expect(errors).toEqual([])
})

test('G6: a write in a channel that could not be had stays on show until the channel has it', async () => {
  const { server, runtime, live, connect } = stage()
  updates(server)
  const { items } = live().channel('a')
  const seen: (string | undefined)[] = []
  items.subscribe(() => seen.push(items.get(1)?.title))
  server.broken.add('a')
  server.connection.cut()
  await runtime.advance(100)
  connect()
  const write = follow(items.update(1, { title: 'eins' }))
  await settle()
  // It is confirmed, and the channel will be asked for again: from a position before it.
  server.connection.arrive()
  await settle()
  expect(write.outcome).toBe('pending')
  server.broken.clear()
  await runtime.advance(1_000)
  server.connection.arrive()
  await settle()
  expect(write.outcome).toBe('done')
  expect(new Set(seen)).toEqual(new Set(['eins']))
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
  server.connection.cut(4403, 'forbidden')
  const write = follow(client.channel('a').items.update(1, { title: 'eins' }))
  await settle()
  expect(write.outcome).toBe('done')
  expect(client.channel('a').items.get(1)?.title).toBe('eins')
})

test('what the application throws while the request is made rejects the write and takes it back', async () => {
  const { live, errors } = stage()
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  const client = live({
    endpoint: ({ attributes }) => {
      if (attributes['title'] === 'nowhere') throw new Error('No such endpoint.')
      return { url: '/api', body: attributes['title'] === 'circular' ? circular : attributes }
    },
  })
  const { items } = client.channel('a')
  const writes = ['nowhere', 'circular'].map((title) => follow(items.update(1, { title })))
  const after = follow(items.update(1, { title: 'eins' }))
  await settle()
  expect(writes.map(({ outcome }) => String(outcome).split('\n')[0])).toEqual([
    'Error: No such endpoint.',
    'TypeError: Converting circular structure to JSON',
  ])
  expect([client.pendingWrites, items.get(1)?.title]).toEqual([1, 'eins'])
  client.close()
  await settle()
  expect(after.outcome).toMatchObject({ code: 'closed' })
  expect(errors).toEqual([])
})

test('a computer that sleeps for hours in the middle of a write sends it on when it wakes', async () => {
  const { server, runtime, live, connect } = stage()
  updates(server)
  const client = live()
  const { items } = client.channel('a')
  let fail = (): void => {}
  runtime.respond = () =>
    new Promise((_, reject) => {
      fail = () => reject(new Error('network'))
    })
  const write = follow(items.update(1, { title: 'eins' }))
  await settle()
  runtime.sleep(8 * 3_600_000)
  // The first that the page hears: its requests have failed, and for a moment so do new ones.
  fail()
  runtime.respond = () => Promise.reject(new Error('network'))
  server.connection.cut()
  server.barred.add('t0')
  await runtime.advance(2_000)
  expect([write.outcome, items.get(1)?.title]).toEqual(['pending', 'eins'])
  runtime.respond = server.respond
  server.barred.clear()
  await runtime.advance(30_000)
  connect()
  await settle()
  server.connection.arrive()
  await settle()
  expect(write.outcome).toBe('done')
  expect([client.status.state, items.get(1)?.title]).toEqual(['live', 'eins'])
})
