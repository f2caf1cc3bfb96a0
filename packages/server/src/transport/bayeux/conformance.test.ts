import { createRequire } from 'node:module'
import { eventually } from '@lockstep/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { errorText } from './message.ts'
import { type Reply, type Scene, startScene } from './scene.setup.ts'

/** What a suite that knows only Bayeux and a channel that is open to everybody would look at. */
let scene: Scene
/** Faye finds the code of an error by this. */
const { ERROR } = createRequire(import.meta.url)('faye/src/protocol/grammar') as { ERROR: RegExp } // without types

beforeAll(async () => {
  scene = await startScene({
    open: {
      '/demo/**': { subscribe: true, publish: true },
      '/staff/*': { publish: ({ user }) => user?.id === 'alice' },
    },
    extensions: [
      {
        outgoing(message, _request, callback) {
          if (message.channel === '/demo/broken') throw new Error('an extension of the application')
          callback(message)
        },
      },
    ],
  })
})
afterAll(() => scene.close())

const handshake = { channel: '/meta/handshake', version: '1.0', supportedConnectionTypes: ['long-polling'] }

async function one(message: object): Promise<Reply> {
  const { replies } = await scene.post([message])
  return replies[0] as Reply // every message here has a reply
}
async function subscriber(subscription: unknown): Promise<string> {
  const clientId = await scene.shake(null)
  const reply = await one({ channel: '/meta/subscribe', clientId, subscription })
  expect(reply.successful, reply.error).toBe(true)
  return clientId
}
async function poll(clientId: string, more: object = {}): Promise<Reply[]> {
  const connect = { channel: '/meta/connect', clientId, connectionType: 'long-polling' }
  return (await scene.post({ ...connect, advice: { timeout: 0 }, ...more })).replies
}
async function told(clientId: string): Promise<unknown[]> {
  return (await poll(clientId)).filter(({ channel }) => channel !== '/meta/connect').map(({ data }) => data)
}

describe('Y2: handshakes of all kinds', () => {
  it.each([undefined, '0.9', '1.0', '1', '1.0beta'])(
    'Y2: a minimum version of %j is met',
    async (minimumVersion) => {
      expect(await one({ ...handshake, minimumVersion })).toMatchObject({ successful: true })
    },
  )

  it.each(['1.1', '2.0', 'x', 7])('Y2: a minimum version of %j is not', async (minimumVersion) => {
    const reply = await one({ ...handshake, minimumVersion })
    expect(reply).toMatchObject({ successful: false, advice: { reconnect: 'none' } })
    expect(reply.error).toMatch(/^300:/)
  })

  it('Y2: unknown carriers among known ones, an unknown ext and other fields change nothing', async () => {
    const more = {
      supportedConnectionTypes: ['flash', 'long-polling', 17],
      ext: { authentication: { user: 'x' } },
      reestablish: true,
      timestamp: 'Thu, 1 Jan 1970 00:00:00',
    }
    const reply = await one({ ...handshake, ...more })
    expect(reply).toMatchObject({ successful: true, version: '1.0' })
    expect(reply).not.toHaveProperty('ext')
  })
})

describe('Y1: replies', () => {
  it.each([0, 7, 'x', ''])('Y1: have the id that was asked with: %j', async (id) => {
    expect((await one({ ...handshake, id })).id).toBe(id)
  })

  it('Y1: an id of null is none', async () => {
    const reply = await one({ ...handshake, id: null })
    expect(reply.successful).toBe(true)
    expect(reply).not.toHaveProperty('id')
  })

  it('Y1: name the client, and come in the order of the requests', async () => {
    const clientId = await scene.shake(null)
    const { replies } = await scene.post([
      { channel: '/meta/subscribe', clientId, subscription: '/demo/a', id: 1 },
      { channel: '/demo/b', clientId, data: 1, id: 2 },
      { channel: '/meta/unsubscribe', clientId, subscription: '/demo/a', id: 3 },
      { channel: '/demo/a', clientId, data: 1, id: 4 },
    ])
    expect(replies.map(({ id }) => id)).toEqual([1, 2, 3, 4])
    expect(replies.every((reply) => reply.clientId === clientId && reply.successful)).toBe(true)
    expect(await told(clientId)).toEqual([])
  })

  it('Y1: errors are spelled so that Faye finds their code', async () => {
    const clientId = await scene.shake()
    const wrong = [
      { ...handshake, ext: { lockstep: { token: 'x' } } },
      { channel: '/meta/subscribe', clientId, subscription: '/sync/it%27s/items' },
      {
        channel: '/meta/subscribe',
        clientId,
        subscription: '/sync/todos',
        ext: { lockstep: { position: '"' } },
      },
      { channel: '/meta/connect', clientId },
      { channel: '/other', clientId, data: 1 },
      { channel: '/demo/a', clientId: 'x', data: 1 },
      { channel: '/demo/a', clientId },
      { channel: 17 },
    ]
    const errors: string[] = []
    for (const message of wrong) errors.push((await one(message)).error)
    for (const error of errors) expect(error).toMatch(ERROR)
    expect(errorText(403, '/a%20b,"', "it's, so: no")).toBe('403:/a_20b,_:its so no')
  })

  it.each(['/meta', '/meta/unknown', '/meta/connect/x'])(
    'Y1: there is no %s, for anybody',
    async (channel) => {
      expect((await one({ channel, data: 1 })).error).toMatch(/^403:/)
      expect((await one({ channel, data: 1, clientId: await scene.shake() })).error).toMatch(/^403:/)
    },
  )

  it('Y1: what is nested a hundred thousand deep is refused as a whole, and the next request is fine', async () => {
    const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
    const clientId = await subscriber('/demo/deep')
    const body = (levels: number): string =>
      `{"channel":"/demo/deep","clientId":"${clientId}","id":"1","data":${deep(levels)}}`
    expect((await scene.post(body(100_000))).status).toBe(400)
    expect((await scene.post(body(90))).replies[0]?.successful).toBe(true)
    expect(JSON.stringify(await told(clientId))).toBe(`[${deep(90)}]`)
  })
})

describe('Y4: connects of all kinds', () => {
  it('Y4: one that is refused says when to come again, so that nobody comes at once', async () => {
    const [reply] = await poll(await scene.shake(), { connectionType: undefined })
    expect(reply).toMatchObject({ successful: false, advice: { reconnect: 'retry', interval: 5_000 } })
  })

  it('Y4: disconnect answers the connect that is held, with no advice to come back', async () => {
    const clientId = await scene.shake()
    const held = poll(clientId, { advice: { timeout: 20_000 }, id: 'c' })
    await scene.post({ channel: '/demo/a', clientId, data: 1 })
    expect(await one({ channel: '/meta/disconnect', clientId })).toMatchObject({ successful: true, clientId })
    expect((await held)[0]).toMatchObject({ id: 'c', successful: true, advice: { reconnect: 'none' } })
  })

  it('Y4: a client that has its messages acknowledged is not told twice by asking twice', async () => {
    const clientId = await scene.shake(null, { ext: { ack: true } })
    await one({ channel: '/meta/subscribe', clientId, subscription: '/demo/ack' })
    await one({ channel: '/demo/ack', clientId, data: 1 })
    const first = await poll(clientId, { id: 'same', ext: { ack: 0 } })
    const again = await poll(clientId, { id: 'same', ext: { ack: 0 } })
    expect([first[0]?.data, again[0]?.data]).toEqual([1, 1])
    expect(await poll(clientId, { id: 'next', ext: { ack: again[1]?.ext.ack } })).toHaveLength(1)
  })
})

describe('Y9: a socket', () => {
  it('Y9: on which a client shook hands twice is not ended with the one that it left behind', async () => {
    const hasty = await startScene({
      limits: { awayMs: 300 },
      open: { '/demo/**': { subscribe: true, publish: true } },
    })
    try {
      const socket = new WebSocket(hasty.url.replace('http', 'ws'))
      const got: Reply[] = []
      let closed = false
      socket.on('message', (data) => got.push(...(JSON.parse(data.toString()) as Reply[]))) // the server's
      socket.on('close', () => {
        closed = true
      })
      await eventually(() => expect(socket.readyState).toBe(WebSocket.OPEN))
      for (const id of [1, 2]) socket.send(JSON.stringify({ ...handshake, id }))
      await eventually(() => expect(got).toHaveLength(2))
      const [left, kept] = got.map(({ clientId }) => clientId)
      socket.send(JSON.stringify({ channel: '/meta/subscribe', clientId: kept, subscription: '/demo/a' }))
      socket.send(JSON.stringify({ channel: '/meta/connect', clientId: kept, connectionType: 'websocket' }))
      const connect = { channel: '/meta/connect', clientId: left, connectionType: 'x' }
      await eventually(async () => expect((await hasty.post(connect)).replies[0]?.error).toMatch(/^402:/), {
        everyMs: 700,
      })
      await hasty.post({ channel: '/demo/a', data: 'still here' })
      await eventually(() => expect(got.map(({ data }) => data)).toContain('still here'))
      expect(closed).toBe(false)
      socket.close()
    } finally {
      await hasty.close()
    }
  })
})

describe('Y4: a server that closes', () => {
  it('Y4: tells whoever waits, over every carrier, to come back after a while of its own', async () => {
    const closing = await startScene()
    const socket = new WebSocket(closing.url.replace('http', 'ws'))
    const got: Reply[] = []
    let code: number | undefined
    let isTaken = false
    socket.on('message', (data) => {
      if (data.toString() === '[]') isTaken = true
      got.push(...(JSON.parse(data.toString()) as Reply[])) // the server's
    })
    socket.on('close', (given) => {
      code = given
    })
    try {
      await eventually(() => expect(socket.readyState).toBe(WebSocket.OPEN))
      const ids = [await closing.shake(null), await closing.shake(null)]
      const connect = { channel: '/meta/connect', connectionType: 'websocket' }
      socket.send(JSON.stringify({ ...connect, clientId: ids[0] }))
      // Answered after the connect before it was taken.
      socket.send('[]')
      await eventually(() => expect(isTaken).toBe(true))
      const held = closing.post({ ...connect, clientId: ids[1], connectionType: 'long-polling' })
      const other = closing.post({ ...connect, clientId: ids[1], connectionType: 'long-polling' })
      await Promise.race([held, other])
      await closing.server().close()
      const polled = (await Promise.all([held, other])).flatMap(({ replies }) => replies)
      await eventually(() => expect(code).toBe(1001))
      for (const reply of [...got, ...polled.filter(({ successful }) => successful !== true)]) {
        expect(reply).toMatchObject({ error: '402::restarting', advice: { reconnect: 'handshake' } })
        expect(reply.advice.interval).toBeLessThanOrEqual(2_000)
      }
      expect([got.length, polled.length]).toEqual([1, 2])
    } finally {
      await closing.close()
    }
  })
})

describe('Y5: an open channel', () => {
  it.each([null, 0, false, '', [], {}, 'ü€😀\u2028', { a: { b: [1, null] } }])(
    'Y5: carries %j as it is',
    async (data) => {
      const clientId = await subscriber('/demo/data')
      expect(await one({ channel: '/demo/data', clientId, data })).toMatchObject({ successful: true })
      expect(await told(clientId)).toEqual([data])
    },
  )

  it('Y5: carries names such as __proto__ as plain data', async () => {
    const clientId = await subscriber('/demo/proto')
    await scene.post(`{"channel":"/demo/proto","clientId":"${clientId}","data":{"__proto__":{"x":1}}}`)
    const { text } = await scene.post({
      channel: '/meta/connect',
      clientId,
      connectionType: 'long-polling',
      advice: { timeout: 0 },
    })
    expect(text).toContain('"data":{"__proto__":{"x":1}}')
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false)
  })

  it('Y5: has no message without data', async () => {
    expect((await one({ channel: '/demo/a', clientId: await scene.shake() })).error).toMatch(/^400:data:/)
  })

  it('Y5: carries almost a megabyte, and gives messages in the order they came', async () => {
    const clientId = await subscriber('/demo/**')
    const large = 'x'.repeat(1_000_000)
    await one({ channel: '/demo/large', clientId, data: large })
    for (let i = 0; i < 20; i++) await one({ channel: `/demo/order/${i % 3}`, clientId, data: i })
    expect(await told(clientId)).toEqual([large, ...Array.from({ length: 20 }, (_, i) => i)])
  })

  it('Y5: is not its own glob: /demo/** has no /demo', async () => {
    const clientId = await scene.shake(null)
    expect((await one({ channel: '/meta/subscribe', clientId, subscription: '/demo' })).error).toMatch(
      /^403:/,
    )
    expect((await one({ channel: '/demo', clientId, data: 1 })).error).toMatch(/^403:/)
    expect((await one({ channel: '/demo/**', clientId, data: 1 })).error).toMatch(/^405:/)
  })

  it('Y5: to unsubscribe what was never subscribed is no error', async () => {
    const clientId = await scene.shake(null)
    const message = { channel: '/meta/unsubscribe', clientId, subscription: ['/demo/x', '/demo/*'] }
    expect(await one(message)).toMatchObject({ successful: true, subscription: ['/demo/x', '/demo/*'] })
  })
})

describe('Y7: a backend without a client', () => {
  it('Y7: publishes with a single POST, as JSON or as a form', async () => {
    const clientId = await subscriber('/demo/hook')
    expect(await one({ channel: '/demo/hook', data: 'json', id: 'b' })).toEqual({
      id: 'b',
      channel: '/demo/hook',
      successful: true,
    })
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const message = JSON.stringify({ channel: '/demo/hook', data: 'form' })
    await scene.post(new URLSearchParams({ message }).toString(), { headers })
    expect(await told(clientId)).toEqual(['json', 'form'])
  })

  it('Y7: only where it may: rules are asked with the user of the request', async () => {
    expect((await one({ channel: '/sync/todos', data: {} })).error).toMatch(/^403:/)
    expect((await one({ channel: '/staff/news', data: 1 })).error).toMatch(/^403:/)
    const headers = { cookie: 'user=alice', origin: scene.origin }
    const { replies } = await scene.post({ channel: '/staff/news', data: 1 }, { headers })
    expect(replies[0]).toMatchObject({ successful: true })
  })
})

describe('Y8: extensions that fail', () => {
  it('Y8: a reply that an extension throws at is a refusal, and nobody else is disturbed', async () => {
    const clientId = await subscriber('/demo/*')
    const { replies } = await scene.post([
      { channel: '/demo/broken', clientId, data: 1, id: 1 },
      { channel: '/demo/fine', clientId, data: 2, id: 2 },
    ])
    expect(replies).toMatchObject([
      { id: 1, successful: false, error: '500::The server failed' },
      { id: 2, successful: true },
    ])
    expect(await told(clientId)).toEqual([2])
  })

  it('Y8: slow ones keep the order of messages on a stream, and hold up no reply for good', async () => {
    const slow = await startScene({
      open: { '/demo/**': { subscribe: true, publish: true } },
      extensions: [
        {
          outgoing(message, _request, callback) {
            if ('data' in message) setTimeout(() => callback(message), 20)
            else callback(message)
          },
        },
      ],
    })
    try {
      const socket = new WebSocket(slow.url.replace('http', 'ws'))
      const got: Reply[] = []
      socket.on('message', (data) => got.push(...(JSON.parse(data.toString()) as Reply[]))) // the server's
      const clientId = await slow.shake(null)
      await eventually(() => expect(socket.readyState).toBe(WebSocket.OPEN))
      socket.send(JSON.stringify({ channel: '/meta/subscribe', clientId, subscription: '/demo/a' }))
      await eventually(() => expect(got).toHaveLength(1))
      for (let i = 0; i < 5; i++) await slow.post({ channel: '/demo/a', data: i })
      const connect = {
        channel: '/meta/connect',
        clientId,
        connectionType: 'websocket',
        advice: { timeout: 0 },
      }
      socket.send(JSON.stringify(connect))
      await eventually(() => expect(got).toHaveLength(7))
      expect(got.slice(1).flatMap(({ data }) => (data === undefined ? [] : [data]))).toEqual([0, 1, 2, 3, 4])
      expect(got.filter(({ channel }) => channel === '/meta/connect')).toMatchObject([{ successful: true }])
      socket.close()
    } finally {
      await slow.close()
    }
  })
})

describe('Y10: the client for browsers', () => {
  it('Y10: is beside the mount too, where pages of Faye servers look for it', async () => {
    const [beside, below] = await Promise.all([fetch(`${scene.url}.js`), fetch(`${scene.url}/client.js`)])
    expect(beside.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    expect(await beside.text()).toBe(await below.text())
    expect((await fetch(`${scene.url}.js.map`)).status).toBe(404)
  })

  it('Y10: is not sent again to who knows it, by whatever way of saying so', async () => {
    const etag = (await fetch(`${scene.url}/client.js`)).headers.get('etag') ?? ''
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const headers = { 'if-none-match': known }
      expect((await fetch(`${scene.url}/client.js`, { headers })).status).toBe(304)
    }
    const other = await fetch(`${scene.url}/client.js`, { headers: { 'if-none-match': '"other"' } })
    expect(other.status).toBe(200)
    expect((await fetch(`${scene.url}/client.js`, { method: 'HEAD' })).headers.get('content-length')).toBe(
      other.headers.get('content-length'),
    )
  })
})
