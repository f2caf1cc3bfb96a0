import type { LockState } from '@lockstep/protocol'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Board, members, startBoard } from './wire/board.ts'

let board: Board
beforeAll(async () => {
  board = await startBoard({}, { showUser: ({ id }) => ({ name: `${id}`.toUpperCase() }) })
})
afterAll(() => board.close())
beforeEach(() => members.set('alice 1', true))

const subscribe = (channel: string) => ({ type: 'subscribe', id: 1, channel })
const lock = (resource: string, more: object = {}) => ({
  type: 'lock',
  id: 5,
  channel: 'project/1',
  resource,
  ...more,
})
const unlock = (resource: string) => ({ type: 'unlock', id: 6, channel: 'project/1', resource })

/** A request to `POST /locks`. */
async function post(body: object, headers: Record<string, string>) {
  const response = await fetch(`${board.url}/lockstep/locks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  const reply: { lock?: LockState; error?: { code: string } } = text === '' ? {} : JSON.parse(text)
  return { status: response.status, ...reply }
}

describe('locks on the wire', () => {
  it('K1, K2: stand before live, are told to all who may see the channel, and end with unlock', async () => {
    const alice = board.join('alice', subscribe('project/1'))
    expect(await alice.next('current_locks')).toEqual({
      type: 'current_locks',
      channel: 'project/1',
      locks: [],
    })
    await alice.next('live')
    alice.send(lock('items/17', { doing: 'editing' }))
    const { token, ...locked } = await alice.next('locked')
    expect(locked).toEqual({ type: 'locked', id: 5, channel: 'project/1', resource: 'items/17' })
    const state = {
      resource: 'items/17',
      session: expect.any(String),
      by: { name: 'ALICE' },
      doing: 'editing',
      token,
      at: expect.closeTo(Date.now(), -4),
    }
    const olivia = board.join('olivia', subscribe('project/1'))
    expect((await olivia.next('current_locks')).locks).toEqual([state])
    expect(olivia.typesOf('project/1')).toEqual(['subscribed', 'snapshot', 'current_locks', 'live'])
    await olivia.next('live')
    olivia.send(lock('items/17'), unlock('items/17'))
    expect((await olivia.next('error')).error.code).toBe('lock_held')
    expect((await olivia.next('error')).error.code).toBe('not_holder')
    alice.send(unlock('items/17'))
    expect(await alice.next('done')).toEqual({ type: 'done', id: 6 })
    expect(await olivia.next('locks')).toEqual({
      type: 'locks',
      channel: 'project/1',
      taken: [],
      freed: ['items/17'],
    })
    olivia.send(lock('items/17'))
    expect((await olivia.next('locked')).token).toBeGreaterThan(token)
    olivia.end()
  })

  it('G8, K8: end at once when a socket is cut, and go to whoever waits', async () => {
    const alice = board.join('alice', subscribe('project/1'))
    const other = board.join('alice', subscribe('project/1'))
    await alice.next('live')
    await other.next('live')
    alice.send(lock('items/20'))
    const { token } = await alice.next('locked')
    other.send(lock('items/20', { waitMs: 60_000 }))
    alice.end()
    expect((await other.next('locked')).token).toBeGreaterThan(token)
    other.send(unlock('items/20'))
    await other.next('done')
  })

  it('G9, K2, K8: elsewhere are as unknown as a channel that does not exist, also once it was revoked', async () => {
    const olivia = board.join(
      'olivia',
      { ...lock('x'), channel: 'project/2' },
      { ...lock('x'), channel: 'none' },
    )
    const [hidden, missing] = [await olivia.next('error'), await olivia.next('error')]
    expect(hidden).toEqual({ ...missing, channel: 'project/2' })
    const alice = board.join('alice', subscribe('project/1'))
    await alice.next('live')
    const watcher = board.join('olivia', subscribe('project/1'))
    await watcher.next('live')
    alice.send(lock('items/21'))
    await alice.next('locked')
    expect((await watcher.next('locks')).taken).toHaveLength(1)
    members.set('alice 1', false)
    await board.server.reauthorize('alice')
    await alice.next('revoked')
    expect((await watcher.next('locks')).freed).toEqual(['items/21'])
    alice.send(lock('items/21'))
    expect((await alice.next('error')).error).toEqual(hidden.error)
    watcher.end()
  })
})

describe('POST /locks', () => {
  it('K7: locks and unlocks for a session without a socket, by its token', async () => {
    const watcher = board.join('olivia', subscribe('project/1'))
    await watcher.next('live')
    const { id, token } = board.server.issueSession({ id: 'alice' })
    const bearer = { authorization: `Bearer ${token}` }
    const taken = await post({ ...lock('items/30'), id: undefined, doing: 'dragging' }, bearer)
    expect(taken).toMatchObject({
      status: 200,
      lock: { resource: 'items/30', session: id, doing: 'dragging' },
    })
    expect((await watcher.next('locks')).taken).toEqual([taken.lock])
    const other = { authorization: `Bearer ${board.server.issueSession({ id: 'alice' }).token}` }
    expect(await post(lock('items/30'), other)).toMatchObject({
      status: 409,
      error: { code: 'lock_held' },
      lock: { session: id },
    })
    expect(await post(unlock('items/30'), other)).toMatchObject({
      status: 409,
      error: { code: 'not_holder' },
    })
    expect((await post(unlock('items/30'), bearer)).status).toBe(204)
    expect((await watcher.next('locks')).freed).toEqual(['items/30'])
    watcher.end()
  })

  it('K7: takes a session by its id where it is connected and of the user who asks', async () => {
    const alice = board.join('alice', subscribe('project/1'))
    const { session } = await alice.next('welcome')
    await alice.next('live')
    const headers = { 'x-user': 'alice', 'lockstep-session': session }
    expect((await post(lock('items/31'), headers)).status).toBe(200)
    expect((await alice.next('locks')).taken).toMatchObject([{ resource: 'items/31', session }])
    const foreign = await post(lock('items/32'), { ...headers, 'x-user': 'olivia' })
    const unknown = await post(lock('items/32'), { ...headers, 'lockstep-session': 'nobody' })
    expect(foreign).toMatchObject({ status: 403, error: { code: 'forbidden' } })
    expect(unknown).toEqual(foreign)
    // What was locked by HTTP goes with the connection as well.
    const watcher = board.join('olivia', subscribe('project/1'))
    await watcher.next('live')
    alice.end()
    expect((await watcher.next('locks')).freed).toEqual(['items/31'])
    watcher.end()
  })

  it('G9, K7: refuses channels that the session may not see, and loses a lock with the right', async () => {
    const { token } = board.server.issueSession({ id: 'olivia' })
    const bearer = { authorization: `Bearer ${token}` }
    const hidden = await post({ ...lock('x'), channel: 'project/2' }, bearer)
    expect(hidden).toMatchObject({ status: 404, error: { code: 'no_channel' } })
    expect(await post({ ...lock('x'), channel: 'nothing' }, bearer)).toEqual(hidden)
    const narrow = board.server.issueSession({ id: 'alice' }, ['project/2']).token
    expect(await post(lock('x'), { authorization: `Bearer ${narrow}` })).toEqual(hidden)
    const alice = { authorization: `Bearer ${board.server.issueSession({ id: 'alice' }).token}` }
    expect((await post(lock('items/33'), alice)).status).toBe(200)
    members.set('alice 1', false)
    await board.server.reauthorize('alice')
    expect(board.server.status().locks).toEqual({ held: 0, waiting: 0 })
  })

  it.each<[string, object, Record<string, string>, number]>([
    ['without anybody', lock('x'), {}, 401],
    ['with a token that is not ours', lock('x'), { authorization: 'Bearer x' }, 401],
    ['without a session', lock('x'), { 'x-user': 'alice' }, 400],
    ['from a foreign origin', lock('x'), { 'x-user': 'alice', origin: 'https://evil.example' }, 403],
    ['as plain text', lock('x'), { 'x-user': 'alice', 'content-type': 'text/plain' }, 415],
  ])('K7, H3: %s is refused', async (_what, body, headers, status) => {
    expect((await post(body, headers)).status).toBe(status)
  })
})
