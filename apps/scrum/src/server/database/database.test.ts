import { readdir } from 'node:fs/promises'
import { createDatabase } from '@lockstep/testing'
import postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { migrate } from './migrate.ts'
import { seed } from './seed.ts'

let database: Awaited<ReturnType<typeof createDatabase>>
let sql: postgres.Sql

beforeAll(async () => {
  database = await createDatabase()
  sql = postgres(database.url, { max: 4, onnotice: () => {} })
})
afterAll(async () => {
  await sql.end({ timeout: 5 })
  await database.drop()
})
beforeEach(async () => {
  await migrate(sql)
  await seed(sql)
})

test('migrations run once, also when several servers start together', async () => {
  await sql`drop schema public cascade`
  await sql`create schema public`
  await Promise.all([migrate(sql), migrate(sql), migrate(sql)])
  await Promise.all([seed(sql), seed(sql)])
  await migrate(sql)
  const [found] = await sql`select count(*)::int as migrations from scrum_migrations`
  const files = await readdir(new URL('../../../migrations/', import.meta.url))
  expect(files.length).toBeGreaterThanOrEqual(5)
  expect(found?.migrations).toBe(files.length)
  const people = await sql<{ email: string }[]>`select email from users order by id`
  expect(people.map(({ email }) => email)).toEqual([
    'alice@example.com',
    'olivia@example.com',
    'bob@example.com',
  ])
})

test('seeding leaves a database with users as it is', async () => {
  await sql`delete from items`
  await seed(sql)
  expect((await sql`select 1 from items`).length).toBe(0)
})

test('the counts of a project equal its rows, whoever writes them', async () => {
  await sql`truncate items cascade`
  await sql`
    insert into items (project_id, user_story, estimate, position)
    select 1, 'line ' || g, nullif(g % 5, 0), lpad(g::text, 3, '0') || 'V' from generate_series(1, 40) g`
  await sql`update items set estimate = null where id % 3 = 0`
  await sql`update items set estimate = 13 where id % 4 = 0`
  await sql`update items set position = position || 'V' where id % 2 = 0`
  await sql`update items set project_id = 2 where id % 7 = 0`
  await sql`delete from items where id % 5 = 0`
  await sql`update items set sprint_id = (select min(id) from sprints) where id % 11 = 0 and project_id = 1`
  const counted = await sql`select project_id, items, points, unestimated from project_counts order by 1`
  const rows = await sql`
    select p.id as project_id, count(i.id)::int as items, coalesce(sum(estimate), 0) as points,
      (count(i.id) filter (where estimate is null))::int as unestimated
    from projects p left join items i on i.project_id = p.id and i.sprint_id is null group by p.id order by 1`
  expect([...counted]).toEqual([...rows])
  expect(counted[0]?.items).toBeGreaterThan(10)
})

test('a sprint’s day tells how its items and tasks stand, whoever writes them', async () => {
  const [sprint] = await sql<{ id: number }[]>`
    insert into sprints (project_id, name, from_date, to_date)
    values (1, 'Measured', current_date, current_date + 13) returning id`
  const id = sprint?.id ?? 0
  const [item] = await sql<{ id: number }[]>`
    insert into items (project_id, sprint_id, user_story, estimate, position)
    values (1, ${id}, 'measured', 5, 'zzzz1') returning id`
  const itemId = item?.id ?? 0
  const day = async () => {
    const [row] = await sql`
      select hours_left, points, points_done, items, items_done from sprint_days where sprint_id = ${id}`
    return row
  }
  expect(await day()).toEqual({ hours_left: 0, points: 5, points_done: 0, items: 1, items_done: 0 })
  await sql`
    insert into tasks (item_id, project_id, summary, hours_left, position)
    values (${itemId}, 1, 'a', 3, 'V'), (${itemId}, 1, 'b', 4.5, 'W')`
  expect(await day()).toMatchObject({ hours_left: 7.5, items_done: 0 })
  // Nothing left is done, and done has nothing left.
  await sql`update tasks set hours_left = 0 where summary = 'a' and item_id = ${itemId}`
  await sql`update tasks set done = true where summary = 'b' and item_id = ${itemId}`
  expect([...(await sql`select done, hours_left from tasks where item_id = ${itemId}`)]).toEqual([
    { done: true, hours_left: 0 },
    { done: true, hours_left: 0 },
  ])
  expect(await day()).toEqual({ hours_left: 0, points: 5, points_done: 5, items: 1, items_done: 1 })
  await sql`update tasks set done = false where summary = 'b' and item_id = ${itemId}`
  expect(await day()).toMatchObject({ points_done: 0, items_done: 0 })
  await sql`delete from sprints where id = ${id}`
  const [back] = await sql`select sprint_id from items where id = ${itemId}`
  expect(back?.sprint_id).toBe(null)
})

test('those who finish tasks of one sprint at the same time are all counted', async () => {
  const [sprint] = await sql<{ id: number }[]>`
    insert into sprints (project_id, name, from_date, to_date)
    values (1, 'Busy', current_date, current_date + 13) returning id`
  const id = sprint?.id ?? 0
  const [item] = await sql<{ id: number }[]>`
    insert into items (project_id, sprint_id, user_story, position) values (1, ${id}, 'busy', 'zzzz2')
    returning id`
  const tasks = await sql<{ id: number }[]>`
    insert into tasks (item_id, project_id, summary, hours_left, position)
    select ${item?.id ?? 0}, 1, 'part ' || g, g, 'V' || g || 'V' from generate_series(1, 12) g returning id`
  await Promise.all(tasks.map((task) => sql`update tasks set done = true where id = ${task.id}`))
  const [day] = await sql`select hours_left, items_done from sprint_days where sprint_id = ${id}`
  expect(day).toEqual({ hours_left: 0, items_done: 1 })
})

test('a member row follows the user’s name', async () => {
  await sql`update users set name = 'Olivia B.' where email = 'olivia@example.com'`
  const [member] = await sql`select name from memberships where user_id = 2`
  expect(member?.name).toBe('Olivia B.')
})

test('the database refuses a rank that nothing could be put before', async () => {
  for (const position of ['', '0', 'V0', 'a b']) {
    const write = sql`insert into items (project_id, user_story, position) values (1, 'x', ${position})`
    await expect(write).rejects.toMatchObject({ code: '23514' })
  }
})
