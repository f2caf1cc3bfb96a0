import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type BoardInTest, type Browser, startBoard } from '../board.testing.ts'

let board: BoardInTest
let alice: Browser
let bob: Browser
let itemId: number
const tasks = '/api/projects/1/tasks'

beforeAll(async () => {
  board = await startBoard()
  alice = await board.browser('alice@example.com')
  bob = await board.browser('bob@example.com')
})
afterAll(() => board.close())

beforeEach(async () => {
  await board.sql`delete from items where project_id = 1`
  const reply = await alice.send('POST', '/api/projects/1/items', { user_story: 'with tasks' })
  itemId = ((await reply.json()) as { id: number }).id
})

async function add(summary: string): Promise<number> {
  const reply = await alice.send('POST', tasks, { item_id: itemId, summary })
  expect(reply.status).toBe(201)
  return ((await reply.json()) as { id: number }).id
}

async function shown(): Promise<string[]> {
  const rows = await board.sql<{ summary: string; done: boolean }[]>`
    select summary, done from tasks where item_id = ${itemId} order by position`
  return rows.map(({ summary, done }) => (done ? `[x] ${summary}` : summary))
}

test('adds, ticks off, renames, sorts and deletes', async () => {
  const [first, second] = [await add('first'), await add('second')]
  await alice.send('PATCH', `${tasks}/${first}`, { done: true })
  await alice.send('PATCH', `${tasks}/${second}`, { summary: 'second, renamed' })
  expect(await shown()).toEqual(['[x] first', 'second, renamed'])
  await alice.send('PATCH', `${tasks}/${second}`, { after: null })
  expect(await shown()).toEqual(['second, renamed', '[x] first'])
  await alice.send('DELETE', `${tasks}/${first}`)
  expect(await shown()).toEqual(['second, renamed'])
})

test('refuses a task without words, and one of an item that is not there', async () => {
  expect((await alice.send('POST', tasks, { item_id: itemId, summary: ' ' })).status).toBe(400)
  expect((await alice.send('POST', tasks, { item_id: itemId + 1000, summary: 'x' })).status).toBe(404)
  expect((await alice.send('POST', tasks, { item_id: '1', summary: 'x' })).status).toBe(400)
})

test('a task cannot be put into an item of another project, nor be reached from there', async () => {
  const id = await add('mine')
  expect((await bob.send('POST', '/api/projects/2/tasks', { item_id: itemId, summary: 'x' })).status).toBe(
    404,
  )
  expect((await bob.send('PATCH', `/api/projects/2/tasks/${id}`, { summary: 'x' })).status).toBe(404)
  expect((await bob.send('DELETE', `/api/projects/2/tasks/${id}`)).status).toBe(404)
  expect((await bob.send('DELETE', `${tasks}/${id}`)).status).toBe(404)
  expect(await shown()).toEqual(['mine'])
})

test('the database itself refuses a task in another project than its item', async () => {
  const write = board.sql`
    insert into tasks (item_id, project_id, summary, position) values (${itemId}, 2, 'astray', 'V')`
  await expect(write).rejects.toMatchObject({ code: '23503' })
})
