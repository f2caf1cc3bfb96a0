import type { ServerMessage } from '@lockstep/protocol'
import { expect, test } from 'vitest'
import type { Audience } from '../definition/definition.ts'
import { Room, settle } from './room.setup.ts'

/** Questions to `authorize`, each to be answered when the test wants. */
function questions(room: Room): ((answer: Audience) => Promise<void>)[] {
  const asked: ((answer: Audience) => Promise<void>)[] = []
  room.authorize = () =>
    new Promise((resolve) => {
      asked.push((answer) => {
        resolve(answer)
        return settle()
      })
    })
  return asked
}

/** The view that the newest snapshot was of. */
function viewOf(got: readonly ServerMessage[]): unknown {
  const snapshot = got.findLast((message) => message.type === 'snapshot')
  return snapshot?.type === 'snapshot' ? snapshot.collections.rows?.rows[0]?.[0] : undefined
}

async function viewOfAudience(audience: Audience): Promise<unknown> {
  const room = new Room()
  room.authorize = () => audience
  const visitor = room.join()
  await visitor.subscribe('room/1')
  await settle()
  return viewOf(visitor.got)
}

test('G9: an audience that changes while a subscribe is being authorised is the one that counts', async () => {
  const room = new Room()
  const asked = questions(room)
  const visitor = room.join()
  const subscribed = visitor.subscribe('room/1')
  await settle()
  // The application took the rights away after the question, and says so.
  const reauthorized = room.hub.reauthorize(1)
  await settle()
  await asked[0]?.(true)
  for (const answer of asked.slice(1)) await answer('guest')
  await Promise.all([subscribed, reauthorized])
  await settle()
  expect(viewOf(visitor.got)).toBe(await viewOfAudience('guest'))
  expect(viewOf(visitor.got)).not.toBe(await viewOfAudience('member'))
})

test('G9: an answer from before rights were taken does not give them back when it comes late', async () => {
  const room = new Room()
  const visitor = room.join()
  await visitor.subscribe('room/1')
  await settle()
  const asked = questions(room)
  const before = room.hub.reauthorize(1)
  const after = room.hub.reauthorize(1)
  await asked[1]?.('guest')
  await asked[0]?.(true)
  await Promise.all([before, after])
  await settle()
  expect(viewOf(visitor.got)).toBe(await viewOfAudience('guest'))
})

test('G9: whoever took rights is told when they are taken, also where they were asked for once more meanwhile', async () => {
  const room = new Room()
  const visitor = room.join()
  await visitor.subscribe('room/1')
  await settle()
  const asked = questions(room)
  let taken = false
  const before = room.hub.reauthorize(1).then(() => {
    taken = true
  })
  const after = room.hub.reauthorize(1)
  await asked[0]?.(false)
  expect(taken, 'an answer that does not count').toBe(false)
  await asked[1]?.(false)
  await Promise.all([before, after])
  expect(visitor.heard.at(-1)).toBe('revoked room/1')
})

test('G9: what waits of a channel that was left meanwhile goes with the right to it', async () => {
  const room = new Room()
  const visitor = room.join()
  await visitor.subscribe('room/1')
  await visitor.subscribe('room/2')
  await settle()
  visitor.waiting = true
  room.hub.unsubscribe(visitor.connection, 'room/1')
  await room.hub.reauthorize(1)
  expect(visitor.ended).toBeUndefined()
  room.authorize = (channel) => channel !== 'room/1'
  await room.hub.reauthorize(1)
  expect(visitor.ended).toBe('terminated')
})

test('G9: what waits of a channel that is left while its right is asked for goes with the right to it', async () => {
  for (const answer of [false, 'guest', true] as const) {
    const room = new Room()
    const visitor = room.join()
    await visitor.subscribe('room/1')
    await settle()
    const asked = questions(room)
    visitor.waiting = true
    const reauthorized = room.hub.reauthorize(1)
    await settle()
    room.hub.unsubscribe(visitor.connection, 'room/1')
    await asked[0]?.(answer)
    await reauthorized
    expect(visitor.ended, String(answer)).toBe(answer === true ? undefined : 'terminated')
  }
})

test('G9: what waits in a connection that another one of the session replaced goes with the right to it', async () => {
  const room = new Room()
  const before = room.join()
  await before.subscribe('room/1')
  await before.subscribe('room/2')
  await settle()
  before.waiting = true
  room.hub.unsubscribe(before.connection, 'room/2')
  const after = room.join()
  expect(before.ended).toBe('replaced')
  await after.subscribe('room/3')
  await settle()
  before.ended = undefined
  await room.hub.reauthorize(1)
  expect(before.ended).toBeUndefined()
  for (const lost of ['room/1', 'room/2']) {
    before.ended = undefined
    room.authorize = (channel) => channel !== lost
    await room.hub.reauthorize(1)
    expect(before.ended, lost).toBe('terminated')
  }
  expect(after.ended).toBeUndefined()
  // Its carrier is gone: nothing is asked for it any more.
  room.hub.disconnect(before.connection)
  before.ended = undefined
  await room.hub.reauthorize(1)
  expect(before.ended).toBeUndefined()
})

test('G9: a user is named by its id, be it written as number or as text', async () => {
  const room = new Room()
  const visitor = room.join()
  await visitor.subscribe('room/1')
  await settle()
  room.authorize = () => false
  await room.hub.reauthorize('1')
  expect(visitor.heard.at(-1)).toBe('revoked room/1')
  room.commit(200, 'room/1')
  expect(visitor.heard.at(-1)).toBe('revoked room/1')
})

test('G9: not a byte follows `revoked`, whatever the subscription was waiting for', async () => {
  for (const wait of ['authorising', 'loading', 'behind', 'turn'] as const) {
    const room = new Room()
    const visitor = room.join('s1', wait === 'behind' ? 200 : undefined)
    const asked = wait === 'authorising' ? questions(room) : []
    const subscribed = visitor.subscribe('room/1')
    if (wait !== 'authorising' && wait !== 'loading') await settle()
    if (wait === 'behind') room.commit(200, 'room/1')
    room.authorize = () => false
    const reauthorized = room.hub.reauthorize(1)
    await settle()
    for (const answer of asked) await answer(true)
    await Promise.all([subscribed, reauthorized])
    const heard = visitor.heard.length
    room.commit(300, 'room/1')
    visitor.read()
    await settle()
    room.runtime.endTurn()
    expect(visitor.heard.slice(heard), wait).toEqual([])
    expect(
      visitor.heard.some((line) => line === 'revoked room/1' || line === 'error room/1'),
      wait,
    ).toBe(true)
  }
})

test('G11: a subscribe that cannot be authorised for now is told so, not refused for good', async () => {
  const room = new Room()
  const visitor = room.join()
  room.authorize = () => {
    throw new Error('the database is away')
  }
  await visitor.subscribe('room/1')
  expect(visitor.got.at(-1)).toMatchObject({ type: 'error', error: { code: 'no_channel', retryable: false } })
  room.mayPass = true
  await visitor.subscribe('room/1')
  expect(visitor.got.at(-1)).toMatchObject({ type: 'error', error: { code: 'unavailable', retryable: true } })
})

test('G9, G11: rights that cannot be asked for again stop the stream and take no rows from the screen', async () => {
  const room = new Room()
  const visitor = room.join()
  await visitor.subscribe('room/1')
  await settle()
  room.mayPass = true
  room.authorize = () => {
    throw new Error('the database is away')
  }
  await room.hub.reauthorize(1)
  expect(visitor.ended).toBe('unavailable')
  const heard = visitor.heard.length
  room.commit(200, 'room/1')
  expect(visitor.heard.slice(heard)).toEqual([])
  expect(visitor.heard).not.toContain('revoked room/1')
})

test('G9: what still waits in a connection when rights are taken goes with the connection', async () => {
  const room = new Room()
  const visitor = room.join()
  await visitor.subscribe('room/1')
  await settle()
  visitor.waiting = true
  room.authorize = () => false
  await room.hub.reauthorize(1)
  expect(visitor.ended).toBe('terminated')
  expect(visitor.heard).not.toContain('revoked room/1')
})

test('G1, G9: who comes back as another audience gets its rows anew instead of going on with the old ones', async () => {
  const room = new Room()
  const before = room.join()
  await before.subscribe('room/1')
  await settle()
  const from = room.log.position
  const { view } = before.connection.subscriptions.get('room/1') ?? {}
  room.hub.disconnect(before.connection)
  const same = room.join()
  await same.subscribe('room/1', from, view)
  await settle()
  expect(same.heard).not.toContain('reset room/1')
  room.hub.disconnect(same.connection)
  room.authorize = () => 'guest'
  const after = room.join()
  await after.subscribe('room/1', from, view)
  await settle()
  expect(after.heard.slice(1)).toEqual([
    'subscribed room/1',
    'reset room/1',
    'snapshot room/1',
    'current_locks room/1',
    'live room/1',
  ])
  expect(viewOf(after.got)).not.toBe(viewOf(before.got))
})
