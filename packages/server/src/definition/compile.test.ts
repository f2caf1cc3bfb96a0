import { fillChannel } from '@lockstep/protocol'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { compileSync } from './compile.ts'
import { collection, defineSync } from './define.ts'
import type { CollectionRule, SyncDefinition } from './definition.ts'

const authorize = () => true
const channels = { 'project/:projectId': { authorize }, 'user/:userId': { authorize } }
const items: CollectionRule = { table: 'items', channel: 'project/:project_id', columns: ['title', 'done'] }
const compile = (collections: Record<string, CollectionRule>, more: SyncDefinition['channels'] = {}) =>
  compileSync({ channels: { ...channels, ...more }, collections })

describe('a definition', () => {
  it('is numbered: key first, then what is shown, then what gives the channel', () => {
    const [compiled] = compile({
      items: { ...items, channel: ['project/:project_id', 'user/:owner_id'] },
    }).collections
    expect(compiled).toMatchObject({
      name: 'items',
      schema: 'public',
      table: 'items',
      columns: ['id', 'title', 'done', 'project_id', 'owner_id'],
      key: [0],
      views: [[0, 1, 2]],
    })
    expect(compiled?.channels.map(({ columns }) => columns)).toEqual([[3], [4]])
    const template = compiled?.channels[0]?.template
    expect(template && fillChannel(template, () => '7')).toBe('project/7')
  })

  it('takes a schema, keys of several columns and keys among the columns', () => {
    const [compiled] = compile({ items: { ...items, table: 'app.items', key: ['a', 'done'] } }).collections
    expect(compiled).toMatchObject({
      schema: 'app',
      table: 'items',
      columns: ['a', 'title', 'done', 'project_id'],
    })
    expect(compiled).toMatchObject({ key: [0, 2], views: [[0, 1, 2]] })
  })

  it('gives an external collection a table of its own, which shows every column', () => {
    const external = { id: 'integer', title: 'text', owner_id: 'integer' } as const
    const [compiled] = compile({ todos: { external, channel: 'user/:owner_id' } }).collections
    expect(compiled).toMatchObject({
      schema: 'lockstep',
      table: 'external_todos',
      columns: ['id', 'title', 'owner_id'],
      views: [[0, 1, 2]],
      external: [
        { name: 'id', type: 'integer' },
        { name: 'title', type: 'text' },
        { name: 'owner_id', type: 'integer' },
      ],
    })
  })

  it('gives audiences one view where they see the same everywhere', () => {
    const sync = compile({
      items: { ...items, columns: { guest: ['title'], member: ['title', 'done'], admin: ['done', 'title'] } },
      tags: { ...items, table: 'tags', columns: ['name'] },
      logs: { ...items, table: 'logs', columns: { member: ['text'], admin: ['text'], auditor: ['text'] } },
    })
    expect(sync.viewCount).toBe(3)
    const views = ['member', 'admin', 'guest', 'auditor', 'nobody', 'constructor'].map((name) =>
      sync.viewOf(name),
    )
    expect(views).toEqual([0, 0, 1, 2, undefined, undefined])
    expect(sync.collections.map(({ views }) => views)).toEqual([
      [[0, 1, 2], [0, 1], undefined],
      [
        [0, 1],
        [0, 1],
        [0, 1],
      ],
      [[0, 1], undefined, [0, 1]],
    ])
  })

  it('gives an audience no view that sees nothing at all', () => {
    const sync = compile({ items: { ...items, columns: { guest: ['title'] } } })
    expect([sync.viewCount, sync.viewOf('member'), sync.viewOf('guest')]).toEqual([1, undefined, 0])
    expect(compile({}).viewCount).toBe(1)
  })

  it('has a fingerprint of what clients may see, and of nothing else', () => {
    const print = compile({ items }).fingerprint
    expect(compile({ items: { ...items } }, {}).fingerprint).toBe(print)
    const other = { ...items, table: 'tags' }
    expect(compile({ a: items, b: other }).fingerprint).toBe(compile({ b: other, a: items }).fingerprint)
    for (const changed of [
      compile({ items: { ...items, columns: ['title'] } }),
      compile({ items: { ...items, key: 'title' } }),
      compile({ items: { ...items, table: 'app.items' } }),
      compile({ items: { ...items, channel: 'user/:project_id' } }),
      compile({ items: { ...items, columns: { member: ['title', 'done'], guest: ['title'] } } }),
      compile({ items }, { 'team/:id': { authorize } }),
    ]) {
      expect(changed.fingerprint).not.toBe(print)
    }
  })

  const refused: [string, Record<string, CollectionRule>, RegExp][] = [
    ['a name of the object itself', { ['__proto__']: items }, /Collection "__proto__" has a name/],
    ['a name with a space', { 'my items': items }, /Collection "my items" has a name/],
    [
      'a column __proto__',
      { items: { ...items, columns: ['__proto__'] } },
      /Collection "items" names the column "__proto__"/,
    ],
    ['an empty column', { items: { ...items, columns: [''] } }, /Collection "items" names the column ""/],
    ['no columns', { items: { ...items, columns: [] } }, /Collection "items" shows no columns; list/],
    ['no audiences', { items: { ...items, columns: {} } }, /Collection "items" shows no columns/],
    [
      'an empty audience',
      { items: { ...items, columns: { guest: [] } } },
      /shows no columns to audience "guest"/,
    ],
    ['an audience without name', { items: { ...items, columns: { '': ['title'] } } }, /audience ""/],
    ['a column twice', { items: { ...items, columns: ['title', 'title'] } }, /column "title" twice/],
    ['no key', { items: { ...items, key: [] } }, /Collection "items" has an empty key; name/],
    ['a key column twice', { items: { ...items, key: ['id', 'id'] } }, /key column "id" twice/],
    ['no channel', { items: { ...items, channel: [] } }, /Collection "items" names no channel/],
    [
      'a channel twice',
      { items: { ...items, channel: ['user/:a', 'user/:a'] } },
      /channel template "user\/:a" twice/,
    ],
    ['a parameter twice', { items: { ...items, channel: 'user/:a/:a' } }, /names :a twice/],
    [
      'a bad template',
      { items: { ...items, channel: 'user/ :a' } },
      /Collection "items": "user\/ :a" is not/,
    ],
    [
      'a template of no declared channel',
      { items: { ...items, channel: 'team/:id' } },
      /fits no declared channel; .*"user\/:userId"/,
    ],
    [
      'a template wider than its channel',
      { items: { ...items, channel: ':kind/:id' } },
      /fits no declared channel/,
    ],
    [
      'a bad table',
      { items: { ...items, table: 'a.b.c' } },
      /Collection "items" has the table "a.b.c"; write/,
    ],
    [
      'an external collection with a table',
      { items: { ...items, external: { id: 'integer' } } },
      /has a table and is external; choose one/,
    ],
    [
      'a type that an external column cannot have',
      { items: { external: { id: 'integer', at: JSON.parse('"money"') }, channel: 'user/:id' } },
      /gives its column "at" the type "money"; use one of boolean/,
    ],
    [
      'a key of type json',
      { items: { external: { id: 'json' }, channel: 'user/:id' } },
      /key column "id" of type json/,
    ],
    [
      'a template over a column that an external collection lacks',
      { items: { external: { id: 'integer' }, channel: 'project/:project_id' } },
      /"project_id", which table "external_items" does not have; use one of id/,
    ],
    [
      'an external collection with too long a name',
      { ['a'.repeat(55)]: { external: { id: 'integer' }, channel: 'user/:id' } },
      /more than 54 characters/,
    ],
    ['a table that is none', { items: { ...items, table: {} } }, /neither a name nor a Drizzle table/],
    [
      'a table twice',
      { items, other: { ...items, table: 'public.items' } },
      /"items" and "other" both read table "public.items"/,
    ],
  ]
  for (const [what, collections, message] of refused) {
    it(`refuses ${what}`, () => expect(() => compile(collections)).toThrow(message))
  }

  it('refuses channels that can match the same name, or cannot be asked', () => {
    expect(() => compile({}, { 'user/me': { authorize } })).toThrow(
      /"user\/:userId" and "user\/me" can match the same/,
    )
    expect(() => compile({}, { ':a/:b': { authorize } })).toThrow(/can match the same channel/)
    expect(() => compile({}, { 'a/:b/c/:b': { authorize } })).toThrow(/names :b twice/)
    expect(() => compile({}, { 'a b': { authorize } })).toThrow(/Channel "a b": /)
    const rule = JSON.parse('{}')
    expect(() => compile({}, { team: rule })).toThrow(/Channel "team" has no authorize function/)
    expect(compile({}, { 'user/:a/:b': { authorize }, team: { authorize } }).channels).toHaveLength(4)
  })

  it('carries the rows of its collections to the client as types', () => {
    const sync = defineSync({
      channels,
      collections: { items: collection<{ id: number; title: string }>({ ...items }) },
    })
    type Rows = NonNullable<(typeof sync)['$rows']>
    expectTypeOf<Rows['items']>().toEqualTypeOf<{ id: number; title: string }>()
    expect(compileSync(sync).collections).toHaveLength(1)
  })
})
