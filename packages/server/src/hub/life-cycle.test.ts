import { describe, expect, test } from 'vitest'
import type { SessionAnswer, SessionEvent } from '../session/event.ts'
import { Room, settle, type Visitor } from './room.setup.ts'

/** A room whose application hears of sessions, and answers as the test says. */
function listeningRoom(answer: (event: SessionEvent) => SessionAnswer | Promise<SessionAnswer> = () => true) {
  const events: SessionEvent[] = []
  const room = new Room({ heartbeatMs: 16_000 }, (event) => {
    events.push(event)
    return answer(event)
  })
  return { room, events, kinds: () => events.map(({ kind }) => kind) }
}

async function leave(room: Room, visitor: Visitor): Promise<void> {
  room.hub.disconnect(visitor.connection)
  await settle()
}

describe('the application hears of a session', () => {
  test('S2, S5: disconnected at once, logged_out 10 s later, each once', async () => {
    const { room, events, kinds } = listeningRoom()
    const visitor = room.join('s1')
    await visitor.subscribe('room/1')
    await leave(room, visitor)
    room.hub.disconnect(visitor.connection)
    expect(kinds()).toEqual(['subscribe', 'disconnected'])
    room.runtime.advance(9_999)
    await settle()
    expect(kinds()).toEqual(['subscribe', 'disconnected'])
    room.runtime.advance(1)
    await settle()
    expect(kinds()).toEqual(['subscribe', 'disconnected', 'logged_out'])
    expect(events[2]).toMatchObject({ session: 's1', user: { id: 1 }, at: (events[1]?.at ?? 0) + 10_000 })
    room.runtime.advance(1_000_000)
    await settle()
    expect(kinds()).toHaveLength(3)
  })

  test('S2: a clock that is set back by an hour makes no session last longer', async () => {
    const { room, kinds } = listeningRoom()
    await leave(room, room.join('s1'))
    room.runtime.setBack(3_600_000)
    room.runtime.advance(10_000)
    await settle()
    expect(kinds()).toEqual(['disconnected', 'logged_out'])
  })

  test('S2, S5: restored when it comes back in time, and then not logged_out', async () => {
    const { room, kinds } = listeningRoom()
    const visitor = room.join('s1')
    expect(visitor.got[0]).toMatchObject({ type: 'welcome', restored: false })
    await leave(room, visitor)
    room.runtime.advance(9_999)
    const again = room.join('s1')
    expect(again.got[0]).toMatchObject({ type: 'welcome', restored: true })
    room.runtime.advance(100_000)
    await settle()
    expect(kinds()).toEqual(['disconnected', 'restored'])
  })

  test('S2: begins anew after it was logged out, and the client is told', async () => {
    const { room } = listeningRoom()
    await leave(room, room.join('s1'))
    room.runtime.advance(10_000)
    expect(room.join('s1').got[0]).toMatchObject({ type: 'welcome', restored: false })
  })

  test('S2, S5: goes on without a word where a newer connection replaces the older', async () => {
    const { room, kinds } = listeningRoom()
    const older = room.join('s1')
    const newer = room.join('s1')
    expect(older.ended).toBe('replaced')
    expect(newer.got[0]).toMatchObject({ type: 'welcome', restored: true })
    await leave(room, older)
    room.runtime.advance(15_000)
    await settle()
    expect(kinds()).toEqual([])
  })

  test('S2, S5: a peer that falls silent is disconnected within two heartbeats', async () => {
    const { room, events, kinds } = listeningRoom()
    const visitor = room.join('s1')
    visitor.ping = () => {}
    visitor.terminate = () => room.hub.disconnect(visitor.connection)
    const from = room.runtime.now()
    room.runtime.advance(60_000)
    await settle()
    expect(kinds()).toEqual(['disconnected', 'logged_out'])
    const [disconnectedAt = 0, loggedOutAt] = events.map(({ at }) => at - from)
    expect(disconnectedAt).toBeLessThanOrEqual(32_000)
    expect(loggedOutAt).toBe(disconnectedAt + 10_000)
  })

  test('S5: in order, one event at a time, with rising numbers, however slow it is', async () => {
    const open: (() => void)[] = []
    const { room, events, kinds } = listeningRoom(() => new Promise<void>((resolve) => open.push(resolve)))
    const visitor = room.join('s1')
    const subscribed = visitor.subscribe('room/1')
    await settle()
    await leave(room, visitor)
    const again = room.join('s1')
    void again.subscribe('room/2')
    const other = room.join('s2')
    void other.subscribe('room/1')
    await settle()
    expect(events.map(({ session, kind }) => `${session} ${kind}`)).toEqual(['s1 subscribe', 's2 subscribe'])
    for (let i = 0; i < 10; i++) {
      open.shift()?.()
      await settle()
    }
    await subscribed
    expect(kinds().filter((_, i) => events[i]?.session === 's1')).toEqual([
      'subscribe',
      'disconnected',
      'restored',
      'subscribe',
    ])
    const numbers = events.filter(({ session }) => session === 's1').map(({ number }) => number)
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
    expect(new Set(numbers).size).toBe(4)
    // What was asked for on the connection that ended meanwhile is not granted.
    expect(visitor.heard).toEqual(['welcome'])
    expect(again.heard).toContain('live room/2')
  })

  test('S5: numbers rise over a restart', async () => {
    const before = listeningRoom()
    for (let i = 0; i < 50; i++) await leave(before.room, before.room.join('s1'))
    const after = listeningRoom()
    after.room.runtime.advance(1_000)
    await leave(after.room, after.room.join('s1'))
    expect(after.events[0]?.number).toBeGreaterThan(before.events.at(-1)?.number ?? Number.POSITIVE_INFINITY)
  })
})

describe('the application decides on a subscribe', () => {
  test('S5, G9: a refusal looks like a channel that does not exist', async () => {
    const { room } = listeningRoom((event) => event.kind !== 'subscribe' || event.channel !== 'room/2')
    const visitor = room.join('s1')
    await visitor.subscribe('room/2')
    await visitor.subscribe('nothing')
    const [refused, missing] = visitor.got.slice(1)
    expect(refused).toMatchObject({ type: 'error', error: { code: 'no_channel' } })
    expect(refused).toEqual({ ...missing, id: 1, channel: 'room/2' })
    room.commit(200, 'room/2')
    expect(visitor.got).toHaveLength(3)
  })

  test('S5: is not asked about a channel that the session may not see', async () => {
    const { room, events } = listeningRoom()
    room.authorize = () => false
    await room.join('s1').subscribe('room/1')
    expect(events).toEqual([])
  })

  test('M13, S5: its operations reach this client alone, once, when the channel is live', async () => {
    const operations = [{ operation: 'project/hello', envelope: { unread: 3 } }]
    const { room } = listeningRoom((event) => (event.session === 's1' ? { operations } : undefined))
    const [one, other] = [room.join('s1'), room.join('s2')]
    await one.subscribe('room/1')
    await other.subscribe('room/1')
    await settle()
    const told = { type: 'operations', channel: 'room/1', at: room.runtime.now(), operations }
    expect(one.heard).toEqual([
      'welcome',
      'subscribed room/1',
      'snapshot room/1',
      'current_locks room/1',
      'live room/1',
      'operations room/1',
    ])
    expect(one.got.at(-1)).toEqual(told)
    expect(other.heard).not.toContain('operations room/1')
    room.log.append({ kind: 'reset', lsn: 200, reason: 'truncated' })
    await settle()
    expect(one.heard.filter((line) => line === 'live room/1')).toHaveLength(2)
    expect(one.heard.filter((line) => line === 'operations room/1')).toHaveLength(1)
  })

  test.each<[string, () => SessionAnswer | Promise<SessionAnswer>]>([
    [
      'throws',
      () => {
        throw new Error('backend away')
      },
    ],
    ['rejects', () => Promise.reject(new Error('backend away'))],
    ['never answers', () => new Promise<void>(() => {})],
  ])('S5: an application that %s makes it unavailable, and the rest goes on', async (_what, answer) => {
    let failing = true
    const { room, kinds } = listeningRoom(() => (failing ? answer() : true))
    const visitor = room.join('s1')
    const asked = visitor.subscribe('room/1')
    await settle()
    room.runtime.advance(10_000)
    await asked
    expect(visitor.got.find(({ type }) => type === 'error')).toMatchObject({
      error: { code: 'unavailable', retryable: true },
    })
    failing = false
    await visitor.subscribe('room/1')
    await settle()
    expect(visitor.heard.at(-1)).toBe('live room/1')
    expect(kinds()).toEqual(['subscribe', 'subscribe'])
  })

  test('G9, S5: rights that go while it is asked are gone when it has answered', async () => {
    let answer = (): void => {}
    const { room, events } = listeningRoom(() => new Promise<void>((resolve) => (answer = resolve)))
    const visitor = room.join('s1')
    const asked = visitor.subscribe('room/1')
    await settle()
    room.authorize = () => false
    await room.hub.reauthorize(1)
    answer()
    await asked
    expect(visitor.heard).toEqual(['welcome', 'error room/1'])
    expect(events).toHaveLength(1)
  })
})

describe('sessions are bounded', () => {
  test('G12, S2: at sessionsMax new ones are refused, known ones come back, and room is made by logging out', async () => {
    const room = new Room({ sessionsMax: 2 })
    const first = room.join('s1')
    room.join('s2')
    room.hub.disconnect(first.connection)
    expect(() => room.join('s3')).toThrow(expect.objectContaining({ code: 'unavailable' }))
    expect(room.join('s1').heard).toEqual(['welcome'])
    room.hub.disconnect(first.connection)
    expect(() => room.join('s3')).toThrow(expect.objectContaining({ code: 'unavailable' }))
  })

  test('G12, S5: a session whose events pile up is let in no more until they are told', async () => {
    const { room } = listeningRoom(() => new Promise<void>(() => {}))
    let refused = 0
    for (let i = 0; i < 2_000 && refused === 0; i++) {
      try {
        room.hub.disconnect(room.join('s1').connection)
      } catch (error) {
        expect(error).toMatchObject({ code: 'unavailable' })
        refused = i
      }
    }
    expect(refused).toBeGreaterThan(500)
    room.join('s2')
  })
})
