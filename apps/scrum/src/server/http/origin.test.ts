import { afterAll, beforeAll, expect, test } from 'vitest'
import { type BoardInTest, type Browser, startBoard } from '../board.testing.ts'

let board: BoardInTest
let alice: Browser

beforeAll(async () => {
  board = await startBoard()
  alice = await board.browser('alice@example.com')
})
afterAll(() => board.close())

const body = { user_story: 'forged' }

test.each([
  { origin: 'https://evil.example' },
  { origin: 'null' },
  { origin: 'http://board.test.evil.example' },
  { origin: 'http://board.test:81' },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
])('a write with somebody’s cookie from %j is refused', async (headers) => {
  for (const [method, path] of [
    ['POST', '/api/projects/1/items'],
    ['PATCH', '/api/projects/1/items/1'],
    ['DELETE', '/api/projects/1/items/1'],
    ['POST', '/api/projects'],
    ['POST', '/sign-out'],
  ] as const) {
    const reply = await alice.send(
      method,
      path,
      method === 'DELETE' ? undefined : body,
      headers as Record<string, string>,
    )
    expect(reply.status).toBe(path.startsWith('/api') ? 403 : 400)
  }
  expect((await board.sql`select 1 from items where user_story = 'forged'`).length).toBe(0)
  expect((await board.sql`select 1 from items where id = 1`).length).toBe(1)
})

test('a program without an origin may write with its own cookie', async () => {
  const reply = await board.scrum.fetch(
    new Request('http://board.test/api/projects/1/items', {
      method: 'POST',
      headers: { cookie: alice.cookie, 'content-type': 'application/json' },
      body: JSON.stringify({ user_story: 'by curl' }),
    }),
  )
  expect(reply.status).toBe(201)
})
