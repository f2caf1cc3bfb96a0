import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Browser, startTodosInTest, type TodosInTest } from '../todos.testing.ts'

let todos: TodosInTest
let alice: Browser

beforeAll(async () => {
  todos = await startTodosInTest()
  alice = await todos.browser('alice@example.com')
})
afterAll(() => todos.close())

async function create(title: string): Promise<number> {
  const reply = await alice.send('POST', '/api/lists/1/todos', { title })
  expect(reply.status).toBe(201)
  return ((await reply.json()) as { id: number }).id
}

describe('todos', () => {
  test('are added, renamed, checked off and removed', async () => {
    const id = await create(' Drink\tit ')
    const path = `/api/lists/1/todos/${id}`
    const row = { id, list_id: 1, title: 'Drink it', done: false }
    expect(await (await alice.send('PATCH', path, { done: true })).json()).toEqual({ ...row, done: true })
    expect(await (await alice.send('PUT', path, { ...row, title: 'Pour it' })).json()).toEqual({
      ...row,
      title: 'Pour it',
    })
    expect((await alice.send('DELETE', path)).status).toBe(200)
    expect((await alice.send('DELETE', path)).status).toBe(404)
    expect((await alice.send('PATCH', path, { done: true })).status).toBe(404)
  })

  test('a change of one attribute leaves the others as somebody else has set them', async () => {
    const id = await create('Two hands')
    await todos.sql`update todo_app.todos set title = 'Four hands' where id = ${id}`
    const reply = await alice.send('PATCH', `/api/lists/1/todos/${id}`, { done: true })
    expect(await reply.json()).toMatchObject({ title: 'Four hands', done: true })
  })

  test.each([
    [{ title: '' }, 422],
    [{ title: 'x'.repeat(201) }, 422],
    [{ title: null }, 422],
    [{ title: 'fine', done: 'yes' }, 422],
    ['[]', 400],
    ['{', 400],
    [`{"title": "${'x'.repeat(20_000)}"}`, 413],
  ])('%j is answered with %i and changes nothing', async (body, status) => {
    const count = () => todos.sql`select id, title, done from todo_app.todos order by id`
    const before = [...(await count())]
    expect((await alice.send('POST', '/api/lists/1/todos', body)).status).toBe(status)
    if (status === 422) expect((await alice.send('PATCH', '/api/lists/1/todos/1', body)).status).toBe(422)
    expect([...(await count())]).toEqual(before)
  })

  test('a body without an attribute of a todo, or of another type than JSON, is refused', async () => {
    expect((await alice.send('PATCH', '/api/lists/1/todos/1', { list_id: 4 })).status).toBe(400)
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    expect((await alice.send('POST', '/api/lists/1/todos', 'title=x', form)).status).toBe(415)
  })

  test('G3: a request sent twice with one key adds one todo', async () => {
    const key = { 'idempotency-key': 'the-same-key' }
    const [one, two] = [
      await alice.send('POST', '/api/lists/1/todos', { title: 'Only once' }, key),
      await alice.send('POST', '/api/lists/1/todos', { title: 'Only once' }, key),
    ]
    expect(await one.json()).toEqual(await two.json())
    expect(await todos.sql`select 1 from todo_app.todos where title = 'Only once'`).toHaveLength(1)
  })

  test.each([{ origin: 'https://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }])(
    'another site’s page with somebody’s cookie changes nothing: %j',
    async (headers) => {
      const forged = headers as Record<string, string>
      expect((await alice.send('POST', '/api/lists/1/todos', { title: 'forged' }, forged)).status).toBe(403)
      expect((await alice.send('DELETE', '/api/lists/1', undefined, forged)).status).toBe(403)
      expect(await todos.sql`select 1 from todo_app.todos where title = 'forged'`).toHaveLength(0)
    },
  )
})
