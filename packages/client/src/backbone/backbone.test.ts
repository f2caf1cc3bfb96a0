import Backbone from 'backbone'
import { expect, test } from 'vitest'
import { type Stage, stage } from '../../test/stage.ts'
import { settle } from '../../test/virtual-runtime.ts'
import { title } from '../../test/writing.ts'
import { beginEdit, type Conflict, type Refusal, syncCollection } from './index.ts'

class Item extends Backbone.Model {
  get title(): string {
    return this.get('title')
  }
}

class Items extends Backbone.Collection<Item> {
  override model = Item
  override url = '/items'
}

interface Scene extends Stage {
  readonly items: Items
  /** What Backbone said, as `event id`, and `update`, `reset`, `transaction` of the collection. */
  readonly said: string[]
  arrive(): Promise<void>
  stop(): void
}

function scene(): Scene {
  const staged = stage()
  const items = new Items()
  const { stop } = syncCollection(items, staged.live().channel('a').collection('items'))
  const said: string[] = []
  items.on('all', (event: string, subject: Item | Items) => {
    if (event.startsWith('change:') || event === 'changeId') return
    said.push(subject instanceof Backbone.Model ? `${event} ${subject.id}` : event)
  })
  return {
    ...staged,
    items,
    said,
    stop,
    async arrive() {
      await settle()
      staged.server.connection.arrive()
      await settle()
    },
  }
}

const titles = ({ items }: Scene): unknown[] => items.toJSON()
const at = ({ items }: Scene, id: number): Item => items.get(id) ?? expect.fail(`no model ${id}`)

/** The application's answer to POST, PUT, PATCH and DELETE of an item. */
function answers({ server }: Scene): void {
  server.writeRule = (url, { method, body }) => {
    const id = Number(url.split('/')[2])
    const row = body === undefined ? {} : JSON.parse(body)
    if (method === 'POST') {
      const created = { ...row, id: 7 }
      return { status: 201, body: created, changes: { a: { items: { create: { 7: created } } } } }
    }
    if (method === 'DELETE') return { status: 200, changes: { a: { items: { destroy: [String(id)] } } } }
    return { status: 200, body: row, changes: title(id, row.title) }
  }
}

test('the rows that the page came with are models of the collection’s own class', () => {
  const all = scene()
  expect(titles(all)).toEqual([
    { id: 1, title: 'one' },
    { id: 2, title: 'two' },
  ])
  expect(at(all, 1)).toBeInstanceOf(Item)
})

test('models that the application has put there are taken over, and those that are no rows go', () => {
  const { live } = stage()
  const items = new Items([
    { id: 1, title: 'old' },
    { id: 9, title: 'gone' },
  ])
  const first = items.get(1)
  syncCollection(items, live().channel('a').collection('items'))
  expect(items.get(1)).toBe(first)
  expect(items.toJSON()).toEqual([
    { id: 1, title: 'one' },
    { id: 2, title: 'two' },
  ])
})

test('the application may `reset` its own models into the collection after it', async () => {
  const all = scene()
  all.items.reset([{ id: 1, title: 'bootstrapped' }])
  expect(titles(all)).toEqual([
    { id: 1, title: 'one' },
    { id: 2, title: 'two' },
  ])
  all.server.commit(title(1, 'eins'))
  await all.arrive()
  expect(at(all, 1).title).toBe('eins')
  answers(all)
  at(all, 1).save({ title: 'uno' })
  await all.arrive()
  expect(all.server.requests).toHaveLength(1)
})

test('models that are no rows go also where there are no rows at all', async () => {
  const { live, server } = stage()
  const client = live()
  const items = new Items([{ id: 9, title: 'gone' }])
  syncCollection(items, client.channel('b').collection('items'))
  expect(items).toHaveLength(1)
  await settle()
  server.connection.arrive()
  await settle()
  expect(items).toHaveLength(0)
})

test('`parse` makes a row’s attributes, and `toJSON` what is sent', async () => {
  class Parsed extends Backbone.Model {
    override parse(row: { id: number; title: string }): object {
      return { id: row.id, name: row.title }
    }
    override toJSON(): { id: number; title: string } {
      return { id: this.get('id'), title: this.get('name') }
    }
  }
  const { live, server } = stage()
  const items = new (Backbone.Collection.extend({ model: Parsed, url: '/items' }))()
  syncCollection(items, live().channel('a').collection('items'))
  expect(items.pluck('name')).toEqual(['one', 'two'])
  items.get(1)?.save({ name: 'eins' })
  await settle()
  expect(server.requests[0]?.request.body).toBe('{"id":1,"title":"eins"}')
  expect(items.get(1)?.get('name')).toBe('eins')
})

test('G5: one transaction is one update of the collection, with events for what changed alone', async () => {
  const all = scene()
  const other = at(all, 2)
  all.server.commit({
    a: {
      items: {
        create: { 3: { id: 3, title: 'three' }, 4: { id: 4, title: 'four' } },
        update: { 2: { title: 'zwei' } },
        destroy: ['1'],
      },
    },
  })
  await all.arrive()
  expect(all.said).toEqual([
    'remove 1',
    'add 3',
    'add 4',
    // Backbone's word for places that have moved.
    'sort',
    'update',
    'change 2',
    'transaction',
  ])
  expect(at(all, 2)).toBe(other)
})

test('R1: a reset by the server is one `reset` that keeps the models of rows that stay', async () => {
  const all = scene()
  const other = at(all, 2)
  all.server.rows('a', 'items').delete('1')
  all.server.rows('a', 'items').set('5', { id: 5, title: 'five' })
  all.server.connection.reset('a', 'slow')
  await all.arrive()
  expect(all.said).toEqual(['reset', 'transaction'])
  expect(all.items.pluck('id')).toEqual([2, 5])
  expect(at(all, 2)).toBe(other)
})

test('M9: what the session may no longer see is removed', async () => {
  const all = scene()
  all.server.connection.push({ type: 'revoked', channel: 'a' })
  await all.arrive()
  expect(all.said).toEqual(['remove 1', 'remove 2', 'update', 'transaction'])
})

test('W1: `save` shows at once and is one request to the model’s own address', async () => {
  const all = scene()
  answers(all)
  const saved: unknown[] = []
  at(all, 1).save({ title: 'eins' }, { success: (model: Item) => saved.push(model.id) })
  expect(at(all, 1).title).toBe('eins')
  await all.arrive()
  expect(saved).toEqual([1])
  expect(all.server.requests).toHaveLength(1)
  expect(all.server.requests[0]).toMatchObject({
    url: '/items/1',
    request: { method: 'PUT', body: '{"id":1,"title":"eins"}' },
  })
  expect(all.server.requests[0]?.request.headers).toMatchObject({
    'idempotency-key': expect.stringMatching(/./),
    'lockstep-session': 's0',
  })
  expect(all.said.filter((event) => event === 'change 1')).toHaveLength(1)
  expect(all.said.at(-1)).toBe('sync 1')
})

test('`patch` sends only what it names', async () => {
  const all = scene()
  answers(all)
  at(all, 1).save({ title: 'eins' }, { patch: true })
  await all.arrive()
  expect(all.server.requests[0]?.request).toMatchObject({ method: 'PATCH', body: '{"title":"eins"}' })
})

test('`wait` shows nothing before the server has said yes', async () => {
  const all = scene()
  answers(all)
  at(all, 1).save({ title: 'eins' }, { wait: true })
  const created = all.items.create({ title: 'new' }, { wait: true })
  let destroyed = 0
  at(all, 2).on('destroy', () => destroyed++)
  at(all, 2).destroy({ wait: true })
  expect(all.items.pluck('title')).toEqual(['one', 'two'])
  await all.arrive()
  expect(all.items.pluck('title')).toEqual(['eins', 'new'])
  expect(all.items.get(7)).toBe(created)
  expect(all.server.requests).toHaveLength(3)
  expect(all.said.filter((event) => event.startsWith('add'))).toEqual(['add 7'])
  // As without Lockstep, both the model and the collection say so, once.
  expect(destroyed).toBe(1)
  expect(all.said.filter((event) => event.startsWith('destroy'))).toEqual(['destroy 2'])
})

test('G6: a created model gets its id without leaving the collection', async () => {
  const all = scene()
  answers(all)
  const created = all.items.create({ title: 'new' })
  expect(all.items.at(2)).toBe(created)
  expect(created.isNew()).toBe(true)
  await all.arrive()
  expect(created.id).toBe(7)
  expect(all.items.get(7)).toBe(created)
  expect(all.said).toEqual([
    'add undefined',
    'update',
    'transaction',
    'request undefined',
    'change 7',
    'transaction',
    'sync 7',
  ])
})

test('saves and removals of a model that has no id yet wait for it', async () => {
  const all = scene()
  answers(all)
  const created = all.items.create({ title: 'new' })
  created.save({ title: 'newer' })
  created.destroy()
  await all.arrive()
  await all.arrive()
  await all.arrive()
  expect(all.server.requests.map(({ url, request }) => `${request.method} ${url}`)).toEqual([
    'POST /items',
    'PUT /items/7',
    'DELETE /items/7',
  ])
  expect(JSON.parse(all.server.requests[1]?.request.body ?? '')).toEqual({ id: 7, title: 'newer' })
  expect(all.items.pluck('id')).toEqual([1, 2])
  expect(all.errors).toEqual([])
})

test('G7: a refused save, creation or removal is taken back and told as `error`', async () => {
  const all = scene()
  const refusals: number[] = []
  all.items.on('error', (_model: Item, { status }: Refusal) => refusals.push(status))
  const first = at(all, 1)
  all.server.writeRule = () => ({ status: 403 })
  at(all, 2).save({ title: 'zwei' })
  all.items.create({ title: 'new' })
  first.destroy()
  expect(all.items.pluck('title')).toEqual(['zwei', 'new'])
  await all.arrive()
  expect(all.items.pluck('title')).toEqual(['one', 'two'])
  expect(all.items.get(1)).toBe(first)
  expect(refusals).toEqual([403, 403, 403])
})

test('what the server finds invalid is `invalid` and then `error`', async () => {
  const all = scene()
  const reason = { error: { code: 'blank', message: 'No title.', retryable: false } }
  all.server.writeRule = () => ({ status: 422, body: reason })
  at(all, 1).save({ title: '' })
  await all.arrive()
  expect(all.said.slice(-2)).toEqual(['invalid 1', 'error 1'])
  expect(at(all, 1).validationError).toEqual(reason)
  expect(at(all, 1).title).toBe('one')
})

test('what is set and not saved is not overwritten: the model says `conflict` with both versions', async () => {
  const all = scene()
  const conflicts: Conflict[] = []
  all.items.on('conflict', (_model: Item, conflict: Conflict) => conflicts.push(conflict))
  at(all, 1).set('title', 'mine')
  all.server.commit(title(1, 'theirs'))
  all.server.commit(title(2, 'zwei'))
  await all.arrive()
  expect(at(all, 1).title).toBe('mine')
  expect(at(all, 2).title).toBe('zwei')
  expect(conflicts).toMatchObject([
    { attributes: ['title'], base: { title: 'one' }, mine: { title: 'mine' }, theirs: { title: 'theirs' } },
  ])
  conflicts[0]?.takeTheirs()
  all.server.commit(title(1, 'later'))
  await all.arrive()
  expect(at(all, 1).title).toBe('later')
  expect(conflicts).toHaveLength(1)
})

test('an edit that was begun keeps what is in the form, until it ends', async () => {
  const all = scene()
  const conflicts: Conflict[] = []
  at(all, 1).on('conflict', (_model: Item, conflict: Conflict) => conflicts.push(conflict))
  const edit = beginEdit(at(all, 1), ['title'])
  all.server.commit(title(1, 'theirs'))
  await all.arrive()
  expect(at(all, 1).title).toBe('one')
  expect(conflicts).toHaveLength(1)
  edit.revert()
  expect(at(all, 1).title).toBe('theirs')
  beginEdit(at(all, 1))
  all.server.commit({ a: { items: { destroy: ['1'] } } })
  await all.arrive()
  expect(conflicts[1]?.theirs).toBeUndefined()
  expect(all.items.get(1)).toBeUndefined()
  expect(() => beginEdit(new Item())).toThrow(/syncCollection/)
})

test('saving ends an edit, and overwrites the others knowingly', async () => {
  const all = scene()
  answers(all)
  beginEdit(at(all, 1))
  all.server.commit(title(1, 'theirs'))
  await all.arrive()
  at(all, 1).save({ title: 'mine' })
  await all.arrive()
  all.server.commit(title(1, 'later'))
  await all.arrive()
  expect(at(all, 1).title).toBe('later')
})

test('`fetch` asks nobody: the channel has the rows', async () => {
  const all = scene()
  const done: string[] = []
  all.items.fetch({ reset: true, success: () => done.push('items') })
  at(all, 1).fetch({ success: () => done.push('item') })
  await all.arrive()
  expect(done).toEqual(['items', 'item'])
  expect(all.server.requests).toEqual([])
  expect(all.items.pluck('title')).toEqual(['one', 'two'])
})

test('`stop` leaves the models and gives `sync` back', async () => {
  const all = scene()
  const first = at(all, 1)
  all.stop()
  all.server.commit(title(1, 'later'))
  await all.arrive()
  expect(first.title).toBe('one')
  expect(Object.keys(first)).not.toContain('sync')
  expect(Object.keys(all.items)).not.toContain('sync')
  expect(Object.keys(all.items)).not.toContain('_prepareModel')
  expect(all.said).toEqual([])
})
