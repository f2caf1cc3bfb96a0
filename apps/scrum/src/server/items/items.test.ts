import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { isRank } from '../../model/rank.ts'
import { type BoardInTest, type Browser, startBoard } from '../board.testing.ts'

let board: BoardInTest
let alice: Browser
let olivia: Browser
let bob: Browser
const items = '/api/projects/1/items'

beforeAll(async () => {
  board = await startBoard()
  alice = await board.browser('alice@example.com')
  olivia = await board.browser('olivia@example.com')
  bob = await board.browser('bob@example.com')
})
afterAll(() => board.close())

beforeEach(async () => {
  await board.sql`delete from items where project_id = 1`
})

async function add(userStory: string, more: object = {}): Promise<{ id: number; position: string }> {
  const reply = await alice.send('POST', items, { user_story: userStory, ...more })
  expect(reply.status).toBe(201)
  // As the endpoint's own test below shows.
  return (await reply.json()) as { id: number; position: string }
}

async function order(): Promise<string[]> {
  const rows = await board.sql<{ user_story: string }[]>`
    select user_story from items where project_id = 1 order by position`
  return rows.map((row) => row.user_story)
}

async function errorOf(reply: Response): Promise<{ status: number; code: string; message: string }> {
  const { error } = (await reply.json()) as { error: { code: string; message: string; retryable: boolean } }
  expect(error.retryable).toBe(false)
  return { status: reply.status, code: error.code, message: error.message }
}

describe('POST items', () => {
  test('adds at the end, trimmed, and answers with the row and its position in the log', async () => {
    await add('first')
    const reply = await alice.send('POST', items, { user_story: '  second\nline ', estimate: 0.5 })
    expect(reply.status).toBe(201)
    expect(reply.headers.get('lockstep-position')).toMatch(/^[a-z0-9]+\.[0-9a-f]+$/)
    expect(await reply.json()).toMatchObject({
      project_id: 1,
      user_story: 'second line',
      description: '',
      estimate: 0.5,
      tasks: [],
    })
    expect(await order()).toEqual(['first', 'second line'])
  })

  test('brings an item back with its tasks in one request', async () => {
    const tasks = [{ summary: 'one', done: true }, { summary: 'two' }]
    const { id } = await add('back again', { tasks })
    const rows = await board.sql`select summary, done from tasks where item_id = ${id} order by position`
    expect([...rows]).toEqual([
      { summary: 'one', done: true },
      { summary: 'two', done: false },
    ])
  })

  test('gives two who want the same place one place each', async () => {
    const wanted = 'V'
    await Promise.all([
      alice.send('POST', items, { user_story: 'a', position: wanted }),
      olivia.send('POST', items, { user_story: 'b', position: wanted }),
      alice.send('POST', items, { user_story: 'c', position: wanted }),
    ])
    const rows = await board.sql<{ position: string }[]>`select position from items where project_id = 1`
    expect(new Set(rows.map((row) => row.position)).size).toBe(3)
    expect(rows.every((row) => isRank(row.position))).toBe(true)
  })

  test.each([
    [{}, 'user_story'],
    [{ user_story: '  ' }, 'user_story'],
    [{ user_story: 'x'.repeat(501) }, 'user_story'],
    [{ user_story: 'x', description: 'x'.repeat(20_001) }, 'description'],
    [{ user_story: 'x', estimate: -1 }, 'estimate'],
    [{ user_story: 'x', estimate: '5' }, 'estimate'],
    [{ user_story: 'x', estimate: 1e9 }, 'estimate'],
    [{ user_story: 'x', position: '0' }, 'position'],
    [{ user_story: 'x', position: "'; drop table items; --" }, 'position'],
    [{ user_story: 'x', tasks: [{ summary: '' }] }, 'tasks.0.summary'],
  ])('refuses %j and names the field', async (body, field) => {
    const error = await errorOf(await alice.send('POST', items, body))
    expect(error).toMatchObject({ status: 400, code: 'bad_value' })
    expect(error.message.startsWith(`${field}: `)).toBe(true)
    expect(await order()).toEqual([])
  })

  test('refuses what is not JSON, and too much of it', async () => {
    expect(await errorOf(await alice.send('POST', items, '{'))).toMatchObject({ code: 'bad_request' })
    const plain = await alice.send('POST', items, '{}', { 'content-type': 'text/plain' })
    expect(await errorOf(plain)).toMatchObject({ status: 415, code: 'unsupported_media' })
    const large = await alice.send('POST', items, { user_story: 'x'.repeat(200_000) })
    expect(await errorOf(large)).toMatchObject({ status: 413, code: 'too_large' })
  })

  test('G3: a retry with the same key has one effect and the same reply', async () => {
    const key = { 'idempotency-key': 'once-and-only-once' }
    const first = await alice.send('POST', items, { user_story: 'once' }, key)
    const second = await alice.send('POST', items, { user_story: 'once' }, key)
    expect(await second.json()).toEqual(await first.json())
    expect(await order()).toEqual(['once'])
    const other = await alice.send('POST', items, { user_story: 'twice' }, key)
    expect(await errorOf(other)).toMatchObject({ status: 409, code: 'key_reused' })
  })
})

describe('PATCH items', () => {
  test('changes only the fields that it names', async () => {
    const { id } = await add('old', { estimate: 5, description: 'text' })
    const reply = await alice.send('PATCH', `${items}/${id}`, { user_story: 'new' })
    expect(await reply.json()).toMatchObject({ user_story: 'new', estimate: 5, description: 'text' })
    const cleared = await alice.send('PATCH', `${items}/${id}`, { estimate: null })
    expect(await cleared.json()).toMatchObject({ user_story: 'new', estimate: null })
  })

  test('sorts by a rank, and by the row to stand after', async () => {
    const [a, b, c] = [await add('a'), await add('b'), await add('c')]
    await alice.send('PATCH', `${items}/${c.id}`, { after: null })
    expect(await order()).toEqual(['c', 'a', 'b'])
    await alice.send('PATCH', `${items}/${c.id}`, { after: a.id })
    expect(await order()).toEqual(['a', 'c', 'b'])
    await alice.send('PATCH', `${items}/${a.id}`, { position: `${b.position}V` })
    expect(await order()).toEqual(['c', 'b', 'a'])
  })

  test('lets many sort at once without losing or doubling a place', async () => {
    const rows: { id: number }[] = []
    for (const name of 'abcdefgh') rows.push(await add(name))
    const moves = rows.flatMap(({ id }, i) => [
      alice.send('PATCH', `${items}/${id}`, { after: null }),
      olivia.send('PATCH', `${items}/${id}`, { position: i % 2 === 0 ? 'V' : 'VV' }),
    ])
    expect((await Promise.all(moves)).map((reply) => reply.status)).toEqual(moves.map(() => 200))
    expect((await order()).sort()).toEqual([...'abcdefgh'])
  })

  test('answers 404 for a row to stand after that is gone, and changes nothing', async () => {
    const { id } = await add('a')
    const reply = await alice.send('PATCH', `${items}/${id}`, { after: id + 1000, user_story: 'changed' })
    expect(await errorOf(reply)).toMatchObject({ status: 404, code: 'not_found' })
    expect(await order()).toEqual(['a'])
  })
})

describe('DELETE items', () => {
  test('deletes the item with its tasks and answers with it', async () => {
    const { id } = await add('going', { tasks: [{ summary: 'too' }] })
    const reply = await alice.send('DELETE', `${items}/${id}`)
    expect(await reply.json()).toMatchObject({ id, user_story: 'going' })
    expect((await board.sql`select 1 from tasks where item_id = ${id}`).length).toBe(0)
    expect(await errorOf(await alice.send('DELETE', `${items}/${id}`))).toMatchObject({ status: 404 })
  })
})

describe('G9: who is not a member', () => {
  test('gets the same 404 as for a project that does not exist, whatever is asked', async () => {
    const { id } = await add('secret')
    const missing = await errorOf(await bob.send('POST', '/api/projects/999/items', { user_story: 'x' }))
    expect(missing).toMatchObject({ status: 404, code: 'not_found' })
    for (const reply of [
      await bob.send('POST', items, { user_story: 'x' }),
      await bob.send('PATCH', `${items}/${id}`, { user_story: 'x' }),
      await bob.send('DELETE', `${items}/${id}`),
    ]) {
      expect(await errorOf(reply)).toEqual(missing)
    }
    expect(await order()).toEqual(['secret'])
  })

  test('cannot reach an item through a project of their own', async () => {
    const { id } = await add('secret')
    const patch = await bob.send('PATCH', `/api/projects/2/items/${id}`, { user_story: 'x' })
    expect(await errorOf(patch)).toMatchObject({ status: 404 })
    const remove = await bob.send('DELETE', `/api/projects/2/items/${id}`)
    expect(await errorOf(remove)).toMatchObject({ status: 404 })
    const after = await bob.send('POST', '/api/projects/2/items', { user_story: 'x', after: id })
    expect(await errorOf(after)).toMatchObject({ status: 404 })
    expect(await order()).toEqual(['secret'])
  })

  test('signed in as nobody, gets 401', async () => {
    const nobody = await board.browser()
    expect(await errorOf(await nobody.send('POST', items, { user_story: 'x' }))).toMatchObject({
      status: 401,
      code: 'unauthorized',
    })
  })
})
