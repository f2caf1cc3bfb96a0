import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { banned, type Reply, type Scene, startScene } from './scene.setup.ts'

let scene: Scene
const heard: string[] = []

beforeAll(async () => {
  scene = await startScene({
    open: {
      '/chat/**': { subscribe: true, publish: true },
      '/read/*': { subscribe: true },
      '/members': { subscribe: ({ user }) => user !== null, publish: ({ data }) => data === 'fine' },
    },
    extensions: [
      {
        incoming(message, request, callback) {
          heard.push(`${message.channel} ${request?.method}`)
          if (message.channel === '/chat/secret') message.error = '403::Not here'
          callback(message.channel === '/chat/dropped' ? null : message)
        },
      },
      {
        outgoing(message, _request, callback) {
          if (message.channel === '/chat/marked' && 'data' in message) message.data = 'marked'
          callback(message)
        },
      },
    ],
  })
})
afterAll(() => scene.close())

const handshake = {
  channel: '/meta/handshake',
  version: '1.0',
  supportedConnectionTypes: ['long-polling'],
  id: 'h',
}

async function one(message: object): Promise<Reply> {
  const { replies } = await scene.post([message])
  return replies[0] as Reply // every message here has a reply
}
const subscribe = (clientId: string, subscription: unknown, more: object = {}): Promise<Reply> =>
  one({ channel: '/meta/subscribe', clientId, subscription, id: 's', ...more })
const publish = (clientId: string, channel: string, data: unknown, id = 'p'): Promise<Reply> =>
  one({ channel, clientId, data, id })
/** What waits for a client. */
async function poll(clientId: string, timeout = 0, more: object = {}): Promise<Reply[]> {
  const connect = {
    channel: '/meta/connect',
    clientId,
    connectionType: 'long-polling',
    advice: { timeout },
    ...more,
  }
  return (await scene.post(connect)).replies
}
async function messages(clientId: string): Promise<Reply[]> {
  return (await poll(clientId)).filter(({ channel }) => channel !== '/meta/connect')
}

describe('Y1: requests', () => {
  it('Y1: a single object is answered with an array, which has its id', async () => {
    const { replies } = await scene.post(handshake)
    expect(replies).toHaveLength(1)
    expect(replies[0]).toMatchObject({
      id: 'h',
      channel: '/meta/handshake',
      successful: true,
      version: '1.0',
    })
  })

  it('Y1: any suffix of the address is the same address', async () => {
    expect((await scene.post(handshake, { suffix: '/handshake' })).replies[0]?.successful).toBe(true)
    expect((await scene.post(handshake, { suffix: '/' })).replies[0]?.successful).toBe(true)
  })

  it('Y1: a form may carry several messages', async () => {
    const body = new URLSearchParams([
      ['message', JSON.stringify(handshake)],
      ['message', JSON.stringify([handshake])],
    ])
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const { replies } = await scene.post(body.toString(), { headers })
    // Of several messages with a handshake among them only the handshake counts.
    expect(replies.map(({ successful }) => successful)).toEqual([true])
  })

  it.each([
    ['no JSON', '{', 400],
    ['a number', '1', 400],
    ['an empty list', '[]', 400],
    ['a list of texts', '["x"]', 400],
    ['10,000 messages', JSON.stringify(Array(10_000).fill({ channel: '/x' })), 413],
    ['more than a megabyte', `"${'x'.repeat(1_100_000)}"`, 413],
  ])('Y1: %s is refused as a whole', async (_what, body, status) => {
    expect((await scene.post(body)).status).toBe(status)
  })

  it('Y1: plain text with a cookie is 415, without one it is a form', async () => {
    const headers = { 'content-type': 'text/plain', origin: scene.origin }
    const body = `message=${encodeURIComponent(JSON.stringify(handshake))}`
    expect((await scene.post(body, { headers: { ...headers, cookie: 'user=alice' } })).status).toBe(415)
    expect((await scene.post(body, { headers })).replies[0]?.successful).toBe(true)
  })

  it('Y1: another method is 405 and names what is answered', async () => {
    const response = await fetch(scene.url, { method: 'PUT' })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, POST'])
  })

  it.each([
    ['no channel', {}, /^400:channel:/],
    ['a channel that is none', { channel: 'x' }, /^405::/],
    ['a glob as a channel', { channel: '/chat/*' }, /^405::/],
    ['an id that is an object', { channel: '/chat/a', id: {} }, /^400:id:/],
    ['no client', { channel: '/meta/subscribe', subscription: '/chat/a' }, /^400:clientId:/],
    ['an unknown client', { channel: '/chat/a', data: 1, clientId: 'x' }, /^402::/],
  ])('Y1: %s is refused by message', async (_what, message, error) => {
    const reply = await one(message)
    expect(reply.successful).toBe(false)
    expect(reply.error).toMatch(error)
  })
})

describe('Y2: handshake', () => {
  it('Y2: names the carriers, and a client id that nobody guesses', async () => {
    const [a, b] = [await one(handshake), await one(handshake)]
    expect(a.supportedConnectionTypes).toEqual([
      'long-polling',
      'cross-origin-long-polling',
      'eventsource',
      'websocket',
    ])
    expect(a.clientId).toMatch(/^[\w-]{32}$/)
    expect(a.clientId).not.toBe(b.clientId)
    expect(a.advice).toEqual({ reconnect: 'retry', interval: 0, timeout: 25_000 })
  })

  it.each([
    ['no version', { version: undefined }, /^400:version:/],
    ['another version', { version: '2.0' }, /^300:version:/],
    ['no connection types', { supportedConnectionTypes: undefined }, /^400:supportedConnectionTypes:/],
    ['none in common', { supportedConnectionTypes: ['pigeon'] }, /^301:supportedConnectionTypes:/],
    ['JSON-P where it is off', { supportedConnectionTypes: ['callback-polling'] }, /^301:/],
    ['a token that is none', { ext: { lockstep: { token: 'x' } } }, /^401:unauthorized:/],
  ])('Y2: with %s is refused, and says what there is', async (_what, more, error) => {
    const reply = await one({ ...handshake, ...more })
    expect(reply).toMatchObject({ successful: false, advice: { reconnect: 'none' } })
    expect(reply.error).toMatch(error)
    expect(reply.supportedConnectionTypes).toContain('long-polling')
  })

  it('Y2: other messages of the request are ignored', async () => {
    const { replies } = await scene.post([{ channel: '/chat/a', data: 1 }, handshake])
    expect(replies.map(({ channel }) => channel)).toEqual(['/meta/handshake'])
  })

  it('Y3: a token or a cookie signs in; a foreign page is refused', async () => {
    const ext = { lockstep: { token: scene.token() } }
    expect((await one({ ...handshake, ext })).ext.lockstep).toMatchObject({ session: expect.any(String) })
    const cookie = { cookie: 'user=alice', origin: scene.origin }
    expect((await scene.post(handshake, { headers: cookie })).replies[0]?.ext.lockstep).toBeDefined()
    expect((await scene.post(handshake)).replies[0]?.ext).toBeUndefined()
    const foreign = { cookie: 'user=alice', origin: 'https://evil.example' }
    expect((await scene.post(handshake, { headers: foreign })).status).toBe(403)
    expect((await scene.post(handshake, { headers: { cookie: 'user=alice' } })).status).toBe(403)
  })

  it('Y3: a subscription may bring the token', async () => {
    const clientId = await scene.shake(null)
    expect((await subscribe(clientId, '/sync/todos')).error).toMatch(/^403:/)
    const ext = { lockstep: { token: scene.token() } }
    expect(await subscribe(clientId, '/sync/todos', { ext, id: 's2' })).toMatchObject({ successful: true })
  })
})

describe('Y4: connect', () => {
  it('Y4: with a timeout of 0 answers at once', async () => {
    const [reply] = await poll(await scene.shake())
    expect(reply).toMatchObject({ channel: '/meta/connect', successful: true, advice: { timeout: 25_000 } })
  })

  it("Y4: is held for the client's own time, then answered empty", async () => {
    const clientId = await scene.shake()
    const before = Date.now()
    expect(await poll(clientId, 300)).toHaveLength(1)
    expect(Date.now() - before).toBeGreaterThanOrEqual(280)
  })

  it('Y4: a second one releases the first', async () => {
    const clientId = await scene.shake()
    const first = poll(clientId, 20_000)
    await expect(poll(clientId, 100)).resolves.toHaveLength(1)
    expect((await first)[0]?.successful).toBe(true)
  })

  it('Y4: a message releases it', async () => {
    const clientId = await scene.shake()
    await subscribe(clientId, '/chat/a')
    const held = poll(clientId, 20_000)
    await publish(await scene.shake(null), '/chat/a', 'hello')
    expect((await held).map(({ channel }) => channel)).toEqual(['/chat/a', '/meta/connect'])
  })

  it('Y4: asked again with the same id gives the same messages again', async () => {
    const clientId = await scene.shake()
    await subscribe(clientId, '/chat/a')
    await publish(clientId, '/chat/a', 1)
    const first = await poll(clientId, 0, { id: 'c1' })
    expect(first[0]?.data).toBe(1)
    expect(await poll(clientId, 0, { id: 'c1' })).toEqual(first)
    expect(await poll(clientId, 0, { id: 'c2' })).toHaveLength(1)
  })

  it('Y4: an unknown client is told to shake hands', async () => {
    const [reply] = await poll('nobody')
    expect(reply).toMatchObject({
      successful: false,
      error: '402::Unknown client',
      advice: { reconnect: 'handshake' },
    })
  })

  it.each([
    ['no connection type', undefined, /^400:connectionType:/],
    ['an unknown one', 'pigeon', /^301:connectionType:/],
  ])('Y4: with %s is refused', async (_what, connectionType, error) => {
    const [reply] = await poll(await scene.shake(), 0, { connectionType })
    expect(reply?.error).toMatch(error)
  })

  it('Y4: with other messages in its request is not held', async () => {
    const clientId = await scene.shake()
    const { replies } = await scene.post([
      { channel: '/meta/connect', clientId, connectionType: 'long-polling' },
      { channel: '/meta/subscribe', clientId, subscription: '/chat/a' },
      { channel: '/chat/a', clientId, data: 1 },
    ])
    expect(replies.map(({ successful }) => successful)).toEqual([true, true, true])
  })
})

describe('Y5: subscriptions', () => {
  it('Y5: gives one message per transaction and collection, in the shape of the rows', async () => {
    const clientId = await scene.shake()
    const list = ['/sync/project/1/items', '/sync/project/1/tasks', '/sync/todos']
    expect(await subscribe(clientId, list)).toMatchObject({ successful: true, subscription: list })
    await scene.sql.begin(async (sql) => {
      await sql`INSERT INTO items VALUES (17, 'Buy kale juice', 1), (18, 'gone soon', 1)`
      await sql`INSERT INTO tasks VALUES (1, 'Squeeze', 1)`
      await sql`INSERT INTO todos VALUES (5, 'Drink')`
    })
    await scene.sql`UPDATE items SET title = 'Buy juice' WHERE id = 17`
    await scene.sql`DELETE FROM items WHERE id = 18`
    await scene.settled()
    const told = await messages(clientId)
    expect(told.filter(({ channel }) => channel.endsWith('items')).map(({ data }) => data)).toEqual([
      {
        create: {
          17: { id: 17, title: 'Buy kale juice', project_id: 1 },
          18: { id: 18, title: 'gone soon', project_id: 1 },
        },
      },
      { update: { 17: { title: 'Buy juice' } } },
      { destroy: { 18: {} } },
    ])
    expect(told.find(({ channel }) => channel.endsWith('tasks'))?.data).toEqual({
      create: { 1: { id: 1, title: 'Squeeze', project_id: 1 } },
    })
    expect(told.find(({ channel }) => channel === '/sync/todos')?.data.create).toEqual({
      5: { id: 5, title: 'Drink' },
    })
    expect(told.every(({ ext }) => /^\w+\.[0-9a-f]+$/.test(ext.lockstep.position ?? ''))).toBe(true)
  })

  it('Y5: operations have their envelope and the session that wrote them', async () => {
    const clientId = await scene.shake()
    await subscribe(clientId, '/operations/project/1')
    const message = {
      session: 'w1',
      operations: [{ channel: 'project/1', operation: 'items/create', envelope: { item: 1 } }],
    }
    await messages(clientId) // the locks as they are now
    await scene.sql`SELECT pg_logical_emit_message(true, 'lockstep', ${JSON.stringify(message)})`
    await scene.settled()
    expect((await messages(clientId)).map(({ data }) => data)).toEqual([
      { operation: 'items/create', envelope: { item: 1 }, session_id: 'w1' },
    ])
  })

  it('Y5: a glob gives the collections of a channel, and nothing twice', async () => {
    const clientId = await scene.shake()
    await subscribe(clientId, ['/sync/project/1/*', '/sync/project/1/items', '/sync/project/1/**'])
    await scene.sql`INSERT INTO items VALUES (30, 'once', 1)`
    await scene.sql`INSERT INTO tasks VALUES (30, 'once', 1)`
    await scene.settled()
    expect((await messages(clientId)).map(({ channel }) => channel)).toEqual([
      '/sync/project/1/items',
      '/sync/project/1/tasks',
    ])
  })

  it('Y5: a glob over channels gives those that the session names, and may see', async () => {
    const token = scene.token('olivia', ['project/1', 'project/2'])
    const clientId = await scene.shake(null, { ext: { lockstep: { token } } })
    expect((await subscribe(clientId, '/sync/project/**')).successful).toBe(true)
    await scene.sql`INSERT INTO items VALUES (40, 'hers', 1), (41, 'not hers', 2)`
    await scene.settled()
    expect((await messages(clientId)).map(({ channel }) => channel)).toEqual(['/sync/project/1/items'])
  })

  it.each([
    '/sync/project/2/items',
    '/sync/nothing',
    '/sync/project/1/todos',
    '/operations/project/2',
    '/other',
    '/sync/project/2/*',
  ])('Y5: %s is refused to who may not see it, like what there is not', async (channel) => {
    const clientId = await scene.shake('olivia')
    expect((await subscribe(clientId, channel)).error).toMatch(/^403:/)
  })

  it.each(['/**', '/*', '/meta/**', '/meta/subscribe', '/meta/subscribe/x', '/service/a', '/service/**'])(
    'Y5: nobody subscribes to %s',
    async (channel) => {
      expect((await subscribe(await scene.shake(), channel)).error).toMatch(/^403:/)
    },
  )

  it.each([undefined, [], 17, 'chat', '/chat/*/x', '/chat/ä', [null]])(
    'Y5: %j is no subscription',
    async (subscription) => {
      expect((await subscribe(await scene.shake(), subscription)).error).toMatch(/^40[05]:/)
    },
  )

  it('Y5: of several what can be granted is, and the reply names what cannot', async () => {
    const clientId = await scene.shake('olivia')
    const reply = await subscribe(clientId, ['/sync/project/2/items', '/sync/project/1/items'])
    expect(reply.error).toContain('/sync/project/2/items')
    await scene.sql`INSERT INTO items VALUES (50, 'hers', 1)`
    await scene.settled()
    expect(await messages(clientId)).toHaveLength(1)
  })

  it('Y5: after unsubscribe nothing follows, and other subscriptions go on', async () => {
    const clientId = await scene.shake()
    await subscribe(clientId, ['/sync/project/1/items', '/sync/project/1/tasks'])
    const gone = { channel: '/meta/unsubscribe', clientId, subscription: '/sync/project/1/items' }
    expect(await one(gone)).toMatchObject({ successful: true, subscription: '/sync/project/1/items' })
    await scene.sql`INSERT INTO items VALUES (60, 'unseen', 1)`
    await scene.sql`INSERT INTO tasks VALUES (60, 'seen', 1)`
    await scene.settled()
    expect((await messages(clientId)).map(({ channel }) => channel)).toEqual(['/sync/project/1/tasks'])
  })

  it('Y5: what the session loses it is told, and nothing after', async () => {
    const clientId = await scene.shake('olivia')
    await subscribe(clientId, ['/sync/project/1/items', '/sync/todos'])
    banned.add('olivia')
    try {
      await scene.server().reauthorize('olivia')
      await scene.sql`INSERT INTO items VALUES (70, 'secret', 1)`
      await scene.settled()
      const told = await messages(clientId)
      expect(told).toEqual([
        { channel: '/sync/project/1/items', data: {}, ext: { lockstep: { revoked: true } } },
      ])
    } finally {
      banned.delete('olivia')
    }
  })

  it('Y5: after disconnect the client is unknown', async () => {
    const clientId = await scene.shake('olivia')
    expect(await one({ channel: '/meta/disconnect', clientId })).toMatchObject({ successful: true })
    expect((await poll(clientId))[0]?.advice.reconnect).toBe('handshake')
  })
})

describe('Y6: replay', () => {
  const ext = (position: string): object => ({ ext: { lockstep: { position } } })

  it('Y6: a position gives everything since, a subscription without one what comes after', async () => {
    const first = await scene.shake()
    await subscribe(first, '/sync/todos')
    await scene.sql`INSERT INTO todos VALUES (100, 'a')`
    await scene.settled()
    const position = (await messages(first))[0]?.ext.lockstep.position ?? ''
    await scene.sql`INSERT INTO todos VALUES (101, 'b')`
    await scene.sql`INSERT INTO todos VALUES (102, 'c')`
    await scene.settled()
    const second = await scene.shake()
    await subscribe(second, '/sync/todos', ext(position))
    expect((await messages(second)).map(({ data }) => Object.keys(data.create ?? {}))).toEqual([
      ['101'],
      ['102'],
    ])
    const third = await scene.shake()
    await subscribe(third, '/sync/todos')
    expect(await messages(third)).toEqual([])
  })

  it('Y6: a subscription added later, from further back, doubles nothing for the older', async () => {
    const start =
      (await one({ ...handshake, ext: { lockstep: { token: scene.token() } } })).ext.lockstep.position ?? ''
    await scene.sql`INSERT INTO items VALUES (110, 'i', 1)`
    await scene.sql`INSERT INTO tasks VALUES (110, 't', 1)`
    await scene.settled()
    const clientId = await scene.shake()
    await subscribe(clientId, '/sync/project/1/items', ext(start))
    expect(await messages(clientId)).toHaveLength(1)
    await subscribe(clientId, '/sync/project/1/tasks', { ...ext(start), id: 's2' })
    expect((await messages(clientId)).map(({ channel }) => channel)).toEqual(['/sync/project/1/tasks'])
  })

  it.each([
    ['of another epoch', 'zzzz.1', 'epoch'],
    ['beyond the end', undefined, 'future'],
  ])('Y6: a position %s is told as a reset', async (_what, given, reason) => {
    const clientId = await scene.shake()
    const epoch = (
      await one({ ...handshake, ext: { lockstep: { token: scene.token() } } })
    ).ext.lockstep.position?.split('.')[0]
    const reply = await subscribe(clientId, '/sync/todos', ext(given ?? `${epoch}.fffffffffffff`))
    expect(reply.successful).toBe(true)
    const held = await poll(clientId, 5_000)
    expect(held[0]).toMatchObject({ channel: '/sync/todos', data: {}, ext: { lockstep: { reset: reason } } })
  })

  it('Y6: what is no position is refused', async () => {
    expect((await subscribe(await scene.shake(), '/sync/todos', ext('x'))).error).toMatch(
      /^400:bad_position:/,
    )
  })
})

describe('Y7: publishing', () => {
  it.each(['/sync/todos', '/operations/project/1', '/other', '/read/a', '/meta/x', '/members'])(
    'Y7: is refused on %s',
    async (channel) => {
      expect((await publish(await scene.shake(), channel, { a: 1 })).error).toMatch(/^403:/)
    },
  )

  it('Y7: reaches exactly those whose subscription matches, once', async () => {
    const all = await Promise.all(Array.from({ length: 4 }, () => scene.shake(null)))
    const wanted = ['/chat/room/one', '/chat/room/*', '/chat/**', '/chat/*']
    await Promise.all(all.map((clientId, i) => subscribe(clientId, [wanted[i], wanted[i]])))
    const reply = await publish(all[0] ?? '', '/chat/room/one', { text: 'hi' })
    expect(reply).not.toHaveProperty('data')
    const got = await Promise.all(all.map(messages))
    expect(got.map((list) => list.length)).toEqual([1, 1, 1, 0])
    expect(got[1]?.[0]).toEqual({ channel: '/chat/room/one', data: { text: 'hi' } })
  })

  it('Y7: rules may ask who and what', async () => {
    expect((await subscribe(await scene.shake(null), '/members')).error).toMatch(/^403:/)
    const clientId = await scene.shake()
    expect((await subscribe(clientId, '/members')).successful).toBe(true)
    expect((await publish(clientId, '/members', 'fine')).successful).toBe(true)
  })

  it('Y7: the same message sent again is done once and answered twice', async () => {
    const clientId = await scene.shake()
    await subscribe(clientId, '/chat/once')
    const first = await publish(clientId, '/chat/once', 1, 'x1')
    expect(await publish(clientId, '/chat/once', 1, 'x1')).toEqual(first)
    await publish(clientId, '/chat/once', 1, 'x2')
    expect(await messages(clientId)).toHaveLength(2)
  })

  it('Y7: a service channel is taken and goes to nobody', async () => {
    expect(await publish(await scene.shake(), '/service/log', 1)).toMatchObject({ successful: true })
  })
})

describe('Y8: extensions', () => {
  it('Y8: see every message with its request, refuse, drop and change', async () => {
    const clientId = await scene.shake()
    await subscribe(clientId, '/chat/**')
    expect(heard).toContain('/meta/subscribe POST')
    expect((await publish(clientId, '/chat/secret', 1)).error).toBe('403::Not here')
    expect((await scene.post({ channel: '/chat/dropped', clientId, data: 1 })).replies).toEqual([])
    await publish(clientId, '/chat/marked', 1)
    expect((await messages(clientId)).map(({ data }) => data)).toEqual(['marked'])
  })

  it("Y8: timesync answers with the server's time", async () => {
    const reply = await one({ ...handshake, ext: { timesync: { tc: 1_000, l: 2, o: 3 } } })
    const { tc, ts = 0, p, a } = reply.ext.timesync
    expect(tc).toBe(1_000)
    expect(Math.abs(ts - Date.now())).toBeLessThan(5_000)
    expect(p).toBeGreaterThanOrEqual(0)
    expect(a).toBe(1_005 - ts)
  })

  it('Y8: what is not acknowledged is sent again, what is is not', async () => {
    const clientId = await scene.shake('alice', { ext: { ack: true, lockstep: { token: scene.token() } } })
    await subscribe(clientId, '/chat/ack')
    await publish(clientId, '/chat/ack', 1, 'a')
    const first = await poll(clientId, 0, { ext: { ack: 0 } })
    expect(first.map(({ channel }) => channel)).toEqual(['/chat/ack', '/meta/connect'])
    const again = await poll(clientId, 0, { ext: { ack: 0 } })
    expect(again[0]?.data).toBe(1)
    expect(await poll(clientId, 0, { ext: { ack: again[1]?.ext.ack } })).toHaveLength(1)
  })
})
