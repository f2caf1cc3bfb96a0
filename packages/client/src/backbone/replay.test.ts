import type { Row } from '@lockstep/protocol'
import Backbone from 'backbone'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stage } from '../../test/stage.ts'
import { settle } from '../../test/virtual-runtime.ts'
import { syncCollection } from './index.ts'

interface Item {
  readonly id?: number
  readonly title: string
}

const key = fc.integer({ min: 1, max: 8 })
const text = fc.constantFrom('a', 'b', 'c')

/** What happens: a commit of others with a new title, or none, for some rows; own writes; bad connections. */
const event = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      rows: fc.dictionary(key.map(String), fc.option(text), { minKeys: 1, maxKeys: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('save' as const), key, text, fails: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('create' as const), text, fails: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('destroy' as const), key, fails: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constantFrom({ kind: 'reset' as const }, { kind: 'cut' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('arrive' as const), count: fc.nat(3) }) },
)

const byTitle = (rows: readonly Item[]): Item[] =>
  [...rows].sort((a, b) => (a.id ?? 0) - (b.id ?? 0) || a.title.localeCompare(b.title))

test('G1: whatever happens, the models are the rows, and the events replay to the same', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 40 }), async (events) => {
      const { server, runtime, errors, connect, live } = stage()
      const rows = live().channel('a').collection('items')
      const items = new (Backbone.Collection.extend({ url: '/items' }))()
      syncCollection(items, rows)
      let next = 100
      let fails = false
      server.writeRule = (url, { method, body }) => {
        if (fails) return { status: 409 }
        const row: Item = JSON.parse(body ?? '{}')
        const id = url.split('/')[2] ?? ''
        if (method === 'POST') {
          const created = { id: next++, title: row.title }
          return {
            status: 201,
            body: created,
            changes: { a: { items: { create: { [created.id]: created } } } },
          }
        }
        if (!server.rows('a', 'items').has(id)) return { status: 404 }
        if (method === 'DELETE') return { status: 200, changes: { a: { items: { destroy: [id] } } } }
        return { status: 200, changes: { a: { items: { update: { [id]: { title: row.title } } } } } }
      }

      // What a view would have that knows events only. Models are told apart by their cid.
      const seen = new Map<string, Item>()
      const note = (model: Backbone.Model): unknown => seen.set(model.cid, { ...model.toJSON() })
      items.each(note)
      items.on('add', (model: Backbone.Model) => {
        expect(seen.has(model.cid)).toBe(false)
        note(model)
      })
      items.on('change', note)
      items.on('remove', (model: Backbone.Model) => expect(seen.delete(model.cid)).toBe(true))
      items.on('reset', () => {
        seen.clear()
        items.each(note)
      })
      const check = (): void => {
        // A row without a key of its own has a temporary one; a model has none then.
        const shown = rows
          .all()
          .map(({ id, title }) => ({ id: typeof id === 'string' ? undefined : id, title }))
        expect(byTitle(items.toJSON() as Item[])).toEqual(byTitle(shown as Item[]))
        expect(byTitle([...seen.values()])).toEqual(byTitle(items.toJSON() as Item[]))
      }

      for (const happening of events) {
        if (happening.kind === 'commit') {
          const there = server.rows('a', 'items')
          const create: Record<string, Row> = {}
          const update: Record<string, Row> = {}
          const destroy: string[] = []
          for (const [id, title] of Object.entries(happening.rows)) {
            if (title === null) destroy.push(...(there.has(id) ? [id] : []))
            else if (there.has(id)) update[id] = { title }
            else create[id] = { id: Number(id), title }
          }
          server.commit({ a: { items: { create, update, destroy } } })
        } else if (happening.kind === 'save') {
          fails = happening.fails
          items.get(happening.key)?.save({ title: happening.text })
        } else if (happening.kind === 'create') {
          fails = happening.fails
          items.create({ title: happening.text })
        } else if (happening.kind === 'destroy') {
          fails = happening.fails
          items.get(happening.key)?.destroy()
        } else if (happening.kind === 'reset') server.connection.reset('a', 'slow')
        else if (happening.kind === 'cut') {
          server.connection.cut()
          await runtime.advance(20_000)
          connect()
        } else server.connection.arrive(happening.count)
        await settle()
        check()
      }
      for (let i = 0; i < 4; i++) {
        await runtime.advance(5_000)
        server.connection.arrive()
      }
      check()
      expect(byTitle(items.toJSON() as Item[])).toEqual(
        byTitle([...server.rows('a', 'items').values()] as never),
      )
      expect(errors).toEqual([])
    }),
    { numRuns: 200 },
  )
})
