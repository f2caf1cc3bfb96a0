import { afterAll, beforeAll, expect, test } from 'vitest'
import { administratorOf } from './administrator.ts'
import { type BoardInTest, startBoard } from './board.testing.ts'

let board: BoardInTest

beforeAll(async () => {
  board = await startBoard({ administrator: 'alice@example.com' })
}, 60_000)
afterAll(() => board?.close())

test('the inspector is off in production unless somebody is named', () => {
  expect(administratorOf({})).toBe('alice@example.com')
  expect(administratorOf({ NODE_ENV: 'production' })).toBe(undefined)
  expect(administratorOf({ NODE_ENV: 'production', SCRUM_ADMIN: 'bob@example.com' })).toBe('bob@example.com')
  expect(administratorOf({ SCRUM_ADMIN: 'off' })).toBe(undefined)
})

test('H7: it opens for the administrator, and is for all others an address where there is nothing', async () => {
  const [alice, olivia, nobody] = await Promise.all([
    board.browser('alice@example.com'),
    board.browser('olivia@example.com'),
    board.browser(),
  ])
  const opened = await alice.get('/inspector')
  expect([opened.status, opened.headers.get('location')]).toEqual([302, '/lockstep/inspector'])
  expect((await alice.get('/lockstep/inspector')).status).toBe(200)
  for (const other of [olivia, nobody]) {
    const [reply, nothing] = [await other.get('/inspector'), await other.get('/nothing-like-it')]
    expect([reply.status, await reply.text()]).toEqual([nothing.status, await nothing.text()])
    expect((await other.get('/lockstep/inspector/state')).status).toBe(404)
  }
})
