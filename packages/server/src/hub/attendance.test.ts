import type { Json, PresenceChanges, ServerMessage } from '@lockstep/protocol'
import { describe, expect, test } from 'vitest'
import { Room, settle, type Visitor } from './room.setup.ts'

const hall = 'hall/1'

/** What a client would show of who is there. */
class Crowd {
  readonly states = new Map<string, Json>()
  more = 0

  hear(messages: ServerMessage[], channel = hall): void {
    for (const message of messages.splice(0)) {
      if (!('channel' in message) || message.channel !== channel) continue
      if (message.type === 'connected_users') {
        this.states.clear()
        for (const { session, state } of message.users) this.states.set(session, state)
        this.more = message.more
      } else if (message.type === 'presence') {
        for (const { session, state } of message.here) this.states.set(session, state)
        for (const session of message.gone) this.states.delete(session)
        this.more = message.more
      }
    }
  }

  get names(): string[] {
    return [...this.states.keys()].sort()
  }
}

async function present(room: Room, session: string, channel = hall, capacity?: number): Promise<Visitor> {
  const visitor = room.join(session, capacity)
  await visitor.subscribe(channel)
  await settle()
  return visitor
}

function says(room: Room, visitor: Visitor, state: Json, channel = hall): Promise<void> {
  return room.hub.beside.attendance.update(visitor.connection, { type: 'presence', id: 4, channel, state })
}

/** Lets what waits for its time be told. */
async function pass(room: Room): Promise<void> {
  room.runtime.endTurn()
  room.runtime.advance(room.limits.presenceMs)
  room.runtime.endTurn()
  await settle()
}

const errorsOf = ({ got }: Visitor): string[] =>
  got.flatMap((message) => (message.type === 'error' ? [message.error.code] : []))

describe('who is in a channel', () => {
  test('N1: stands before live, and is told as it changes', async () => {
    const room = new Room()
    const first = await present(room, 's1')
    await pass(room)
    const second = await present(room, 's2')
    expect(second.heard).toEqual([
      'welcome',
      'subscribed hall/1',
      'snapshot hall/1',
      'current_locks hall/1',
      'connected_users hall/1',
      'live hall/1',
    ])
    await pass(room)
    const crowd = new Crowd()
    crowd.hear(second.got)
    expect(crowd.names).toEqual(['s1', 's2'])
    expect(first.got.at(-1)).toEqual({
      type: 'presence',
      channel: hall,
      here: [{ session: 's2', by: { id: 1 }, state: null, at: expect.any(Number) }],
      gone: [],
      more: 0,
    })
    room.hub.disconnect(second.connection)
    await pass(room)
    expect(first.got.at(-1)).toMatchObject({ here: [], gone: ['s2'] })
  })

  test('N1: is not told in channels whose rule does not say so', async () => {
    const room = new Room()
    const visitor = await present(room, 's1', 'room/1')
    await says(room, visitor, 'hello', 'room/1')
    expect(errorsOf(visitor)).toEqual(['forbidden'])
    await present(room, 's2', 'room/1')
    await pass(room)
    expect(visitor.heard.filter((line) => /users|presence/.test(line))).toEqual([])
    expect(room.presence.status()).toEqual({ present: 0 })
  })

  test('N2: has what each says of itself; too much is too_large, and changes nothing', async () => {
    const room = new Room()
    const [one, other] = [await present(room, 's1'), await present(room, 's2')]
    await says(room, one, { page: 'backlog', item: 17 })
    await says(room, one, 'x'.repeat(5_000))
    expect(errorsOf(one)).toEqual(['too_large'])
    await pass(room)
    const crowd = new Crowd()
    crowd.hear(other.got)
    expect(crowd.states.get('s1')).toEqual({ page: 'backlog', item: 17 })
  })

  test('N3: is told at once after a pause, then together, in one frame for all', async () => {
    const room = new Room()
    const watcher = await present(room, 's0')
    await pass(room)
    await pass(room)
    watcher.got.length = 0
    const others = []
    for (let i = 1; i <= 50; i++) {
      others.push(await present(room, `s${i}`))
      room.runtime.endTurn()
    }
    const told = (): PresenceChanges[] => watcher.got.filter((message) => message.type === 'presence')
    expect(told().map(({ here }) => here.length)).toEqual([1])
    await pass(room)
    expect(told().map(({ here }) => here.length)).toEqual([1, 49])
    // Whoever came in between got what was so, and the rest with the others.
    for (const other of others) {
      const crowd = new Crowd()
      crowd.hear(other.got)
      expect(crowd.names).toHaveLength(51)
    }
  })

  test('N1, G12: a connection that is full misses changes, and gets everything when it has room', async () => {
    const room = new Room()
    const slow = await present(room, 's1', hall, 4_000)
    await pass(room)
    slow.connection.full = true
    const other = await present(room, 's2')
    await pass(room)
    room.hub.disconnect(other.connection)
    await present(room, 's3')
    await pass(room)
    slow.got.length = 0
    slow.read()
    await settle()
    expect(slow.heard).toEqual(['current_locks hall/1', 'connected_users hall/1'])
    const crowd = new Crowd()
    crowd.hear(slow.got)
    expect(crowd.names).toEqual(['s1', 's3'])
  })

  test('G9, G10, N1: ends with the right to see it, and with the connection', async () => {
    const room = new Room({ heartbeatMs: 16_000 })
    const visitor = await present(room, 's1')
    room.authorize = () => false
    await room.hub.reauthorize(1)
    expect(room.presence.current(hall)).toEqual([])
    await says(room, visitor, 'still here')
    expect(errorsOf(visitor)).toEqual(['no_channel'])
    room.authorize = () => true
    const silent = await present(room, 's2')
    silent.ping = () => {}
    silent.terminate = () => room.hub.disconnect(silent.connection)
    room.runtime.advance(32_000)
    expect(room.presence.current(hall)).toEqual([])
  })
})

/** Sessions that come, go, change connections, fall silent and say things; some that watch are slow. */
async function run(seed: number): Promise<void> {
  const room = new Room({ heartbeatMs: 16_000, presenceMax: 12 })
  for (let i = 0; i < seed; i++) room.runtime.random()
  const pick = (n: number): number => Math.floor(room.runtime.random() * n)
  const visitors = new Map<string, Visitor>()
  const crowds = new Map<Visitor, Crowd>()
  const join = async (session: string): Promise<void> => {
    const visitor = await present(room, session, hall, pick(3) === 0 ? 3_000 : undefined)
    visitor.terminate = () => room.hub.disconnect(visitor.connection)
    visitors.set(session, visitor)
    crowds.set(visitor, new Crowd())
  }
  for (let step = 0; step < 400; step++) {
    const session = `s${pick(20)}`
    const visitor = visitors.get(session)
    const action = pick(100)
    if (visitor === undefined || visitor.connection.closed) await join(session)
    else if (action < 40) await says(room, visitor, { step })
    else if (action < 50) room.hub.disconnect(visitor.connection)
    else if (action < 55) {
      await join(session) // a newer connection replaces this one
      room.hub.disconnect(visitor.connection)
    } else if (action < 60) room.hub.unsubscribe(visitor.connection, hall)
    else if (action < 65) await visitor.subscribe(hall)
    else if (action < 67) visitor.ping = () => {}
    else if (action < 80) visitor.read()
    else if (action < 90) room.runtime.advance(pick(150))
    else if (action < 92) room.runtime.advance(pick(20_000))
    else room.runtime.endTurn()
    for (const [other, crowd] of crowds) crowd.hear(other.got)
  }
  // Silent ones are found, slow ones read, and what waits for its time is told.
  room.runtime.advance(48_000)
  for (let i = 0; i < 6; i++) {
    for (const visitor of visitors.values()) visitor.read()
    await pass(room)
  }
  const truth = new Map(room.presence.current(hall).map(({ session, state }) => [session, state]))
  const connected = [...room.hub.connections].filter((connection) => connection.subscriptions.has(hall))
  expect(room.presence.status().present, 'G10: no ghosts').toBe(connected.length)
  for (const [visitor, crowd] of crowds) {
    crowd.hear(visitor.got)
    if (visitor.connection.closed || !visitor.connection.subscriptions.has(hall)) continue
    expect(Object.fromEntries(crowd.states), 'G10: converges').toEqual(Object.fromEntries(truth))
    expect(crowd.more).toBe(room.presence.unlisted(hall))
  }
  for (const visitor of visitors.values()) room.hub.disconnect(visitor.connection)
  expect(room.presence.status()).toEqual({ present: 0 })
}

describe('presence under random schedules', () => {
  test('G10, N1, N4: converges on every client that reads, and has no ghosts', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      try {
        await run(seed)
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error })
      }
    }
  }, 120_000)
})
