import { describe, expect, test } from 'vitest'
import { stage } from '../../test/stage.ts'
import type { Changes } from '../index.ts'
import { heldCharsMax } from './session.ts'

const rename = (id: number, title: string) => ({ a: { items: { update: { [id]: { title } } } } })

describe('listeners', () => {
  test('one that throws is reported and stops nobody', () => {
    const { server, live, errors } = stage()
    const { items } = live().channel('a')
    const heard: string[] = []
    items.subscribeRow(1, () => {
      throw new Error('row')
    })
    items.subscribe(() => {
      throw new Error('collection')
    })
    items.subscribe(() => heard.push('collection'))
    items.subscribeRow(1, () => heard.push('row'))
    server.commit(rename(1, 'eins'))
    server.connection.arrive()
    expect(heard).toEqual(['row', 'collection'])
    expect(errors.map(String)).toEqual(['Error: row', 'Error: collection'])
  })

  test('may come and go while they are told', () => {
    const { server, live } = stage()
    const { items } = live().channel('a')
    const heard: string[] = []
    items.subscribe(() => {
      heard.push('first')
      stop()
      items.subscribe(() => heard.push('late'))
    })
    const stop = items.subscribe(() => heard.push('second'))
    server.commit(rename(1, 'eins'))
    server.connection.arrive()
    expect(heard).toEqual(['first'])
  })

  test('hear of what another one changes after everyone has heard of the first change', () => {
    const { server, runtime, live } = stage()
    runtime.respond = () => new Promise(() => {})
    const { items } = live().channel('a')
    const heard: string[] = []
    items.subscribe(({ updated, origin }) => {
      heard.push(`first ${updated} ${origin}`)
      if (origin === 'remote') items.update(2, { title: 'zwei' }).catch(() => {})
    })
    items.subscribe(({ updated, origin }) => heard.push(`second ${updated} ${origin}`))
    server.commit(rename(1, 'eins'))
    server.connection.arrive()
    expect(heard).toEqual(['first 1 remote', 'second 1 remote', 'first 2 local', 'second 2 local'])
  })

  test('of a row hear of that row only', () => {
    const { server, live } = stage()
    const { items } = live().channel('a')
    const heard: unknown[] = []
    const stop = items.subscribeRow('2', (row) => heard.push(row?.title))
    server.commit(rename(1, 'eins'))
    server.commit(rename(2, 'zwei'))
    server.commit({ a: { items: { destroy: ['2'] } } })
    server.commit({ a: { items: { create: { 2: { id: 2, title: 'again' } } } } })
    server.connection.arrive()
    stop()
    server.commit(rename(2, 'unheard'))
    server.connection.arrive()
    expect(heard).toEqual(['zwei', undefined, 'again'])
  })
})

describe('positions', () => {
  test('G2, R3: a hole is mended by asking again from the position before it', () => {
    const { server, live } = stage()
    const { items } = live().channel('a')
    server.connection.heartbeat()
    server.connection.arrive()
    const at = server.position()
    server.commit(rename(1, 'eins'))
    server.connection.lose()
    server.commit(rename(2, 'zwei'))
    const heard: Changes[] = []
    items.subscribe((changes) => heard.push(changes))
    server.connection.arrive()
    expect(server.connection.received.at(-1)).toMatchObject({ type: 'subscribe', channel: 'a', position: at })
    expect(heard).toEqual([{ created: [], updated: ['1', '2'], destroyed: [], origin: 'remote' }])
  })

  test('a heartbeat moves them, so that a resume asks for what is new only', async () => {
    const { server, runtime, live } = stage()
    live()
    for (let i = 0; i < 5; i++) server.commit({ elsewhere: {} })
    server.connection.heartbeat()
    server.connection.arrive()
    server.connection.cut()
    await runtime.advance(100)
    server.connection.open()
    expect(server.connection.received[1]).toMatchObject({ type: 'subscribe', position: server.position() })
  })

  test('a reset takes away what the snapshot does not hold, and the status names the reason', () => {
    const { server, live } = stage()
    const a = live().channel('a')
    const two = a.items.get(2)
    server.rows('a', 'items').delete('1')
    const heard: Changes[] = []
    a.items.subscribe((changes) => heard.push(changes))
    server.connection.reset('a', 'truncated')
    server.connection.arrive()
    expect(heard).toEqual([
      { created: [], updated: [], destroyed: ['1'], origin: 'reset', reset: 'truncated' },
    ])
    expect(a.items.all()).toEqual([two])
    expect(a.items.get(2)).toBe(two)
    expect(a.status).toEqual({ state: 'live', reset: 'truncated' })
  })

  test.each(['{', 'null', '{"type":"transaction","channel":"a"}'])(
    'the message %s begins the connection anew',
    async (text) => {
      const { server, runtime, live, errors } = stage()
      const client = live()
      server.connection.garble(text)
      expect(client.status.state).toBe('offline')
      expect(errors).toHaveLength(1)
      await runtime.advance(300)
      expect(server.connections).toHaveLength(2)
    },
  )
})

describe('a cut after any message', () => {
  test('G1, G2, G3, G5, R4: leaves whole commits only, and the rest comes after it', async () => {
    for (let after = 0; ; after++) {
      const { server, runtime, client: make, connect } = stage()
      server.commit({ b: { items: { create: { 1: { id: 1, title: '0' } } } } })
      const client = make('session')
      const [a, b] = [client.channel('a'), client.channel('b')]
      const halves: unknown[] = []
      for (const { items } of [a, b]) {
        items.subscribe(() => {
          // The first snapshots come one by one; from then on both channels show the same commits.
          const [left, right] = [a, b].map(({ items }) => items.get(1)?.title.replace('one', '0'))
          if (left !== undefined && right !== undefined && left !== right) halves.push([after, left, right])
        })
      }
      server.connection.open()
      for (const title of ['x', 'y', 'z']) server.commit({ a: rename(1, title).a, b: rename(1, title).a })
      const length = server.connection.outbox.length
      server.connection.arrive(after)
      server.connection.cut()
      for (const title of ['u', 'v']) server.commit({ a: rename(1, title).a, b: rename(1, title).a })
      await runtime.advance(100)
      connect()
      expect(halves).toEqual([])
      expect([a.items.get(1)?.title, b.items.get(1)?.title]).toEqual(['v', 'v'])
      expect(client.status.state).toBe('live')
      client.close()
      if (after === length) break
    }
  })
})

describe('what is held', () => {
  test('G12: is bounded: beyond it a snapshot takes its place', async () => {
    const { server, runtime, live, connect } = stage()
    const a = live().channel('a')
    server.slowFill = true
    server.connection.reset('a', 'slow')
    const title = 'x'.repeat(heldCharsMax / 2)
    for (let i = 0; i < 2; i++) server.commit(rename(1, title))
    server.commit(rename(1, 'eins'))
    server.connection.arrive()
    expect(server.connection.ended).toBe(true)
    expect(a.items.get(1)?.title).toBe('one')
    server.slowFill = false
    await runtime.advance(300)
    connect()
    expect(server.connection.received[1]).not.toHaveProperty('position')
    expect(a.items.get(1)?.title).toBe('eins')
  })
})

describe('one channel', () => {
  test('that is refused has its error, and others go on', async () => {
    const { server, live, connect } = stage()
    server.forbidden.add('b')
    const client = live()
    const b = client.channel('b')
    const ready = b.ready
    connect()
    expect(b.status).toMatchObject({ state: 'refused', error: { code: 'no_channel' } })
    await expect(ready).rejects.toThrow('refused')
    expect(client.channel('a').status.state).toBe('live')
    expect(client.status.state).toBe('live')
  })

  test('G9: that is revoked loses its rows at once, and those of pending writes', () => {
    const { server, runtime, live } = stage()
    runtime.respond = () => new Promise(() => {})
    const a = live().channel('a')
    a.items.update(1, { title: 'mine' }).catch(() => {})
    a.items.create({ title: 'new' }).catch(() => {})
    const heard: Changes[] = []
    a.items.subscribe((changes) => heard.push(changes))
    server.connection.push({ type: 'revoked', channel: 'a' })
    server.connection.arrive()
    expect(a.items.all()).toEqual([])
    expect(a.status.state).toBe('revoked')
    expect(heard).toHaveLength(1)
    expect(heard[0]?.origin).toBe('revoked')
  })

  test('that the server cannot give now is asked for again later', async () => {
    const { server, runtime, client: make, connect } = stage()
    const client = make('session')
    const b = client.channel('b')
    server.broken.add('b')
    connect()
    expect(b.status.state).toBe('subscribing')
    expect(client.status.state).toBe('live')
    server.broken.clear()
    await runtime.advance(1_000)
    server.connection.arrive()
    expect(b.status.state).toBe('live')
  })

  test('G11: that was live and whose rows cannot be had now says so until they can', async () => {
    const { server, runtime, live } = stage()
    const a = live().channel('a')
    const error = { code: 'unavailable', message: 'Later.', retryable: true }
    server.connection.push({ type: 'reset', channel: 'a', reason: 'slow' })
    server.connection.push({ type: 'error', channel: 'a', error })
    server.connection.arrive()
    expect(a.status.state).toBe('subscribing')
    expect(a.items.size).toBe(2)
    await runtime.advance(1_000)
    server.connection.arrive()
    expect(a.status).toMatchObject({ state: 'live' })
  })

  test('G3, G4: whose rows cannot be had now goes on from those that it shows', async () => {
    const { server, runtime, client: make, connect } = stage()
    const client = make('session')
    const [a, b] = [client.channel('a'), client.channel('b')]
    connect()
    const heard: unknown[] = []
    a.on('items/rename', (envelope) => heard.push(envelope))
    const shown: unknown[] = []
    a.items.subscribe(() => shown.push(a.items.get(1)?.title))
    server.slowFill = true
    server.connection.reset('b', 'slow')
    server.commit(
      { a: { items: { update: { 1: { title: 'eins' } } } } },
      { operations: { a: [{ operation: 'items/rename', envelope: 1 }] } },
    )
    const error = { code: 'unavailable', message: 'Later.', retryable: true }
    server.connection.push({ type: 'reset', channel: 'a', reason: 'slow' })
    server.connection.push({ type: 'error', channel: 'a', error })
    server.connection.finish()
    server.connection.arrive()
    expect(b.status.state).toBe('live')
    expect(shown).toEqual([])
    server.slowFill = false
    await runtime.advance(1_000)
    server.connection.arrive()
    expect(shown).toEqual(['eins'])
    expect(heard).toEqual([1])
  })

  test('that nobody needs any more goes after a while, and comes back when it is needed', async () => {
    const { server, runtime, live } = stage()
    const client = live()
    const a = client.channel('a')
    a.leave()
    await runtime.advance(4_999)
    expect(a.items.size).toBe(2)
    await runtime.advance(1)
    expect(a.items.size).toBe(0)
    expect(a.status.state).toBe('idle')
    expect(server.connection.received.at(-1)).toMatchObject({ type: 'unsubscribe' })
    const again = client.channel('a')
    expect(again).toBe(a)
    server.connection.arrive()
    expect(a.items.size).toBe(2)
    expect(server.connection.received.at(-1)).not.toHaveProperty('position')
  })

  test('that nobody needed while the connection came back is asked for when it is needed again', async () => {
    const { server, runtime, live, connect } = stage()
    const client = live()
    const a = client.channel('a')
    server.connection.cut()
    a.leave()
    await runtime.advance(100)
    connect()
    expect(server.connection.received.map(({ type }) => type)).toEqual(['hello'])
    client.channel('a')
    server.connection.arrive()
    expect(a.status.state).toBe('live')
  })

  test('that is new does not make the others wait', () => {
    const { server, live } = stage()
    const client = live()
    server.slowFill = true
    const b = client.channel('b')
    server.connection.arrive()
    server.commit(rename(1, 'eins'))
    server.connection.arrive()
    expect(client.channel('a').items.get(1)?.title).toBe('eins')
    expect(client.status.state).toBe('live')
    expect(b.status.state).toBe('subscribing')
  })
})

describe('operations', () => {
  const note = (envelope: string) => ({ a: [{ operation: 'note', envelope }] })

  test('come after the rows of their transaction, with who and when', () => {
    const { server, live } = stage()
    const a = live().channel('a')
    const heard: unknown[] = []
    a.items.subscribe(() => heard.push('rows'))
    a.on('note', (envelope, context) => heard.push([envelope, context, a.items.get(1)?.title]))
    const { lsn } = server.commit(rename(1, 'eins'), { session: 'other', operations: note('x') })
    server.connection.arrive()
    const context = { operation: 'note', channel: 'a', session: 'other', at: lsn }
    expect(heard).toEqual(['rows', ['x', context, 'eins']])
  })

  test('of one’s own are not heard, nor when they are repeated after a cut; those missed of others are', async () => {
    const { server, runtime, live, connect } = stage()
    const a = live().channel('a')
    const heard: unknown[] = []
    a.on('note', (envelope) => heard.push(envelope))
    server.commit({ a: {} }, { session: 's0', operations: note('mine') })
    server.connection.arrive()
    server.commit({ a: {} }, { session: 's0', operations: note('mine, repeated') })
    server.commit({ a: {} }, { session: 'other', operations: note('theirs') })
    server.connection.cut()
    await runtime.advance(100)
    connect()
    expect(heard).toEqual(['theirs'])
  })

  test('O6, G3: that come between a snapshot and live are not heard: the snapshot may be older than what was', () => {
    const { server, live } = stage()
    const a = live().channel('a')
    const heard: unknown[] = []
    a.on('note', (envelope) => heard.push(envelope))
    const { connection } = server
    const snapshot = server.snapshot('a')
    const commit = server.commit(rename(1, 'eins'), { session: 'other', operations: note('heard') })
    connection.arrive()
    connection.push({ type: 'reset', channel: 'a', reason: 'audience' })
    connection.push(snapshot)
    connection.push(server.transaction('a', commit))
    connection.push({ type: 'live', channel: 'a', position: server.position() })
    connection.arrive()
    expect(a.items.get(1)?.title).toBe('eins')
    server.commit(rename(1, 'uno'), { session: 'other', operations: note('later') })
    connection.arrive()
    expect(heard).toEqual(['heard', 'later'])
  })

  test('M13: for this client alone come after the rows, from nobody', () => {
    const { server, client, connect } = stage()
    const a = client('session').channel('a')
    const heard: unknown[] = []
    a.on('hello', (envelope, context) => heard.push([envelope, context, a.items.size]))
    server.slowFill = true
    connect()
    server.connection.finish()
    const operations = [{ operation: 'hello', envelope: 3 }]
    server.connection.push({ type: 'operations', channel: 'a', at: 5, operations })
    server.connection.arrive()
    expect(heard).toEqual([[3, { operation: 'hello', channel: 'a', session: undefined, at: 5 }, 2]])
  })

  test('that nobody knows are reported once', () => {
    const { server, live, errors } = stage()
    const a = live().channel('a')
    a.on('something', () => {})
    for (const text of ['x', 'y']) server.commit({ a: {} }, { operations: note(text) })
    server.connection.arrive()
    expect(errors.map(String)).toEqual(['Error: Nobody hears operation "note" of a.'])
  })
})
