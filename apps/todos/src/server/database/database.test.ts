import { createDatabase, type TestDatabase } from '@lockstep/testing'
import fc from 'fast-check'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { migrate } from './migrate.ts'
import { seed } from './seed.ts'

let database: TestDatabase
let sql: postgres.Sql

beforeAll(async () => {
  database = await createDatabase()
  sql = postgres(database.url, { max: 4, onnotice: () => {} })
})
afterAll(async () => {
  await sql.end({ timeout: 5 })
  await database.drop()
})

test('several servers that start together make the tables and the people once', async () => {
  await Promise.all([migrate(sql), migrate(sql), migrate(sql)])
  await Promise.all([seed(sql), seed(sql)])
  expect(await sql`select name from todo_migrations`).toHaveLength(1)
  const people = await sql<{ email: string }[]>`select email from todo_app.users order by id`
  expect(people.map(({ email }) => email)).toEqual([
    'alice@example.com',
    'olivia@example.com',
    'bob@example.com',
  ])
})

test('the counts of a list equal its todos, whatever is written', async () => {
  await migrate(sql)
  await seed(sql)
  const id = fc.integer({ min: 1, max: 4 })
  const write = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), list: id, done: fc.boolean() }),
    fc.record({ kind: fc.constant('check' as const), list: id, every: id }),
    fc.record({ kind: fc.constant('move' as const), list: id, to: id, every: id }),
    fc.record({ kind: fc.constant('remove' as const), list: id, every: id }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(write, { maxLength: 12 }), async (writes) => {
      for (const { kind, list, ...rest } of writes) {
        const every = 'every' in rest ? rest.every : 1
        if (kind === 'add') {
          const done = 'done' in rest && rest.done
          await sql`insert into todo_app.todos (list_id, title, done) values (${list}, 'x', ${done}), (${list}, 'y', false)`
        } else if (kind === 'check') {
          await sql`update todo_app.todos set done = not done where list_id = ${list} and id % ${every} = 0`
        } else if (kind === 'move') {
          const to = 'to' in rest ? rest.to : 1
          await sql`update todo_app.todos set list_id = ${to} where list_id = ${list} and id % ${every} = 0`
        } else await sql`delete from todo_app.todos where list_id = ${list} and id % ${every} = 0`
      }
      const wrong = await sql`
        select l.id from todo_app.lists l left join todo_app.todos t on t.list_id = l.id
        group by l.id having l.total <> count(t.id) or l.open <> count(t.id) filter (where not t.done)`
      expect(wrong).toHaveLength(0)
    }),
    { numRuns: 20, seed: 20 },
  )
  await sql`truncate todo_app.todos`
  const counts = await sql<{ open: number; total: number }[]>`select open, total from todo_app.lists`
  expect(counts.every(({ open, total }) => open === 0 && total === 0)).toBe(true)
})
