import { expect, test } from 'vitest'
import { stage } from '../test/stage.ts'
import { settle } from '../test/virtual-runtime.ts'
import { type Changes, WriteError } from './index.ts'

test('subscribes, gets the rows, and follows changes', async () => {
  const { server, client: make, errors } = stage()
  const client = make('session')
  const a = client.channel('a')
  expect(client.status.state).toBe('connecting')
  server.connection.open()
  server.connection.arrive()
  expect(client.status.state).toBe('live')
  await a.ready
  expect(a.items.all()).toEqual([
    { id: 1, title: 'one' },
    { id: 2, title: 'two' },
  ])
  expect(a.items.get(1)).toBe(a.collection('items').get('1'))
  const seen: Changes[] = []
  a.items.subscribe((changes) => seen.push(changes))
  const two = a.items.get(2)
  server.commit({
    a: { items: { update: { 1: { title: 'eins' } }, create: { 3: { id: 3, title: 'three' } } } },
  })
  server.connection.arrive()
  expect(seen).toEqual([{ created: ['3'], updated: ['1'], destroyed: [], origin: 'remote' }])
  expect(a.items.get(1)).toEqual({ id: 1, title: 'eins' })
  expect(a.items.get(2)).toBe(two)
  expect(errors).toEqual([])
})

test('shows the page rows at once and goes on from their position', () => {
  const { server, client: make } = stage()
  const client = make('page')
  const a = client.channel('a')
  expect(a.items.size).toBe(2)
  server.commit({ a: { items: { destroy: ['1'] } } })
  const seen: Changes[] = []
  a.items.subscribe((changes) => seen.push(changes))
  server.connection.open()
  expect(server.connection.received).toMatchObject([{ type: 'hello' }, { type: 'subscribe', channel: 'a' }])
  server.connection.arrive()
  expect(seen).toEqual([{ created: [], updated: [], destroyed: ['1'], origin: 'remote' }])
})

test('resumes after a cut without a reset, and diffs a reset', async () => {
  const { server, runtime, client: make } = stage()
  const client = make('page')
  const a = client.channel('a')
  server.connection.open()
  server.connection.arrive()
  server.connection.cut()
  expect(client.status.state).toBe('offline')
  server.commit({ a: { items: { update: { 2: { title: 'zwei' } } } } })
  await runtime.advance(200)
  expect(server.connections).toHaveLength(2)
  server.connection.open()
  server.connection.arrive()
  expect(a.items.get(2)?.title).toBe('zwei')
  expect(server.connection.received.filter(({ type }) => type === 'subscribe')).toHaveLength(1)

  server.newEpoch()
  server.commit({ a: { items: { create: { 9: { id: 9, title: 'nine' } } } } })
  server.connection.outbox = []
  const one = a.items.get(1)
  const seen: Changes[] = []
  a.items.subscribe((changes) => seen.push(changes))
  server.connection.reset('a', 'epoch')
  server.connection.arrive()
  expect(seen).toEqual([{ created: ['9'], updated: [], destroyed: [], origin: 'reset', reset: 'epoch' }])
  expect(a.items.get(1)).toBe(one)
  expect(a.status).toEqual({ state: 'live', reset: 'epoch' })
})

test('shows a write at once and resolves when its effect has passed (G6)', async () => {
  const { server, client: make } = stage()
  const client = make('page')
  const a = client.channel('a')
  server.connection.open()
  server.connection.arrive()
  server.writeRule = () => ({
    status: 201,
    body: { id: 7, title: 'seven!' },
    changes: { a: { items: { create: { 7: { id: 7, title: 'seven!' } } } } },
  })
  const seen: Changes[] = []
  a.items.subscribe((changes) => seen.push(changes))
  let done = false
  const promise = a.items.create({ title: 'seven' }).then((reply) => {
    done = true
    return reply
  })
  const temporary = seen[0]?.created[0] ?? ''
  expect(temporary).toMatch(/^tmp:/)
  expect(a.items.get(temporary)?.title).toBe('seven')
  expect(client.pendingWrites).toBe(1)
  const update = a.items.update(temporary, { title: 'sieben' })
  expect(a.items.get(temporary)?.title).toBe('sieben')
  await settle()
  expect(server.requests).toHaveLength(1)
  expect(server.requests[0]).toMatchObject({
    url: '/api/a/items',
    request: { method: 'POST', body: '{"title":"seven"}' },
  })
  expect(done).toBe(false)
  server.writeRule = () => ({
    status: 200,
    changes: { a: { items: { update: { 7: { title: 'sieben' } } } } },
  })
  server.connection.arrive()
  expect(a.items.get(temporary)).toBeUndefined()
  expect(a.items.get(7)).toEqual({ id: 7, title: 'sieben' })
  expect(seen.at(-1)).toEqual({ created: ['7'], updated: [], destroyed: [temporary], origin: 'local' })
  expect(await promise).toEqual({ id: 7, title: 'seven!' })
  await settle()
  expect(server.requests[1]).toMatchObject({ url: '/api/a/items/7', request: { method: 'PATCH' } })
  server.connection.arrive()
  await update
  expect(client.pendingWrites).toBe(0)
  expect(seen).toHaveLength(3)
})

test('nobody waits for a channel of a client that was closed', async () => {
  const { client: make } = stage()
  const client = make('page')
  const waiting = [client.channel('a').ready, client.channel('b').ready]
  client.close()
  for (const ready of waiting) await expect(ready).rejects.toMatchObject({ code: 'closed' })
  // Also what is asked for later.
  for (const name of ['a', 'never asked for']) {
    await expect(client.channel(name).ready).rejects.toMatchObject({ code: 'closed' })
  }
  expect(client.channel('a').status).toEqual({ state: 'idle' })
  expect(client.channel('a').items.size).toBe(2)
})

test('takes a refused write back, with the server’s reason', async () => {
  const { server, client: make } = stage()
  const a = make('page').channel('a')
  server.connection.open()
  server.connection.arrive()
  server.writeRule = () => ({
    status: 403,
    body: { error: { code: 'forbidden', message: 'Not yours.', retryable: false } },
  })
  const one = a.items.get(1)
  const promise = a.items.update(1, { title: 'mine' })
  expect(a.items.get(1)?.title).toBe('mine')
  const error = await promise.catch((error: unknown) => error)
  expect(error).toBeInstanceOf(WriteError)
  expect(error).toMatchObject({ code: 'forbidden', message: 'Not yours.', status: 403, retryable: false })
  expect(a.items.get(1)).toBe(one)
})
