import type { CurrentLocks, LockChanges, LockRequest, ServerMessage } from '@lockstep/protocol'
import { describe, expect, test } from 'vitest'
import { Room, settle, type Visitor } from './room.setup.ts'

const place = { channel: 'room/1', resource: 'items/17' } as const

function lock(room: Room, visitor: Visitor, more: Partial<LockRequest> = {}): Promise<void> {
  return room.hub.beside.locking.lock(visitor.connection, { type: 'lock', id: 9, ...place, ...more })
}

function unlock(room: Room, visitor: Visitor, resource: string = place.resource): Promise<void> {
  return room.hub.beside.locking.unlock(visitor.connection, { type: 'unlock', id: 9, ...place, resource })
}

/** A visitor that is live in some channels, and has read what that brought. */
async function present(
  room: Room,
  session: string,
  channels = ['room/1'],
  capacity?: number,
): Promise<Visitor> {
  const visitor = room.join(session, capacity)
  for (const channel of channels) await visitor.subscribe(channel)
  await settle()
  expect(visitor.heard.at(-1)).toBe(`live ${channels.at(-1)}`)
  visitor.got.length = 0
  return visitor
}

async function endTurn(room: Room): Promise<void> {
  await settle()
  room.runtime.endTurn()
  await settle()
}

function locksOf({ got }: Visitor): Record<string, string> {
  const shown: Record<string, string> = {}
  for (const message of got) {
    if (message.type === 'current_locks') for (const name of Object.keys(shown)) delete shown[name]
    if (message.type === 'current_locks')
      for (const { resource, session } of message.locks) shown[resource] = session
    if (message.type !== 'locks') continue
    for (const { resource, session } of message.taken) shown[resource] = session
    for (const resource of message.freed) delete shown[resource]
  }
  return shown
}

const errorsOf = ({ got }: Visitor): string[] =>
  got.flatMap((message) => (message.type === 'error' ? [message.error.code] : []))

describe('locks as subscribers see them', () => {
  test('K8, G9: one that was given and let go with the channel in one turn is not told as given', async () => {
    const room = new Room()
    const visitor = await present(room, 's1')
    const locking = lock(room, visitor)
    room.hub.unsubscribe(visitor.connection, 'room/1')
    await locking
    expect(visitor.got.filter(({ type }) => type === 'locked')).toEqual([])
    expect(errorsOf(visitor)).toEqual(['no_channel'])
    expect(room.locks.status().held).toBe(0)
  })

  test('K1: stand before live, when rows come by a snapshot and when they are continued', async () => {
    const room = new Room()
    const holder = await present(room, 's1')
    await lock(room, holder, { doing: 'editing' })
    await endTurn(room)
    const { lsn, epoch } = room.log.position
    for (const from of [undefined, { lsn, epoch }]) {
      const visitor = room.join('s2')
      await visitor.subscribe('room/1', from, from && 1)
      await settle()
      const order = visitor.heard.slice(-2)
      expect(order).toEqual(['current_locks room/1', 'live room/1'])
      const current = visitor.got.at(-2) as CurrentLocks
      expect(current.locks).toEqual([
        {
          resource: 'items/17',
          session: 's1',
          by: { id: 1 },
          doing: 'editing',
          token: expect.any(Number),
          at: room.runtime.now(),
        },
      ])
    }
  })

  test('K1: are told as they change, once per turn, in one frame that all subscribers share', async () => {
    const room = new Room()
    room.authorize = () => true
    const holder = await present(room, 's1')
    room.authorize = () => 'guest'
    const others = await Promise.all([
      present(room, 's2'),
      present(room, 's3'),
      present(room, 's4', ['room/2']),
    ])
    const frames: unknown[] = []
    for (const visitor of [holder, ...others]) {
      const { send } = visitor
      visitor.send = (batch) => {
        frames.push(batch)
        return send.call(visitor, batch)
      }
    }
    await lock(room, holder)
    await lock(room, holder, { resource: '__proto__' })
    await unlock(room, holder)
    const answers = frames.length
    room.runtime.endTurn()
    expect(new Set(frames.slice(answers)).size).toBe(1)
    expect(frames.slice(answers)).toHaveLength(3)
    const told = others[0]?.got.at(-1) as LockChanges
    expect(told).toMatchObject({ type: 'locks', channel: 'room/1', freed: ['items/17'] })
    expect(told.taken.map(({ resource }) => resource)).toEqual(['__proto__'])
    expect(others[2]?.got).toEqual([])
  })

  test('K1, G12: a connection that is full misses changes, and gets everything when it has room', async () => {
    const room = new Room()
    const holder = await present(room, 's1')
    const slow = await present(room, 's2', ['room/1', 'room/2'], 2_000)
    slow.unread = 3_000
    room.commit(200, 'room/2')
    expect(slow.connection.full).toBe(true)
    const seen = slow.got.length
    for (const resource of ['a', 'b', 'c']) {
      await lock(room, holder, { resource })
      await endTurn(room)
      await unlock(room, holder, 'a').catch(() => {})
      await endTurn(room)
    }
    expect(slow.got).toHaveLength(seen)
    slow.read()
    await settle()
    expect(locksOf(slow)).toEqual({ b: 's1', c: 's1' })
    // Told once; what comes later is told as changes again.
    expect(slow.heard.filter((line) => line.startsWith('current_locks'))).toEqual(['current_locks room/1'])
    await unlock(room, holder, 'b')
    await endTurn(room)
    expect(locksOf(slow)).toEqual({ c: 's1' })
  })

  test('K1, G9: are told once more to who asks, and may see the channel', async () => {
    const room = new Room()
    room.authorize = (channel) => channel === 'room/1'
    const holder = await present(room, 's1')
    await lock(room, holder)
    await endTurn(room)
    holder.got.length = 0
    room.hub.beside.notices.look(holder.connection, 3, 'room/1')
    expect(holder.heard).toEqual(['current_locks room/1', 'done'])
    expect(locksOf(holder)).toEqual({ 'items/17': 's1' })
    room.hub.beside.notices.look(holder.connection, 4, 'room/2')
    expect(errorsOf(holder)).toEqual(['no_channel'])
  })

  test('K1: are told after what was committed before them', async () => {
    const room = new Room()
    const [holder, other] = [await present(room, 's1'), await present(room, 's2')]
    await lock(room, holder)
    room.commit(200, 'room/1')
    await endTurn(room)
    expect(other.heard).toEqual(['transaction room/1', 'locks room/1'])
  })
})

describe('who may lock', () => {
  test('K2, G9: who is not subscribed is answered as about a channel that does not exist', async () => {
    const room = new Room()
    room.authorize = (channel) => channel === 'room/1'
    const visitor = await present(room, 's1')
    const answers: ServerMessage[] = []
    for (const channel of ['room/2', 'nothing', 'room/%00', '__proto__']) {
      await lock(room, visitor, { channel })
      await room.hub.beside.locking.unlock(visitor.connection, {
        type: 'unlock',
        id: 9,
        channel,
        resource: 'x',
      })
      const answer = { type: 'answer', id: 9, channel, resource: 'x', session: 's', yield: true } as const
      await room.hub.beside.locking.answer(visitor.connection, answer)
    }
    for (const message of visitor.got) {
      if (message.type === 'error') answers.push({ ...message, channel: '' })
    }
    expect(answers).toHaveLength(12)
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
    expect(errorsOf(visitor)[0]).toBe('no_channel')
  })

  test('K2: while the right is asked for, nothing can be locked', async () => {
    const room = new Room()
    const visitor = room.join('s1')
    let grant = (): void => {}
    room.authorize = () =>
      new Promise((resolve) => {
        grant = () => resolve(true)
      })
    void visitor.subscribe('room/1')
    await lock(room, visitor)
    expect(errorsOf(visitor)).toEqual(['no_channel'])
    grant()
    await settle()
    await lock(room, visitor)
    expect(visitor.heard.at(-1)).toBe('locked room/1')
  })
})

describe('a lock goes with its session', () => {
  test('G8, K8: when the connection ends, at once, and others are told', async () => {
    const room = new Room()
    const [holder, other] = [await present(room, 's1'), await present(room, 's2')]
    await lock(room, holder)
    const waits = lock(room, other, { waitMs: 60_000 })
    await endTurn(room)
    expect(locksOf(other)).toEqual({ 'items/17': 's1' })
    room.hub.disconnect(holder.connection)
    await waits
    await endTurn(room)
    expect(locksOf(other)).toEqual({ 'items/17': 's2' })
    expect(other.heard).toContain('locked room/1')
  })

  test('G8, K8: of a peer that falls silent within two heartbeats', async () => {
    const room = new Room({ heartbeatMs: 16_000 })
    const [holder, other] = [await present(room, 's1'), await present(room, 's2')]
    await lock(room, holder)
    await endTurn(room)
    holder.ping = () => {}
    holder.terminate = () => room.hub.disconnect(holder.connection)
    room.runtime.advance(32_000)
    await endTurn(room)
    expect(locksOf(other)).toEqual({})
    expect(room.locks.status()).toEqual({ held: 0, waiting: 0 })
  })

  test('K8: when it leaves the channel, but not when it subscribes to it again', async () => {
    const room = new Room()
    const holder = await present(room, 's1', ['room/1', 'room/2'])
    await lock(room, holder)
    await lock(room, holder, { channel: 'room/2' })
    await holder.subscribe('room/1')
    await settle()
    expect(room.locks.status().held).toBe(2)
    room.hub.unsubscribe(holder.connection, 'room/1')
    expect(room.locks.current('room/1')).toEqual([])
    expect(room.locks.current('room/2')).toHaveLength(1)
  })

  test('G9, K8: when the session loses the right to the channel, and its waits end', async () => {
    const room = new Room()
    const [holder, other] = [await present(room, 's1'), await present(room, 's2')]
    await lock(room, holder)
    void lock(room, other, { waitMs: 60_000 })
    room.authorize = () => false
    await room.hub.reauthorize(1)
    await settle()
    expect(room.locks.status()).toEqual({ held: 0, waiting: 0 })
    expect(holder.heard.at(-1)).toBe('revoked room/1')
    await lock(room, holder)
    expect(errorsOf(holder)).toEqual(['no_channel'])
    await endTurn(room)
    expect(holder.heard.filter((line) => line.startsWith('locks'))).toEqual([])
  })

  test('K8: is kept when a newer connection takes the place of the older and subscribes again', async () => {
    const room = new Room()
    const older = await present(room, 's1', ['room/1', 'room/2'])
    const other = await present(room, 's2', ['room/1', 'room/2'])
    await lock(room, older)
    await lock(room, older, { channel: 'room/2' })
    await endTurn(room)
    const { token } = room.locks.current('room/1')[0] ?? {}
    const newer = room.join('s1')
    room.hub.disconnect(older.connection)
    await newer.subscribe('room/1')
    await settle()
    // The channel that it does not come back to is left, in bounded time.
    room.runtime.advance(10_000)
    await endTurn(room)
    expect(room.locks.current('room/1')).toMatchObject([{ session: 's1', token }])
    expect(room.locks.current('room/2')).toEqual([])
    expect(other.got.filter((message) => message.type === 'locks')).toHaveLength(3)
    room.hub.disconnect(newer.connection)
    expect(room.locks.current('room/1')).toEqual([])
  })
})

describe('asking the holder', () => {
  test('K6: reaches the holder alone, and its yes hands the lock over', async () => {
    const room = new Room()
    const [holder, other] = [await present(room, 's1'), await present(room, 's2')]
    await lock(room, holder)
    const asks = lock(room, other, { waitMs: 5_000, ask: true, doing: 'moving' })
    await endTurn(room)
    const asked = { type: 'asked', session: 's2', by: { id: 1 }, doing: 'moving', waitMs: 5_000, ...place }
    expect(holder.got.at(-2)).toEqual(asked)
    expect(other.heard).not.toContain('asked room/1')
    await room.hub.beside.locking.answer(holder.connection, {
      type: 'answer',
      id: 10,
      ...place,
      session: 's2',
      yield: true,
    })
    await asks
    expect(holder.got.at(-1)).toEqual({ type: 'done', id: 10 })
    expect(other.got.at(-1)).toMatchObject({ type: 'locked', id: 9 })
    await endTurn(room)
    expect(locksOf(holder)).toEqual({ 'items/17': 's2' })
  })

  test('K6, G12: a holder that does not read is not asked, however often', async () => {
    const room = new Room()
    const [holder, other] = [await present(room, 's1'), await present(room, 's2')]
    await lock(room, holder)
    holder.connection.full = true
    const before = holder.got.length
    for (let i = 0; i < 5_000; i++) {
      void lock(room, other, { waitMs: 1_000, ask: true })
      if (i % 100 === 0) await settle()
    }
    await settle()
    expect(holder.got).toHaveLength(before)
    expect(holder.ended).toBeUndefined()
  })
})
