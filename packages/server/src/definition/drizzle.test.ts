import {
  bigint,
  integer,
  jsonb,
  numeric,
  pgSchema,
  pgTable,
  serial,
  text,
  timestamp,
} from 'drizzle-orm/pg-core'
import { expect, expectTypeOf, it } from 'vitest'
import { compileSync } from './compile.ts'
import { collection, defineSync } from './define.ts'

const items = pgTable('items', {
  id: serial('id').primaryKey(),
  projectId: integer('project_id').notNull(),
  title: text('title').notNull(),
  createdAt: timestamp('created_at').notNull(),
  estimate: numeric('estimate'),
  points: numeric('points', { mode: 'number' }).notNull(),
  size: bigint('size', { mode: 'bigint' }).notNull(),
  small: bigint('small', { mode: 'number' }).notNull(),
  labels: jsonb('labels').$type<string[]>().notNull(),
  plain: text(),
})
const channels = { 'project/:id': { authorize: () => true } }
const define = (rule: Parameters<typeof collection>[0]) =>
  compileSync(defineSync({ channels, collections: { items: collection(rule) } }))

it('takes a Drizzle table: its name, its schema and its columns by their names in the database', () => {
  const sync = define({ table: items, channel: 'project/:project_id', columns: ['title', 'created_at'] })
  expect(sync.collections[0]).toMatchObject({
    schema: 'public',
    table: 'items',
    columns: ['id', 'title', 'created_at', 'project_id'],
  })
  const tags = pgSchema('app').table('tags', { id: serial('id'), projectId: integer('project_id') })
  const other = define({ table: tags, channel: 'project/:project_id', columns: ['id'] })
  expect(other.collections[0]).toMatchObject({ schema: 'app', table: 'tags' })
})

it('refuses columns that the table does not have, wherever they are named', () => {
  const fine = { table: items, channel: 'project/:project_id', columns: ['title'] }
  expect(() => define({ ...fine, columns: ['createdAt'] })).toThrow(
    /"createdAt", which table "items" does not have; use one of id, project_id/,
  )
  expect(() => define({ ...fine, channel: 'project/:projectId' })).toThrow(
    /"projectId", which table "items" does not have/,
  )
  expect(() => define({ ...fine, key: 'uuid' })).toThrow(/"uuid", which table "items" does not have/)
})

it('gives the type of the rows as they arrive', () => {
  const sync = defineSync({
    channels,
    collections: { items: collection({ table: items, channel: 'project/:project_id', columns: ['title'] }) },
  })
  type Item = NonNullable<(typeof sync)['$rows']>['items']
  expectTypeOf<Item>().toEqualTypeOf<{
    readonly id: number
    readonly project_id: number
    readonly title: string
    readonly created_at: string
    readonly estimate: string | null
    readonly points: string
    readonly size: string
    readonly small: string
    readonly labels: string[]
    readonly plain: string | null
  }>()
})
