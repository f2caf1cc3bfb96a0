import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Browser, startTodosInTest, type TodosInTest } from '../todos.testing.ts'

let todos: TodosInTest
let alice: Browser
let bob: Browser

beforeAll(async () => {
  todos = await startTodosInTest()
  alice = await todos.browser('alice@example.com')
  bob = await todos.browser('bob@example.com')
})
afterAll(() => todos.close())

const names = async (): Promise<string[]> =>
  (await todos.sql<{ name: string }[]>`select name from todo_app.lists where team_id = 1 order by id`).map(
    ({ name }) => name,
  )

describe('lists', () => {
  test('are created, renamed and removed, with their todos', async () => {
    const made = await alice.send('POST', '/api/lists', { team_id: 1, name: '  Party\u0000 ' })
    expect(made.status).toBe(201)
    const list = (await made.json()) as { id: number }
    expect(list).toEqual({ id: expect.any(Number), team_id: 1, name: 'Party', open: 0, total: 0 })
    await alice.send('POST', `/api/lists/${list.id}/todos`, { title: 'Invite' })

    for (const method of ['PUT', 'PATCH']) {
      const reply = await alice.send(method, `/api/lists/${list.id}`, { ...list, name: `By ${method}` })
      expect(reply.status).toBe(200)
      expect(await reply.json()).toMatchObject({ name: `By ${method}`, open: 1, total: 1 })
    }

    expect((await alice.send('DELETE', `/api/lists/${list.id}`)).status).toBe(200)
    expect(await names()).not.toContain('By PATCH')
    expect(await todos.sql`select 1 from todo_app.todos where list_id = ${list.id}`).toHaveLength(0)
    expect((await alice.send('DELETE', `/api/lists/${list.id}`)).status).toBe(404)
  })

  test.each([
    ['groceries', 'There is a list of this name already.'],
    [' ', 'The name must not be empty.'],
    ['x'.repeat(81), 'The name must not be longer than 80 characters.'],
    [17, 'The name must be text.'],
  ])('of the name %j are refused as Rails refuses what is not valid', async (name, message) => {
    const before = await names()
    for (const [method, path] of [
      ['POST', '/api/lists'],
      ['PATCH', '/api/lists/2'],
    ] as const) {
      const reply = await alice.send(method, path, { team_id: 1, name })
      expect(reply.status).toBe(422)
      expect(await reply.json()).toEqual({
        error: { code: 'bad_value', message, retryable: false },
        errors: { name: [message] },
      })
    }
    expect(await names()).toEqual(before)
  })

  test('may be renamed to their own name in other letters', async () => {
    expect((await alice.send('PATCH', '/api/lists/2', { name: 'Weekend At The Lake' })).status).toBe(200)
  })

  test('two of one name, created at once, are one', async () => {
    const replies = await Promise.all(
      [1, 2, 3, 4].map(() => alice.send('POST', '/api/lists', { team_id: 1, name: 'Twins' })),
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([
      201,
      ...replies.slice(1).map(() => expect.any(Number)),
    ])
    expect((await names()).filter((name) => name === 'Twins')).toHaveLength(1)
    await todos.sql`delete from todo_app.lists where name = 'Twins'`
  })
})

describe('G9: who is not in the team', () => {
  test.each([
    ['POST', '/api/lists', { team_id: 1, name: 'Mine' }],
    ['PATCH', '/api/lists/1', { name: 'Mine' }],
    ['DELETE', '/api/lists/1', undefined],
    ['POST', '/api/lists/1/todos', { title: 'Mine' }],
    ['PATCH', '/api/lists/1/todos/1', { title: 'Mine' }],
    ['DELETE', '/api/lists/1/todos/1', undefined],
    // A todo of others under a list of one's own.
    ['PATCH', '/api/lists/4/todos/1', { title: 'Mine' }],
    ['DELETE', '/api/lists/4/todos/1', undefined],
  ])('is answered to %s %s as if it were not there', async (method, path, body) => {
    const reply = await bob.send(method, path, body)
    expect(reply.status).toBe(404)
    const [absent] = [await bob.send(method, path.replace(/lists\/\d/, 'lists/999'), body)]
    if (/lists\/1/.test(path)) expect(await reply.json()).toEqual(await absent.json())
    expect(await todos.sql`select 1 from todo_app.todos where title = 'Mine'`).toHaveLength(0)
    expect(await todos.sql`select 1 from todo_app.lists where name = 'Mine'`).toHaveLength(0)
  })

  test('nobody at all is told to sign in', async () => {
    const reply = await todos.app.fetch(
      new Request('http://todos.test/api/lists/1', { method: 'DELETE', headers: { host: 'todos.test' } }),
    )
    expect(reply.status).toBe(401)
  })
})
