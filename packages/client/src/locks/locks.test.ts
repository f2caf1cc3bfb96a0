import type { LockState, ServerMessage } from '@lockstep/protocol'
import { describe, expect, test } from 'vitest'
import { type Stage, stage } from '../../test/stage.ts'
import type { Client } from '../index.ts'
import { type ChannelLocks, type Lock, type LockOptions, locksOf } from './index.ts'

const item = 'items/17'

function state(session: string, more: Partial<LockState> = {}): LockState {
  return { resource: item, session, by: { name: session }, doing: 'editing', token: 5, at: 1, ...more }
}

/** A page that is live on channel `a`, and the server's hands. */
interface Scene extends Stage {
  readonly page: Client
  readonly locks: ChannelLocks
  /** The last message of this type that the client sent. */
  sent(type: string): { readonly id: number; readonly [field: string]: unknown }
  say(...messages: ServerMessage[]): void
  locked(token: number): void
  refused(code?: string): void
  /** Comes back after a cut, to these locks. */
  comeBack(...locks: LockState[]): Promise<void>
}

function scene(): Scene {
  const made = stage()
  const { server, runtime } = made
  const page = made.live() as unknown as Client // its row types do not matter here
  const locks = locksOf(page, 'a', { runtime, onError: (error) => made.errors.push(error) })
  const sent = (type: string) => {
    const message = server.connection.received.findLast((other) => other.type === type)
    if (message === undefined || !('id' in message)) throw new Error(`no ${type} was sent`)
    return { ...message }
  }
  const say = (...messages: ServerMessage[]): void => {
    for (const message of messages) server.connection.push(message)
    server.connection.arrive()
  }
  return {
    ...made,
    page,
    locks,
    sent,
    say,
    locked: (token) => say({ type: 'locked', id: sent('lock').id, channel: 'a', resource: item, token }),
    refused: (code = 'lock_held') =>
      say({
        type: 'error',
        id: sent('lock').id,
        channel: 'a',
        error: { code, message: 'No.', retryable: false },
      }),
    async comeBack(...held) {
      server.slowFill = true
      await runtime.advance(100)
      made.connect()
      server.connection.push({ type: 'current_locks', channel: 'a', locks: held })
      server.connection.finish()
      server.connection.arrive()
    },
  }
}

/** A lock that the server has given. */
async function held(at: Scene, options?: LockOptions): Promise<{ lock: Lock; heard: unknown[] }> {
  const asked = at.locks.lock(item, options)
  at.locked(5)
  const lock = await asked
  at.say({ type: 'locks', channel: 'a', taken: [state('s0')], freed: [] })
  const heard: unknown[] = []
  for (const event of ['restored', 'lost', 'released'] as const) {
    lock.on(event, (...values) => heard.push([event, ...values]))
  }
  return { lock, heard }
}

const codeOf = (asked: Promise<Lock>): Promise<string> =>
  asked.then(
    () => 'held',
    ({ code }) => code,
  )

describe('what others hold', () => {
  test('K1: shows as it was told before live, and as it changes', () => {
    const { locks, say } = scene()
    let changes = 0
    locks.subscribe(() => changes++)
    say({ type: 'current_locks', channel: 'a', locks: [state('s9'), state('s8', { resource: '__proto__' })] })
    expect([...locks.all().keys()]).toEqual([item, '__proto__'])
    expect(locks.get(item)).toEqual({ ...state('s9'), isOwn: false })
    const before = locks.all()
    say({ type: 'locks', channel: 'a', taken: [state('s8')], freed: ['__proto__'] })
    expect(before.size).toBe(2)
    expect(locks.get(item)?.session).toBe('s8')
    expect(locks.all().size).toBe(1)
    say({ type: 'locks', channel: 'b', taken: [], freed: [item] })
    expect(changes).toBe(2)
    say({ type: 'current_locks', channel: 'a', locks: [] })
    expect(locks.all().size).toBe(0)
  })

  test('K1: is asked for by whoever comes later than the channel', () => {
    const { page, locks, sent, say } = scene()
    expect(sent('look')).toMatchObject({ type: 'look', channel: 'a' })
    say({ type: 'current_locks', channel: 'a', locks: [state('s9')] }, { type: 'done', id: sent('look').id })
    expect(locks.get(item)?.session).toBe('s9')
    expect(locksOf(page, 'a')).toBe(locks)
  })

  test('K1, G11: does not show while the connection is away', async () => {
    const at = scene()
    at.say({ type: 'current_locks', channel: 'a', locks: [state('s9')] })
    at.server.connection.cut()
    expect(at.locks.all().size).toBe(0)
    await at.comeBack(state('s8'))
    expect(at.locks.get(item)?.session).toBe('s8')
  })
})

describe('a lock of one’s own', () => {
  test('K2: is asked for, held, and let go', async () => {
    const at = scene()
    const { lock, heard } = await held(at, { doing: 'editing', waitMs: 5_000, ask: true })
    expect(at.sent('lock')).toMatchObject({ resource: item, doing: 'editing', waitMs: 5_000, ask: true })
    expect(lock).toMatchObject({ phase: 'held', token: 5, resource: item })
    expect(at.locks.get(item)?.isOwn).toBe(true)
    await expect(codeOf(at.locks.lock(item))).resolves.toBe('lock_held')
    lock.unlock()
    lock.unlock()
    expect(at.sent('unlock')).toMatchObject({ channel: 'a', resource: item })
    expect(at.server.connection.received.filter(({ type }) => type === 'unlock')).toHaveLength(1)
    expect(heard).toEqual([['released']])
    const again = at.locks.lock(item)
    at.locked(6)
    expect((await again).token).toBe(6)
    expect(at.errors).toEqual([])
  })

  test('K2: that is refused rejects with the code, and can be asked for again', async () => {
    const at = scene()
    const refused = codeOf(at.locks.lock(item))
    at.refused()
    expect(await refused).toBe('lock_held')
    const hidden = codeOf(at.locks.lock(item))
    at.refused('no_channel')
    expect(await hidden).toBe('no_channel')
    expect(at.page.channel('a').status.state).toBe('live')
    expect(at.errors).toEqual([])
  })

  test('K5: can be given up while it is waited for, whatever the server says meanwhile', async () => {
    const at = scene()
    const ending = new AbortController()
    const waits = codeOf(at.locks.lock(item, { waitMs: 60_000, signal: ending.signal }))
    const { id } = at.sent('lock')
    ending.abort()
    expect(await waits).toBe('lock_held')
    expect(at.sent('unlock')).toMatchObject({ resource: item })
    at.say({ type: 'locked', id, channel: 'a', resource: item, token: 7 })
    at.say({ type: 'locks', channel: 'a', taken: [state('s0', { token: 7 })], freed: [] })
    at.say({ type: 'locks', channel: 'a', taken: [], freed: [item] })
    const again = at.locks.lock(item)
    at.locked(8)
    expect((await again).token).toBe(8)
  })

  test('K3, G11: is lost aloud when its lease is over or somebody else has it', async () => {
    const at = scene()
    const first = await held(at)
    at.say({ type: 'locks', channel: 'a', taken: [], freed: [item] })
    expect(first.heard).toEqual([['lost', 'expired']])
    expect(first.lock).toMatchObject({ phase: 'lost', lost: 'expired' })
    const second = await held(at)
    at.say({ type: 'locks', channel: 'a', taken: [state('s9')], freed: [] })
    expect(second.heard).toEqual([['lost', 'taken']])
    second.lock.unlock()
    expect(at.server.connection.received.filter(({ type }) => type === 'unlock')).toHaveLength(0)
  })

  test('K3: with a lease is renewed in time, until it is let go', async () => {
    const at = scene()
    const { lock } = await held(at, { leaseMs: 10_000, doing: 'x', waitMs: 1_000 })
    const count = () => at.server.connection.received.filter(({ type }) => type === 'lock').length
    expect(count()).toBe(1)
    for (let i = 2; i < 5; i++) {
      await at.runtime.advance(5_000)
      at.server.connection.heartbeat()
      expect(count()).toBe(i)
      expect(at.sent('lock')).toMatchObject({ leaseMs: 10_000, doing: 'x' })
      expect(at.sent('lock').waitMs).toBeUndefined()
      at.locked(5)
    }
    lock.unlock()
    await at.runtime.advance(10_000)
    expect(count()).toBe(4)
  })

  test('K6: tells who would like to have it, and hands it over', async () => {
    const at = scene()
    const { lock, heard } = await held(at)
    const questions: string[] = []
    lock.on('asked', (question) => {
      questions.push(question.session)
      question.answer(questions.length > 1)
    })
    const asked = {
      type: 'asked',
      channel: 'a',
      resource: item,
      session: 's9',
      by: null,
      doing: '',
      waitMs: 5,
    } as const
    at.say(asked)
    expect(at.sent('answer')).toMatchObject({ session: 's9', yield: false })
    expect(lock.phase).toBe('held')
    at.say(asked)
    expect(at.sent('answer')).toMatchObject({ session: 's9', yield: true })
    at.say({ type: 'locks', channel: 'a', taken: [state('s9')], freed: [] })
    expect(heard).toEqual([['released']])
  })
})

describe('after a break', () => {
  test('K8, G11: a lock that is free is asked for again, and the page is told of its new token', async () => {
    const at = scene()
    const { lock, heard } = await held(at, { doing: 'editing', waitMs: 5_000, ask: true })
    at.server.connection.cut()
    expect(lock.phase).toBe('away')
    await at.comeBack()
    expect(at.sent('lock')).toMatchObject({ resource: item, doing: 'editing' })
    expect(at.sent('lock').waitMs).toBeUndefined()
    expect(heard).toEqual([])
    at.locked(9)
    expect(heard).toEqual([['restored']])
    expect(lock).toMatchObject({ phase: 'held', token: 9 })
  })

  test('K8, G11: a lock that somebody else has taken is lost aloud', async () => {
    const at = scene()
    const { lock, heard } = await held(at)
    at.server.connection.cut()
    await at.comeBack(state('s9', { token: 8 }))
    at.refused()
    expect(heard).toEqual([['lost', 'taken']])
    expect(lock.phase).toBe('lost')
    expect(at.locks.get(item)?.session).toBe('s9')
  })

  test('K8: a lock that the server never saw go is held on under its token', async () => {
    const at = scene()
    const { lock, heard } = await held(at)
    at.server.connection.cut()
    await at.comeBack(state('s0'))
    expect(at.server.connection.received.filter(({ type }) => type === 'lock')).toHaveLength(0)
    expect(heard).toEqual([['restored']])
    expect(lock).toMatchObject({ phase: 'held', token: 5 })
  })

  test('K5: what was waited for is waited for again', async () => {
    const at = scene()
    const waits = at.locks.lock(item, { waitMs: 60_000 })
    at.server.connection.cut()
    await at.comeBack(state('s9'))
    expect(at.sent('lock')).toMatchObject({ waitMs: 60_000 })
    at.locked(9)
    expect((await waits).token).toBe(9)
  })

  test('K8: an unlock while the connection is away is final', async () => {
    const at = scene()
    const { lock } = await held(at)
    at.server.connection.cut()
    lock.unlock()
    await at.comeBack()
    expect(at.server.connection.received.map(({ type }) => type)).toEqual(['hello', 'subscribe'])
  })
})

describe('a channel that is not the page’s any more', () => {
  test('K8, G11: takes its locks along, aloud', async () => {
    const at = scene()
    const { heard } = await held(at)
    const waits = codeOf(at.locks.lock('items/18', { waitMs: 60_000 }))
    at.say({ type: 'revoked', channel: 'a' })
    expect(heard).toEqual([['lost', 'revoked']])
    expect(await waits).toBe('no_channel')
    expect(at.locks.all().size).toBe(0)
    expect(await codeOf(at.locks.lock(item))).toBe('no_channel')
  })

  test('K2: a page that never subscribed is told so at once', async () => {
    const { page } = scene()
    expect(await codeOf(locksOf(page, 'b').lock(item))).toBe('no_channel')
  })

  test('K8: the end of the client ends all', async () => {
    const at = scene()
    const { heard } = await held(at)
    const waits = codeOf(at.locks.lock('items/18', { waitMs: 60_000 }))
    at.page.close()
    expect(heard).toEqual([['lost', 'idle']])
    expect(await waits).toBe('no_channel')
  })
})

test('K8: a channel that the server cannot give now holds no lock; it is asked for again with the channel', async () => {
  const { runtime, server, locks, say, locked, sent } = scene()
  const taking = locks.lock(item)
  locked(5)
  const lock = await taking
  const restored: string[] = []
  lock.on('restored', () => restored.push('restored'))
  const error = { code: 'unavailable', message: 'Later.', retryable: true }
  say({ type: 'reset', channel: 'a', reason: 'slow' }, { type: 'error', channel: 'a', error })
  expect(lock.phase).toBe('away')
  await runtime.advance(1_000)
  server.connection.arrive()
  expect(sent('lock')).toMatchObject({ resource: item })
  locked(6)
  expect(lock).toMatchObject({ phase: 'held', token: 6 })
  expect(restored).toEqual(['restored'])
})
