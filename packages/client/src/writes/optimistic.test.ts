import { expect, test } from 'vitest'
import { stage } from '../../test/stage.ts'
import { settle } from '../../test/virtual-runtime.ts'
import { body, follow, title, updates } from '../../test/writing.ts'
import type { Changes } from '../index.ts'

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
