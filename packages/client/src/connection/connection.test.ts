import type { PageSession } from '@lockstep/protocol'
import { describe, expect, test } from 'vitest'
import { stage } from '../../test/stage.ts'
import { settle } from '../../test/virtual-runtime.ts'
import type { Status } from '../index.ts'

describe('the connection', () => {
  test('takes no session that comes when another is in use already', async () => {
    const { server, runtime, client: make, connect } = stage()
    const renewals: ((session: PageSession) => void)[] = []
    const client = make('session', { renew: () => new Promise((resolve) => renewals.push(resolve)) })
    server.barred.add('t0')
    connect()
    await settle()
    await runtime.advance(60_000)
    connect()
    await settle()
    renewals[1]?.({ id: 's2', token: 't2' })
    await settle()
    connect()
    expect(client.status.state).toBe('live')
    renewals[0]?.({ id: 's1', token: 't1' })
    await settle()
    expect(client.sessionId).toBe('s2')
  })

  test('renews its session once where the token has expired, and goes on from its positions', async () => {
    const { server, runtime, live, connect } = stage()
    const client = live()
    server.barred.add('t0')
    const asked: unknown[] = []
    runtime.respond = async (url, request) => {
      asked.push([url, request.body])
      return { status: 200, text: async () => '{"id":"s1","token":"t1"}' }
    }
    server.connection.cut()
    await runtime.advance(100)
    server.connection.open()
    await settle()
    expect(asked).toEqual([['http://server/lockstep/session', '{}']])
    connect()
    expect(client.status.state).toBe('live')
    expect(client.sessionId).toBe('s1')
    expect(server.connection.received[0]).toMatchObject({ token: 't1' })
    expect(server.connection.received[1]).toHaveProperty('position')
  })

  test.each([
    [
      401,
      { error: { code: 'unauthorized', message: 'Sign in first.' } },
      { state: 'refused', reason: 'unauthorized', message: 'Sign in first.' },
    ],
    [200, { id: 's0', token: 't0' }, { state: 'refused', reason: 'session_expired' }],
    [503, {}, { state: 'offline' }],
  ])('a renewal answered with %i %j leads to %j', async (status, body, expected) => {
    const { server, runtime, client: make } = stage()
    server.barred.add('t0')
    runtime.respond = async () => ({ status, text: async () => JSON.stringify(body) })
    const client = make('session')
    server.connection.open()
    await settle()
    if (status === 200) {
      server.connection.open()
      await settle()
    }
    expect(client.status).toMatchObject(expected)
    client.close()
    expect(runtime.timers).toBe(0)
  })

  test('uses the newest token it was given', async () => {
    const { server, runtime, live } = stage()
    live()
    server.connection.push({ type: 'token', token: 't9' })
    server.connection.arrive()
    server.connection.cut()
    await runtime.advance(100)
    server.connection.open()
    expect(server.connection.received[0]).toEqual({ type: 'hello', version: 1, token: 't9' })
  })

  test('begins anew after silence, and at once when the network is said to be back', async () => {
    const { server, runtime, live, connect } = stage()
    const client = live()
    await runtime.advance(19_999)
    expect(server.connections).toHaveLength(1)
    await runtime.advance(1)
    expect(server.connections).toHaveLength(2)
    expect(client.status.state).toBe('connecting')
    for (let i = 0; i < 4; i++) {
      server.connection.cut()
      await runtime.advance(i < 3 ? 3_000 : 0)
    }
    expect(client.status.state).toBe('offline')
    const before = server.connections.length
    runtime.wake()
    expect(server.connections).toHaveLength(before + 1)
    connect()
    expect(client.status.state).toBe('live')
  })

  test('tells how it stands, each change once', async () => {
    const { server, runtime, client: make, connect } = stage()
    const client = make('page')
    const seen: Status[] = []
    client.onStatus((status) => seen.push(status))
    server.slowFill = true
    connect()
    server.connection.finish()
    connect()
    server.connection.push({ type: 'goodbye', retryMs: 1_000 })
    connect()
    await runtime.advance(1_500)
    client.close()
    expect(seen.map(({ state }) => state)).toEqual(['catching-up', 'live', 'offline', 'connecting', 'closed'])
    expect(seen[2]).toHaveProperty('retryAt')
  })

  test('does not exist with connect: false, until it is asked for', () => {
    const { server, runtime, client: make } = stage()
    const client = make('page', { connect: false })
    expect(client.channel('a').items.size).toBe(2)
    expect(server.connections).toHaveLength(0)
    expect(runtime.timers).toBe(0)
    client.connect()
    expect(server.connections).toHaveLength(1)
  })

  test('asks for a session first where it has none', async () => {
    const { server, runtime } = stage()
    runtime.respond = async () => ({ status: 200, text: async () => '{"id":"s5","token":"t5"}' })
    const { createClient } = await import('../index.ts')
    const client = createClient({ url: 'http://server/lockstep' }, { runtime, transport: server.transport })
    expect(server.connections).toHaveLength(0)
    await settle()
    server.connection.open()
    server.connection.arrive()
    expect(client.status.state).toBe('live')
    expect(client.sessionId).toBe('s5')
  })

  test('begins without a session and without a server, and is live once there is one', async () => {
    const { server, runtime } = stage()
    server.barred.add('')
    const answers = ['unreachable', '<html>Sign in to this network</html>', '{"id":"s5","token":"t5"}']
    runtime.respond = async () => {
      const text = answers.shift()
      if (text === undefined || text === 'unreachable') throw new Error('network')
      return { status: 200, text: async () => text }
    }
    const { createClient } = await import('../index.ts')
    const client = createClient({ url: 'http://server/lockstep' }, { runtime, transport: server.transport })
    const { ready } = client.channel('a')
    const states: string[] = []
    client.onStatus(({ state }) => states.push(state))
    for (let seconds = 0; client.status.state !== 'live'; seconds++) {
      expect(seconds).toBeLessThan(60)
      await runtime.advance(1_000)
      const { connection } = server.connections.length > 0 ? server : { connection: undefined }
      connection?.open()
      await settle()
      if (connection === server.connections.at(-1)) connection?.arrive()
    }
    await ready
    expect(client.sessionId).toBe('s5')
    expect(states).not.toContain('refused')
    client.close()
    expect(runtime.timers).toBe(0)
  })

  test('O3, S2: hears what a copy of the page does under the session that both had, and not what it did itself', async () => {
    const { server, runtime, live, connect } = stage()
    let renewals = 0
    const client = live({ renew: async () => ({ id: `s${++renewals}`, token: `t${renewals}` }) })
    const heard: unknown[] = []
    client.channel('a').on('x', (envelope) => heard.push(envelope))
    const commit = (session: string, envelope: string): void => {
      server.commit({ a: {} }, { session, operations: { a: [{ operation: 'x', envelope }] } })
      server.connection.arrive()
    }
    commit('s0', 'mine')
    server.connection.cut(4409, 'replaced')
    await runtime.advance(0)
    connect()
    commit('s0', 'the copy’s')
    commit('s1', 'mine again')
    expect(heard).toEqual(['the copy’s'])
    // A session that has run out was nobody else's.
    await runtime.advance(6_000)
    server.connection.cut(4401, 'session_expired')
    await runtime.advance(0)
    connect()
    expect(client.sessionId).toBe('s2')
    commit('s1', 'mine, late')
    expect(heard).toEqual(['the copy’s'])
  })

  test('S2: does not fight with a copy of the page for ever over a session that stays the same', async () => {
    const { server, runtime, live, connect } = stage()
    const renewals: unknown[] = []
    const client = live({
      renew: async (channels) => {
        renewals.push(channels)
        return { id: 's0', token: 't0' }
      },
    })
    server.connection.cut(4409, 'replaced')
    await runtime.advance(0)
    connect()
    expect([client.status.state, renewals]).toEqual(['live', [['a']]])
    server.connection.cut(4409, 'replaced')
    expect(client.status).toMatchObject({ state: 'refused', reason: 'replaced' })
    expect(client.channel('a').items.size).toBe(2)
    expect(runtime.timers).toBe(0)
  })

  test('with another session asks again for what the last one could not see', async () => {
    const { server, live, connect } = stage()
    server.forbidden.add('b')
    const client = live()
    const b = client.channel('b')
    connect()
    expect(b.status.state).toBe('refused')
    server.connection.cut(4403, 'forbidden')
    expect(client.status).toMatchObject({ state: 'refused', reason: 'forbidden' })
    server.forbidden.clear()
    client.connect({ id: 's7', token: 't7' })
    connect()
    expect(b.status.state).toBe('live')
  })
})
