import { comparePositions, parsePosition, type WirePosition } from '@lockstep/protocol'
import { eventually } from '@lockstep/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Board, members, startBoard } from './wire/board.ts'

let board: Board
beforeAll(async () => {
  board = await startBoard()
})
afterAll(() => board.close())
beforeEach(() => members.set('alice 1', true))

const subscribe = (id: number, channel: string, position?: WirePosition, view?: number) => ({
  type: 'subscribe',
  id,
  channel,
  ...(position !== undefined && { position }),
  ...(view !== undefined && { view }),
})

/** Whether a is at or before b; both of one epoch. */
function isAtMost(a: WirePosition, b: WirePosition): boolean {
  const order = comparePositions(parsePosition(a), parsePosition(b))
  expect(order).toBeDefined()
  return (order ?? 1) <= 0
}

describe('hello', () => {
  it('P1, M1: is answered with session, fresh token and heartbeat; later messages need not wait for it', async () => {
    const session = board.server.issueSession({ id: 'alice' })
    const client = board.raw()
    client.send({ type: 'hello', version: 1, token: session.token }, { type: 'barrier', id: 1 })
    const welcome = await client.next('welcome')
    expect(welcome).toEqual({
      type: 'welcome',
      session: session.id,
      restored: false,
      token: expect.any(String),
      heartbeatMs: 15_000,
    })
    await client.next('barrier')
    const again = board.raw()
    again.send({ type: 'hello', version: 1, token: welcome.token })
    expect((await again.next('welcome')).session).toBe(session.id)
  })

  it.each([
    ['of another version', { type: 'hello', version: 2, token: 'x' }, 'bad_request', 4400],
    ['with a token that is not ours', { type: 'hello', version: 1, token: 'x' }, 'unauthorized', 4401],
    ['that is something else', subscribe(1, 'project/1'), 'unauthorized', 4401],
  ])('P1, M1, S1: %s is refused and ends the connection', async (_what, message, code, close) => {
    const client = board.raw()
    client.send(message)
    expect((await client.next('error')).error.code).toBe(code)
    expect(await client.closed()).toBe(close)
  })

  it('M1, S2: ends the older connection of the session', async () => {
    const { token } = board.server.issueSession({ id: 'alice' })
    const [older, newer] = [board.raw(), board.raw()]
    older.send({ type: 'hello', version: 1, token })
    await older.next('welcome')
    newer.send({ type: 'hello', version: 1, token })
    await newer.next('welcome')
    expect(await older.closed()).toBe(4409)
    expect(newer.closeCode).toBeUndefined()
  })
})

describe('a subscription', () => {
  it('M2, M4: brings subscribed, the rows as they stand, and live', async () => {
    const client = board.join('alice', subscribe(7, 'project/2'))
    expect(await client.next('subscribed')).toEqual({ type: 'subscribed', id: 7, channel: 'project/2' })
    const snapshot = await client.next('snapshot')
    expect(snapshot.collections).toEqual({
      items: { columns: ['id', 'title', 'cost'], key: [0], rows: [[30, 'Pay', '9']] },
    })
    const live = await client.next('live')
    expect(isAtMost(snapshot.position, live.position)).toBe(true)
    expect(client.typesOf('project/2')).toEqual(['subscribed', 'snapshot', 'current_locks', 'live'])
    expect(snapshot).toEqual(await board.server.snapshot('project/2', { id: 'alice' }))
  })

  it('M5, W3: then brings each commit once, with what changed and who wrote it', async () => {
    const client = board.join('alice', subscribe(1, 'project/1'))
    const { position } = await client.next('live')
    await board.sql.begin(async (sql) => {
      await sql`INSERT INTO items VALUES (19, 1, 'Search', 2, 'n')`
      await sql`UPDATE items SET title = 'Sign in', note = 'hidden' WHERE id = 17`
      await sql`DELETE FROM items WHERE id = 18`
      await sql`SELECT pg_logical_emit_message(true, 'lockstep', ${JSON.stringify({
        session: 's1',
        mutation: 'm1',
        operations: [{ channel: 'project/1', operation: 'items/create', envelope: { item: 19 } }],
      })})`
    })
    const transaction = await client.next('transaction')
    expect(transaction).toEqual({
      type: 'transaction',
      channel: 'project/1',
      position: expect.any(String),
      prev: expect.any(String),
      at: expect.closeTo(Date.now(), -4),
      session: 's1',
      mutation: 'm1',
      changes: {
        items: {
          create: { '19': { id: 19, title: 'Search', cost: '2' } },
          update: { '17': { title: 'Sign in' } },
          destroy: ['18'],
        },
      },
      operations: [{ operation: 'items/create', envelope: { item: 19 } }],
    })
    expect(isAtMost(transaction.prev, position)).toBe(true)
    expect(isAtMost(position, transaction.position)).toBe(true)
    await board.sql`UPDATE items SET title = 'Log in' WHERE id = 17`
    expect((await client.next('transaction')).prev).toBe(transaction.position)
  })

  it('M5, S3: shows an audience only its columns, and commits only where it sees a change', async () => {
    const client = board.join('olivia', subscribe(1, 'project/1'))
    const { collections } = await client.next('snapshot')
    expect(collections.items?.columns).toEqual(['id', 'title'])
    await client.next('live')
    await board.sql`UPDATE items SET cost = 5 WHERE id = 17`
    await board.sql`UPDATE items SET title = 'Enter', cost = 6 WHERE id = 17`
    const transaction = await client.next('transaction')
    expect(transaction.changes).toEqual({ items: { update: { '17': { title: 'Enter' } } } })
    expect(JSON.stringify(client.messages)).not.toMatch(/cost|note/)
  })

  it('M6, G5: bundles the channels of one commit; a moved row leaves one and enters the other', async () => {
    const client = board.join('alice', subscribe(1, 'project/1'), subscribe(2, 'project/2'))
    await client.next('live')
    await client.next('live')
    const at = client.messages.length
    await board.sql`UPDATE items SET project_id = 2 WHERE id = 17`
    expect(await client.next('bundle')).toEqual({ type: 'bundle', count: 2 })
    const both = [await client.next('transaction'), await client.next('transaction')]
    expect(
      client.messages.slice(at).filter((m) => m.type === 'bundle' || m.type === 'transaction'),
    ).toHaveLength(3)
    expect(new Set(both.map((t) => t.position)).size).toBe(1)
    const byChannel = Object.fromEntries(both.map((t) => [t.channel, t.changes.items]))
    expect(byChannel['project/1']).toEqual({ destroy: ['17'] })
    expect(byChannel['project/2']?.create?.['17']).toMatchObject({ id: 17 })
    await board.sql`UPDATE items SET project_id = 1 WHERE id = 17`
  })

  it('M2: ends with unsubscribe', async () => {
    const client = board.join('alice', subscribe(1, 'project/1'))
    await client.next('live')
    client.send({ type: 'unsubscribe', id: 2, channel: 'project/1' }, { type: 'barrier', id: 3 })
    await client.next('barrier')
    const before = client.typesOf('project/1')
    await board.sql`UPDATE items SET title = title || '!' WHERE id = 17`
    client.send({ type: 'barrier', id: 4 })
    await client.next('barrier')
    expect(client.typesOf('project/1')).toEqual(before)
  })

  it.each(['project/2', 'project/none', 'nothing/like/it', 'project/%41'])(
    'M4, M11, G9: to %s, which this user may not see or nobody can, gets the same answer',
    async (channel) => {
      const client = board.join('olivia', subscribe(5, channel))
      expect(await client.next('error')).toEqual({
        type: 'error',
        id: 5,
        channel,
        error: { code: 'no_channel', message: 'No such channel for this session.', retryable: false },
      })
      client.send({ type: 'barrier', id: 6 })
      await client.next('barrier')
      expect(client.typesOf(channel)).toEqual(['error'])
    },
  )

  it('S3, G9: to a channel that the token does not name is refused', async () => {
    const { token } = board.server.issueSession({ id: 'alice' }, ['project/1'])
    const client = board.raw()
    client.send({ type: 'hello', version: 1, token }, subscribe(1, 'project/1'), subscribe(2, 'project/2'))
    expect((await client.next('error')).id).toBe(2)
    await client.next('live')
    expect(client.typesOf('project/2')).toEqual(['error'])
  })

  it('M9, G9: that is revoked says so and brings nothing more', async () => {
    const client = board.join('alice', subscribe(1, 'project/1'), subscribe(2, 'project/2'))
    await client.next('live')
    await client.next('live')
    members.set('alice 1', false)
    await board.server.reauthorize('alice')
    expect(await client.next('revoked')).toEqual({ type: 'revoked', channel: 'project/1' })
    await board.sql`UPDATE items SET title = title || '?'`
    expect((await client.next('transaction')).channel).toBe('project/2')
    expect(client.typesOf('project/1').at(-1)).toBe('revoked')
  })
})

describe('going on', () => {
  it('R2, G7: from a position brings what was missed, without a snapshot', async () => {
    const first = board.join('alice', subscribe(1, 'project/1'))
    const { view } = await first.next('snapshot')
    const { position } = await first.next('live')
    first.end()
    await board.sql`UPDATE items SET title = 'one' WHERE id = 17`
    await board.sql`UPDATE items SET title = 'two' WHERE id = 17`
    await board.server.barrier()
    const second = board.join('alice', subscribe(1, 'project/1', position, view))
    const live = await second.next('live')
    expect(second.typesOf('project/1')).toEqual([
      'subscribed',
      'transaction',
      'transaction',
      'current_locks',
      'live',
    ])
    expect(isAtMost(position, live.position)).toBe(true)
  })

  it.each<[string, (position: WirePosition) => WirePosition]>([
    ['epoch', () => 'nosuch.1'],
    ['future', (position) => `${position.split('.')[0]}.1fffffffffffff`],
    ['trimmed', (position) => `${position.split('.')[0]}.1`],
  ])('P3, P4, R1, R2, G11: from where it cannot is a reset with the reason %s', async (reason, from) => {
    const first = board.join('alice', subscribe(1, 'project/1'))
    const { view } = await first.next('snapshot')
    const { position } = await first.next('live')
    const client = board.join('alice', subscribe(1, 'project/1', from(position), view))
    expect(await client.next('reset')).toEqual({ type: 'reset', channel: 'project/1', reason })
    await client.next('live')
    // The snapshot may be one that was kept, with what came after it.
    const types = client.typesOf('project/1').filter((type) => type !== 'transaction')
    expect(types).toEqual(['subscribed', 'reset', 'snapshot', 'current_locks', 'live'])
  })

  it('R1, G11: after TRUNCATE is a reset with the reason truncated', async () => {
    const client = board.join('alice', subscribe(1, 'project/2'))
    await client.next('live')
    const rows = await board.sql`SELECT * FROM items`
    await board.sql`TRUNCATE items`
    expect((await client.next('reset')).reason).toBe('truncated')
    expect((await client.next('snapshot')).collections.items?.rows).toEqual([])
    await client.next('live')
    await board.sql`INSERT INTO items ${board.sql(rows)}`
  })
})

describe('barriers and confirmations', () => {
  it('M3: come after everything committed before they were asked for', async () => {
    const client = board.join('alice', subscribe(1, 'project/1'))
    await client.next('live')
    await board.sql`UPDATE items SET title = 'before' WHERE id = 17`
    client.send({ type: 'barrier', id: 9 })
    const barrier = await client.next('barrier')
    const transaction = client.messages.find((m) => m.type === 'transaction')
    expect(client.messages.indexOf(barrier)).toBeGreaterThan(
      client.messages.findIndex((m) => m.type === 'transaction'),
    )
    expect(transaction?.type === 'transaction' && isAtMost(transaction.position, barrier.position)).toBe(true)
  })

  it('M7, G6: tell the session of its own mutation, after the transaction, also where nothing is seen', async () => {
    const session = board.server.issueSession({ id: 'alice' })
    const client = board.raw()
    client.send({ type: 'hello', version: 1, token: session.token }, subscribe(1, 'project/1'))
    await client.next('live')
    const write = (key: string, title: string) =>
      board.server.respond(
        new Request('http://localhost/items', {
          method: 'POST',
          headers: { 'lockstep-session': session.id, 'idempotency-key': key, 'x-user': 'alice' },
          body: title,
        }),
        async (tx) => {
          await tx.sql`UPDATE items SET title = ${title} WHERE id = 17 AND title <> ${title}`
          return { title }
        },
      )
    const reply = await write('m1', 'mine')
    expect(await client.next('transaction')).toMatchObject({ session: session.id, mutation: 'm1' })
    const confirmed = await client.next('confirmed')
    expect(confirmed.mutation).toBe('m1')
    expect(isAtMost(confirmed.position, reply.headers.get('lockstep-position') ?? '')).toBe(true)
    await write('m2', 'mine')
    expect((await client.next('confirmed')).mutation).toBe('m2')
  })

  it('W1, W2, W4, G3: a write with the same key has one effect and one reply', async () => {
    const write = (body: string) =>
      board.server.respond(
        new Request('http://localhost/items', {
          method: 'POST',
          headers: { 'idempotency-key': 'once', 'x-user': 'alice' },
          body,
        }),
        async (tx) => {
          const [row] =
            await tx.sql`UPDATE items SET cost = coalesce(cost, 0) + 1 WHERE id = 30 RETURNING cost`
          return { cost: row?.cost }
        },
      )
    const [first, second] = [await write('a'), await write('a')]
    expect(await first.json()).toEqual(await second.json())
    expect(second.headers.get('idempotent-replayed')).toBe('true')
    expect(second.headers.get('lockstep-position')).toMatch(/^[a-z0-9]+\.[0-9a-f]+$/)
    const other = await write('b')
    expect([other.status, await other.json()]).toEqual([
      409,
      { error: expect.objectContaining({ code: 'key_reused' }) },
    ])
  })

  it('W1, W5: a refused write leaves nothing and names the column, never the value', async () => {
    const reply = await board.server.respond(
      new Request('http://localhost/items', { method: 'POST' }),
      async (tx) => {
        await tx.sql`DELETE FROM items WHERE id = 17`
        await tx.sql`UPDATE items SET cost = ${'secret'}::text::numeric WHERE id = 30`
      },
    )
    expect(reply.status).toBe(400)
    const { error } = await reply.json()
    expect(error.code).toBe('bad_value')
    expect(JSON.stringify(error)).not.toContain('secret')
    expect(await board.sql`SELECT FROM items WHERE id = 17`).toHaveLength(1)
  })
})

describe('HTTP', () => {
  const as = (user: string, path: string, init: RequestInit = {}) =>
    fetch(`${board.url}/lockstep${path}`, { ...init, headers: { 'x-user': user, ...init.headers } })

  it('H1, S4: without an upgrade is 426, and from another origin 403', async () => {
    expect((await as('alice', '')).status).toBe(426)
    const client = board.raw({ origin: 'https://example.com', cookie: 'a=b' })
    await client.closed()
    expect(client.messages).toEqual([])
  })

  it('H2: gives a snapshot with an ETag, and 304 until something changes', async () => {
    const reply = await as('alice', '/snapshot/project/2')
    const etag = reply.headers.get('etag') ?? ''
    expect(await reply.json()).toMatchObject({ type: 'snapshot', channel: 'project/2' })
    expect((await as('alice', '/snapshot/project/2', { headers: { 'if-none-match': etag } })).status).toBe(
      304,
    )
    await board.sql`UPDATE items SET title = 'changed' WHERE id = 30`
    await eventually(async () => {
      expect((await as('alice', '/snapshot/project/2', { headers: { 'if-none-match': etag } })).status).toBe(
        200,
      )
    })
    expect((await as('olivia', '/snapshot/project/2')).status).toBe(404)
    expect((await fetch(`${board.url}/lockstep/snapshot/project/2`)).status).toBe(401)
  })

  it('H3: gives a session that is good for hello', async () => {
    const reply = await as('alice', '/session', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    })
    const { id, token } = await reply.json()
    const client = board.raw()
    client.send({ type: 'hello', version: 1, token })
    expect((await client.next('welcome')).session).toBe(id)
    expect((await as('alice', '/session')).status).toBe(405)
  })

  it('H4: tells its health', async () => {
    expect(await (await as('alice', '/health')).json()).toEqual({ status: 'ok', connected: true })
  })
})

describe('time', () => {
  it('M8: a heartbeat tells how far a live connection is; M10: tokens are renewed and goodbye is said', async () => {
    const own = await startBoard({ heartbeatMs: 200, tokenTtlMs: 1_000 })
    try {
      const client = own.join('alice', subscribe(1, 'project/1'))
      const { position } = await client.next('live')
      const heartbeat = await client.next('heartbeat')
      expect(isAtMost(position, heartbeat.position)).toBe(true)
      expect((await client.next('token')).token).toEqual(expect.any(String))
      await own.server.close()
      expect((await client.next('goodbye')).retryMs).toBeLessThanOrEqual(2_000)
      expect(await client.closed()).toBe(4503)
    } finally {
      await own.close()
    }
  })

  it('M1: silence after the upgrade ends with 4408', async () => {
    const own = await startBoard({ helloMs: 100 })
    try {
      expect(await own.raw().closed()).toBe(4408)
    } finally {
      await own.close()
    }
  })
})
