import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type BoardInTest, type Browser, startBoard } from '../board.testing.ts'

let board: BoardInTest
let alice: Browser
let bob: Browser
let sprintId: number
const api = '/api/projects/1'
const days = { from_date: '2026-03-02', to_date: '2026-03-15' }

beforeAll(async () => {
  board = await startBoard()
  alice = await board.browser('alice@example.com')
  bob = await board.browser('bob@example.com')
})
afterAll(() => board.close())

beforeEach(async () => {
  await board.sql`delete from items where project_id = 1`
  await board.sql`delete from sprints where project_id = 1`
  sprintId = await made('sprints', { name: 'Sprint 7', ...days })
})

async function made(rows: string, body: object): Promise<number> {
  const reply = await alice.send('POST', `${api}/${rows}`, body)
  expect(reply.status).toBe(201)
  return ((await reply.json()) as { id: number }).id
}

async function faultOf(reply: Response): Promise<{ status: number; message: string }> {
  const { error } = (await reply.json()) as { error: { message: string } }
  return { status: reply.status, message: error.message }
}

describe('sprints', () => {
  test('are planned, changed and deleted; what was in one is in the backlog then', async () => {
    const reply = await alice.send('PATCH', `${api}/sprints/${sprintId}`, {
      goal: 'To be done',
      name: ' A\tb ',
    })
    expect(await reply.json()).toMatchObject({ name: 'A b', goal: 'To be done', ...days })
    const itemId = await made('items', { user_story: 'in it', sprint_id: sprintId })
    const gone = await alice.send('DELETE', `${api}/sprints/${sprintId}`)
    expect(await gone.json()).toMatchObject({ id: sprintId, name: 'A b' })
    const [item] = await board.sql`select sprint_id from items where id = ${itemId}`
    expect(item?.sprint_id).toBe(null)
    expect((await alice.send('DELETE', `${api}/sprints/${sprintId}`)).status).toBe(404)
  })

  test('come back with their items, except those that another sprint has by now', async () => {
    const [kept, taken] = [
      await made('items', { user_story: 'kept' }),
      await made('items', { user_story: 'taken', sprint_id: sprintId }),
    ]
    const again = await made('sprints', { name: 'Again', ...days, item_ids: [kept, taken, 999_999] })
    const rows = await board.sql`select user_story, sprint_id from items where project_id = 1 order by id`
    expect([...rows]).toEqual([
      { user_story: 'kept', sprint_id: again },
      { user_story: 'taken', sprint_id: sprintId },
    ])
  })

  test.each([
    [{ name: ' ', ...days }, 'name'],
    [{ name: 'x'.repeat(121), ...days }, 'name'],
    [{ name: 'x', from_date: '2026-02-30', to_date: '2026-03-15' }, 'from_date'],
    [{ name: 'x', from_date: 'yesterday', to_date: '2026-03-15' }, 'from_date'],
    [{ name: 'x', from_date: '2026-03-16', to_date: '2026-03-15' }, 'to_date'],
    [{ name: 'x', from_date: '2026-01-01', to_date: '2026-12-31' }, 'to_date'],
    [{ name: 'x', from_date: '2026-01-01' }, 'to_date'],
  ])('refuses %j and names the field', async (body, field) => {
    const fault = await faultOf(await alice.send('POST', `${api}/sprints`, body))
    expect(fault.status).toBe(400)
    expect(fault.message.startsWith(`${field}: `)).toBe(true)
  })

  test('items go into a sprint with their place there, and back', async () => {
    const first = await made('items', { user_story: 'first', sprint_id: sprintId })
    const second = await made('items', { user_story: 'second' })
    const into = { sprint_id: sprintId, after: null }
    const reply = await alice.send('PATCH', `${api}/items/${second}`, into)
    expect(await reply.json()).toMatchObject({ sprint_id: sprintId })
    const order = await board.sql`select id from items where sprint_id = ${sprintId} order by position`
    expect(order.map(({ id }) => id)).toEqual([second, first])
    await alice.send('PATCH', `${api}/items/${second}`, { sprint_id: null })
    const [item] = await board.sql`select sprint_id from items where id = ${second}`
    expect(item?.sprint_id).toBe(null)
  })
})

describe('tasks of a sprint', () => {
  test('say what is left and who does it; 0 is done', async () => {
    const item_id = await made('items', { user_story: 'with tasks', sprint_id: sprintId })
    const id = await made('tasks', { item_id, summary: 'work', hours_left: 4, user_id: 2 })
    const patch = async (body: object) => (await alice.send('PATCH', `${api}/tasks/${id}`, body)).json()
    expect(await patch({ hours_left: 1.5 })).toMatchObject({ hours_left: 1.5, done: false, user_id: 2 })
    expect(await patch({ hours_left: 0 })).toMatchObject({ hours_left: 0, done: true })
    expect(await patch({ done: false })).toMatchObject({ hours_left: null, done: false })
    expect(await patch({ done: true, user_id: null })).toMatchObject({ hours_left: 0, user_id: null })
    for (const [body, field] of [
      [{ hours_left: -1 }, 'hours_left'],
      [{ hours_left: '3' }, 'hours_left'],
      [{ user_id: 3 }, 'user_id'], // Bob, who is in another team
      [{ user_id: 999 }, 'user_id'],
    ] as const) {
      const fault = await faultOf(await alice.send('PATCH', `${api}/tasks/${id}`, body))
      expect(fault.status).toBe(400)
      expect(fault.message.startsWith(`${field}: `)).toBe(true)
    }
  })

  test('move into another item', async () => {
    const from = await made('items', { user_story: 'from' })
    const to = await made('items', { user_story: 'to' })
    const id = await made('tasks', { item_id: from, summary: 'moving' })
    await alice.send('PATCH', `${api}/tasks/${id}`, { item_id: to })
    const [task] = await board.sql`select item_id from tasks where id = ${id}`
    expect(task?.item_id).toBe(to)
    expect((await alice.send('PATCH', `${api}/tasks/${id}`, { item_id: to + 1000 })).status).toBe(404)
  })
})

describe('G9: who is not a member', () => {
  test('gets the 404 of what does not exist for each of these rows, also through a project of their own', async () => {
    const itemId = await made('items', { user_story: 'secret' })
    const impedimentId = await made('impediments', { summary: 'secret' })
    const missing = await faultOf(await bob.send('PATCH', '/api/projects/999/sprints/1', { name: 'x' }))
    for (const [method, path, body] of [
      ['POST', 'sprints', { name: 'x', ...days }],
      ['PATCH', `sprints/${sprintId}`, { name: 'x' }],
      ['DELETE', `sprints/${sprintId}`, undefined],
      ['POST', 'impediments', { summary: 'x' }],
      ['PATCH', `impediments/${impedimentId}`, { open: false }],
      ['DELETE', `impediments/${impedimentId}`, undefined],
      ['POST', 'comments', { item_id: itemId, text: 'x' }],
      ['POST', 'comments', { impediment_id: impedimentId, text: 'x' }],
    ] as const) {
      expect(await faultOf(await bob.send(method, `${api}/${path}`, body))).toEqual(missing)
      if (path === 'sprints' || path === 'impediments') continue
      expect((await bob.send(method, `/api/projects/2/${path}`, body)).status).toBe(404)
    }
    const own = await bob.send('POST', '/api/projects/2/items', { user_story: 'x', sprint_id: sprintId })
    expect(own.status).toBe(404)
    expect((await board.sql`select 1 from comments where text = 'x'`).length).toBe(0)
  })
})
