import { eventually } from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { givesBackMemory, type Scene, startScene } from './bad-input.setup.ts'
import type { SyncServer } from './server.ts'

/** An application that writes what it is sent. */
async function answer(request: Request, server: SyncServer): Promise<Response> {
  const { pathname } = new URL(request.url)
  return server.respond(request, async ({ sql }) => {
    if (pathname === '/many') {
      await sql`INSERT INTO items (id, title, project_id) SELECT n, 'many', 1 FROM generate_series(100001, 200000) AS n`
      return null
    }
    if (pathname === '/cast') {
      const { data } = await request.json()
      await sql`INSERT INTO items (id, project_id, data) VALUES (${4}, ${1}, ${data}::text::bytea)`
      return null
    }
    const [row] = await sql<{ id: number }[]>`INSERT INTO items ${sql(await request.json())} RETURNING id`
    return row
  })
}

let scene: Scene
beforeAll(async () => {
  scene = await startScene({ answer })
})
afterAll(async () => {
  await scene?.forgetsAll()
  await scene?.close()
})
afterEach(() => scene.neighbour.seesTheNextChange())

function post(body: string, headers: Record<string, string> = {}, path = '/items'): Promise<Response> {
  return fetch(`http://127.0.0.1:${scene.port}${path}`, {
    method: 'POST',
    headers: { cookie: 'user=alice', 'content-type': 'application/json', ...headers },
    body,
  })
}

async function refusal(response: Response): Promise<string> {
  const { error } = JSON.parse(await response.text())
  return `${response.status} ${error.code}: ${error.message}`
}

const item = (fields: object): string => JSON.stringify({ title: 'a write', project_id: 1, ...fields })

describe('a write', () => {
  it('G3, W2: with the same key and body gets the recorded reply and has one effect', async () => {
    const key = { 'idempotency-key': 'again' }
    const replies = await Promise.all(
      Array.from({ length: 5 }, () => post(item({ id: 1, title: 'once' }), key)),
    )
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    expect(replies.filter(({ headers }) => headers.has('idempotent-replayed'))).toHaveLength(4)
    expect(new Set(await Promise.all(replies.map((reply) => reply.text())))).toEqual(new Set(['{"id":1}']))
    await eventually(() => expect(scene.neighbour.count('once')).toBe(1))
    await scene.neighbour.seesTheNextChange()
    expect(scene.neighbour.count('once')).toBe(1)
  })

  it('W2: with the same key and another body or address is refused', async () => {
    const key = { 'idempotency-key': 'other' }
    expect((await post(item({ id: 2 }), key)).status).toBe(200)
    expect(await refusal(await post(item({ id: 3 }), key))).toMatch(/^409 key_reused/)
    expect(await refusal(await post(item({ id: 2 }), key, '/elsewhere'))).toMatch(/^409 key_reused/)
    expect(await scene.sql`SELECT id FROM items WHERE id IN (2, 3)`).toEqual([{ id: 2 }])
  })

  it.each([' ', 'a b', 'x'.repeat(129), '\u00e9', 'a\tb'])(
    'W2: with the key "%s" is refused',
    async (key) => {
      expect(await refusal(await post(item({ id: 4 }), { 'idempotency-key': `"${key}"` }))).toMatch(
        /^400 bad_request/,
      )
    },
  )

  it.each(['__proto__', 'constructor', 'toString'])(
    'W2: with the key and session "%s" is one like any other',
    async (name) => {
      const headers = { 'idempotency-key': name, 'lockstep-session': name }
      const id = 100 + name.length
      for (let i = 0; i < 2; i++) {
        expect(await (await post(item({ id }), headers)).json()).toEqual({ id })
      }
    },
  )

  it.each(['a b', '../x', 'x'.repeat(65), 'a,b'])('W3: of the session "%s" is refused', async (session) => {
    expect(await refusal(await post(item({ id: 4 }), { 'lockstep-session': session }))).toMatch(
      /^400 bad_request/,
    )
  })

  it('W5, G12: of more than 10 MB is refused', async () => {
    await givesBackMemory(async () => {
      const body = item({ id: 4, title: 'x'.repeat(10_485_760) })
      expect(await refusal(await post(body, { 'idempotency-key': 'large' }))).toMatch(/^413 too_large/)
    })
  })

  it('W5, G12: of 100,000 rows is refused, and leaves none', async () => {
    expect(await refusal(await post('{}', {}, '/many'))).toMatch(/^413 too_large/)
    expect(await scene.sql`SELECT FROM items WHERE title = 'many'`).toHaveLength(0)
    expect(scene.neighbour.count('many')).toBe(0)
  })

  it.each<[string, string, RegExp]>([
    ['an unknown column', item({ id: 4, nope: 1 }), /^400 bad_value: .*"nope"/],
    ['a column named __proto__', '{"id":4,"project_id":1,"__proto__":1}', /^400 bad_value: .*"__proto__"/],
    [
      'an infinite number',
      item({ id: 4 }).replace('}', ',"estimate":1e400}'),
      /^400 bad_value: .*"estimate"/,
    ],
    ['a number of 10,000 digits', item({ id: 4, estimate: '9'.repeat(10_000) }), /^400 bad_value/],
    ['NUL in a text', item({ id: 4, title: 'a\0b' }), /^400 bad_value/],
    ['a missing value', '{"id":4,"title":"x"}', /^400 bad_value: .*"project_id"/],
    ['a key that is there', item({ id: 2 }), /^409 conflict: .*"id"/],
    ['half of JSON', '{"id":', /^400 bad_request/],
    ['nothing', '', /^400 bad_request/],
  ])('W5: with %s is refused by name, and quotes nothing', async (_what, body, expected) => {
    const text = await refusal(await post(body))
    expect(text).toMatch(expected)
    expect(text).not.toMatch(/xzz|9999|a write/)
    expect(await scene.sql`SELECT FROM items WHERE id = 4`).toHaveLength(0)
  })

  it('W5: with a broken bytea is refused by name, and quotes nothing', async () => {
    const text = await refusal(await post('{"data":"\\\\xzz"}', {}, '/cast'))
    expect(text).toMatch(/^400 bad_value: .*"data"/)
    expect(text).not.toContain('zz')
  })
})
