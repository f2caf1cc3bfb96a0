import type { Json, PresentState, ServerMessage } from '@lockstep/protocol'
import { describe, expect, test } from 'vitest'
import { type Stage, stage } from '../../test/stage.ts'
import type { Client } from '../index.ts'
import { type ChannelPresence, presenceOf } from './index.ts'

const person = (session: string, state: Json = null): PresentState => ({
  session,
  by: { name: session },
  state,
  at: 1,
})

interface Scene extends Stage {
  readonly page: Client
  readonly presence: ChannelPresence
  /** What the client sent of this type, as far as the server heard. */
  sent(type: string): object[]
  say(...messages: ServerMessage[]): void
}

function scene(): Scene {
  const made = stage()
  const page = made.live() as unknown as Client // its row types do not matter here
  const { server, runtime, errors } = made
  return {
    ...made,
    page,
    presence: presenceOf(page, 'a', { runtime, onError: (error) => errors.push(error) }),
    sent: (type) => server.connection.received.filter((message) => message.type === type),
    say(...messages) {
      for (const message of messages) server.connection.push(message)
      server.connection.arrive()
    },
  }
}

describe('who is in a channel', () => {
  test('N1: shows as it was told, and as it changes', () => {
    const { page, presence, say, sent } = scene()
    expect(sent('look')).toHaveLength(1)
    expect(presenceOf(page, 'a')).toBe(presence)
    let changes = 0
    presence.subscribe(() => changes++)
    say({ type: 'connected_users', channel: 'a', users: [person('s0'), person('__proto__')], more: 3 })
    expect([...presence.all().values()]).toEqual([
      { ...person('s0'), isOwn: true },
      { ...person('__proto__'), isOwn: false },
    ])
    expect(presence.more).toBe(3)
    const before = presence.all()
    say({ type: 'presence', channel: 'a', here: [person('s9', { item: 17 })], gone: ['__proto__'], more: 0 })
    expect(before.size).toBe(2)
    expect([...presence.all().keys()]).toEqual(['s0', 's9'])
    expect(presence.all().get('s9')?.state).toEqual({ item: 17 })
    say({ type: 'presence', channel: 'b', here: [], gone: ['s9'], more: 0 })
    expect(changes).toBe(2)
  })

  test('N1, G11: shows nobody while the connection is away, and after the right is gone', async () => {
    const at = scene()
    at.say({ type: 'connected_users', channel: 'a', users: [person('s9')], more: 0 })
    at.server.connection.cut()
    expect(at.presence.all().size).toBe(0)
    await at.runtime.advance(100)
    at.connect()
    at.say({ type: 'connected_users', channel: 'a', users: [person('s8')], more: 0 })
    expect(at.presence.all().size).toBe(1)
    at.say({ type: 'revoked', channel: 'a' })
    expect(at.presence.all().size).toBe(0)
  })
})

describe('what a page says of itself', () => {
  test('N2: is sent at once, then the last of each tenth of a second, and again after a break', async () => {
    const at = scene()
    for (const item of [1, 2, 3]) at.presence.set({ item })
    expect(at.sent('presence')).toMatchObject([{ channel: 'a', state: { item: 1 } }])
    await at.runtime.advance(100)
    expect(at.sent('presence')).toMatchObject([{ state: { item: 1 } }, { state: { item: 3 } }])
    await at.runtime.advance(1_000)
    expect(at.sent('presence')).toHaveLength(2)
    at.server.connection.cut()
    at.presence.set({ item: 4 })
    await at.runtime.advance(100)
    at.connect()
    expect(at.sent('presence')).toMatchObject([{ state: { item: 4 } }])
  })

  test('N2, N5: a refusal is reported, except that of going too fast', () => {
    const at = scene()
    at.presence.set('x'.repeat(5_000))
    const [message] = at.sent('presence')
    const refuse = (code: string): void => {
      const id = Number(Object(message).id)
      at.say({ type: 'error', id, channel: 'a', error: { code, message: 'No.', retryable: false } })
    }
    refuse('too_large')
    refuse('too_large')
    expect(at.errors).toMatchObject([{ code: 'too_large' }])
    at.presence.broadcast('pointer', 1)
    const [broadcast] = at.sent('broadcast')
    const error = { code: 'too_fast', message: 'No.', retryable: true }
    at.say({ type: 'error', id: Number(Object(broadcast).id), channel: 'a', error })
    expect(at.errors).toHaveLength(1)
    expect(at.page.channel('a').status.state).toBe('live')
  })
})

test('N5: broadcasts are heard by event, not one’s own, and sent 20 times a second at most', async () => {
  const at = scene()
  const heard: unknown[] = []
  const stop = at.presence.on('pointer', (data, from) => heard.push([data, from]))
  const told = { type: 'broadcast', channel: 'a', event: 'pointer', data: { x: 1 } } as const
  at.say({ ...told, session: 's9' }, { ...told, session: 's0' }, { ...told, session: 's9', event: 'typing' })
  expect(heard).toEqual([[{ x: 1 }, { session: 's9', event: 'pointer' }]])
  stop()
  at.say({ ...told, session: 's9' })
  expect(heard).toHaveLength(1)
  for (let x = 0; x < 100; x++) {
    at.presence.broadcast('pointer', { x })
    await at.runtime.advance(10)
  }
  const sent = at.sent('broadcast')
  expect(sent.length).toBeLessThanOrEqual(21)
  expect(sent.length).toBeGreaterThanOrEqual(15)
  await at.runtime.advance(100)
  expect(at.sent('broadcast').at(-1)).toMatchObject({ event: 'pointer', data: { x: 99 } })
})

test('N1: nobody is shown of a channel that the server cannot give now', async () => {
  const { runtime, server, presence, say } = scene()
  say({ type: 'connected_users', channel: 'a', users: [person('s1')], more: 0 })
  const error = { code: 'unavailable', message: 'Later.', retryable: true }
  say({ type: 'reset', channel: 'a', reason: 'slow' }, { type: 'error', channel: 'a', error })
  expect(presence.all().size).toBe(0)
  server.slowFill = true
  await runtime.advance(1_000)
  server.connection.push({ type: 'connected_users', channel: 'a', users: [person('s2')], more: 0 })
  server.connection.finish()
  server.connection.arrive()
  expect([...presence.all().keys()]).toEqual(['s2'])
})
