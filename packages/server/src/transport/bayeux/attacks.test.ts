import { eventually } from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import {
  frame,
  givesBackMemory,
  type RawSocket,
  type Scene,
  startScene,
  upgradeRequest,
} from '../../bad-input.setup.ts'
import type { BayeuxExtension } from './extensions.ts'
import { Faye, type FayeClient } from './scene.setup.ts'

/** What goes wrong by ill will, each row beside two neighbours whose streams must not break. */
let scene: Scene
let url: string
let faye: FayeClient
/** Titles that the Faye client was told of, in order. */
const told: string[] = []

const open = { '/demo/**': { subscribe: true, publish: true } }
/** Requests to subscribe that have been taken. */
let subscribes = 0
const counting: BayeuxExtension = {
  incoming(message, _request, callback) {
    if (message.channel === '/meta/subscribe') subscribes++
    callback(message)
  },
}
const limits = { bodyMs: 2_000, awayMs: 3_000, queueBytesMax: 200_000, unknownPerSecond: 0.001 }

beforeAll(async () => {
  scene = await startScene({ bayeux: { open, jsonp: true, limits, extensions: [counting] } })
  url = `http://127.0.0.1:${scene.port}/bayeux`
  const { token } = scene.server.issueSession({ id: 'neighbour' })
  faye = new Faye.Client(url)
  faye.addExtension({
    outgoing(message: { channel: string; ext?: object }, callback: (message: object) => void) {
      if (message.channel === '/meta/handshake') message.ext = { lockstep: { token } }
      callback(message)
    },
  })
  await faye.subscribe('/sync/project/1/items', ({ create = {} }) => {
    for (const row of Object.values(create)) told.push(String(row['title']))
  })
  faye.on('transport:down', () => told.push('the connection broke'))
})

afterEach(async () => {
  const title = await scene.neighbour.seesTheNextChange()
  await eventually(() => expect(told.at(-1)).toBe(title))
  expect(told).toEqual(Array.from({ length: told.length }, (_, i) => `change ${i + 1}`))
})

afterAll(async () => {
  faye.disconnect()
  await scene.forgetsAll()
  await scene.close()
})

interface Reply {
  readonly channel: string
  readonly clientId?: string
  readonly successful?: boolean
  readonly error?: string
  readonly data?: unknown
}

const handshake = { channel: '/meta/handshake', version: '1.0', supportedConnectionTypes: ['long-polling'] }

async function ask(
  body: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; code?: string; replies: Reply[] }> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const answer = await response.json()
  return Array.isArray(answer)
    ? { status: response.status, replies: answer }
    : { status: response.status, code: answer.error.code, replies: [] }
}
async function shake(more: object = {}): Promise<string> {
  const { replies } = await ask({ ...handshake, ...more })
  return replies[0]?.clientId ?? ''
}
async function subscribed(subscription: string, more: object = {}): Promise<string> {
  const clientId = await shake(more)
  const { replies } = await ask({ channel: '/meta/subscribe', clientId, subscription })
  expect(replies[0]?.successful).toBe(true)
  return clientId
}
const connections = (): number => scene.server.status().connections

/** A WebSocket by hand. */
async function raw(): Promise<RawSocket> {
  const socket = scene.bytes().write(upgradeRequest({}, 'GET /bayeux HTTP/1.1'))
  expect(await socket.head()).toMatch(/^HTTP\/1.1 101 /)
  return socket
}

describe('Y9: JSON-P', () => {
  it.each(['alert(1)//', '<script>', 'a\u2028', 'x'.repeat(1_200), 'a.', 'a..b', '__proto__()', 'a[0]'])(
    'Y9: %j is no callback',
    async (jsonp) => {
      const query = new URLSearchParams({ jsonp, message: JSON.stringify([handshake]) })
      const response = await fetch(`${url}?${query}`)
      expect([response.status, (await response.json()).error.code]).toEqual([400, 'bad_request'])
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    },
  )

  it('Y1: a message that is none is refused before the callback is called', async () => {
    const refused = await fetch(`${url}?${new URLSearchParams({ jsonp: 'cb', message: '{' })}`)
    expect(refused.status).toBe(400)
  })
})

describe('Y9: EventSource', () => {
  it.each([
    ['CR', 'a\rb', 400],
    ['CR and LF', 'a\r\nb', 400],
    ['1 MB', 'x'.repeat(1_000_000), 431],
  ])('Y9: a Last-Event-ID with %s is no HTTP', async (_what, value, status) => {
    const socket = scene.bytes()
    socket.write(`GET /bayeux/${await shake()} HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n`)
    socket.write(`Last-Event-ID: ${value}\r\n\r\n`)
    expect((await socket.reply()).status).toBe(status)
  })

  it('Y9: a usual one makes no difference', async () => {
    const abort = new AbortController()
    const headers = { accept: 'text/event-stream', 'last-event-id': 'x"\t' }
    const response = await fetch(`${url}/${await shake()}`, { headers, signal: abort.signal })
    expect(response.status).toBe(200)
    abort.abort()
  })

  it('Y9: a second stream of a client takes the place of the first, which ends', async () => {
    const clientId = await subscribed('/demo/es')
    const stream = (): Promise<Response> =>
      fetch(`${url}/${clientId}`, { headers: { accept: 'text/event-stream' } })
    const first = await stream()
    const second = await stream()
    expect(await first.text()).toBe(':\n\n')
    await ask({ channel: '/demo/es', data: 1 })
    const reader = second.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes('data:')) text += (await reader?.read())?.value ?? ''
    await reader?.cancel()
    expect(text).toContain('"/demo/es"')
  })
})

describe('Y1: requests', () => {
  it.each([
    ['empty', '', 400, 'bad_request'],
    ['null', 'null', 400, 'bad_request'],
    ['1', '1', 400, 'bad_request'],
    ['half an object', '{"channel":', 400, 'bad_request'],
    ['nested 100,000 deep', '['.repeat(100_000), 400, 'bad_request'],
    ['a valid one as deep', `[${'['.repeat(100_000)}${']'.repeat(100_000)}]`, 400, 'bad_request'],
    ['10,000 messages', JSON.stringify(Array(10_000).fill(handshake)), 413, 'too_large'],
    ['1.1 MB', `"${'x'.repeat(1_100_000)}"`, 413, 'too_large'],
  ])('Y1: %s: refused as a whole', async (_what, body, status, code) => {
    expect(await ask(body)).toMatchObject({ status, code })
  })

  it('Y1: a page that sends text with a cookie is refused', async () => {
    const headers = { 'content-type': 'text/plain', cookie: 'user=alice', origin: url.replace('/bayeux', '') }
    expect(await ask('message=[]', headers)).toMatchObject({ status: 415, code: 'unsupported_media' })
  })

  it('Y11: a body that stalls is 408', async () => {
    const socket = scene
      .bytes()
      .write('POST /bayeux HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n')
    socket.write('Content-Length: 99\r\n\r\n[')
    const { status, body } = await socket.reply()
    expect([status, body.includes('"timeout"')]).toEqual([408, true])
  })

  it.each([
    ['__proto__', { channel: '/meta/subscribe', subscription: '/sync/__proto__' }, /^403:/],
    ['constructor', { channel: '/meta/subscribe', subscription: '/sync/constructor/items' }, /^403:/],
    ['a lone surrogate', { channel: '/meta/subscribe', subscription: '/sync/\ud800' }, /^405:/],
    ['NUL', { channel: '/demo/a\0', data: 1 }, /^405:/],
    ['10 kB of a name', { channel: `/demo/${'x'.repeat(10_000)}`, data: 1 }, /^405:/],
    [
      '1e400 as position',
      '{"channel":"/meta/subscribe","subscription":"/sync/project/1/items","clientId":"ID","ext":{"lockstep":{"token":"TOKEN","position":1e400}}}',
      /^400:bad_position:/,
    ],
    [
      '2^53+1 as position',
      '{"channel":"/meta/subscribe","subscription":"/sync/project/1/items","clientId":"ID","ext":{"lockstep":{"token":"TOKEN","position":"a.20000000000001"}}}',
      /^400:bad_position:/,
    ],
    [
      'a list as position',
      '{"channel":"/meta/subscribe","subscription":"/sync/project/1/items","clientId":"ID","ext":{"lockstep":{"token":"TOKEN","position":[[]]}}}',
      /^400:bad_position:/,
    ],
    [
      'a foreign token',
      {
        channel: '/meta/subscribe',
        subscription: '/sync/project/1/items',
        ext: { lockstep: { token: 'AAAA.BBBB' } },
      },
      /^401:/,
    ],
    ['/** subscribed', { channel: '/meta/subscribe', subscription: '/**' }, /^403:/],
    ['/meta/** subscribed', { channel: '/meta/subscribe', subscription: '/meta/**' }, /^403:/],
    ['/service/** subscribed', { channel: '/meta/subscribe', subscription: '/service/**' }, /^403:/],
    ['a client that nobody is', { channel: '/demo/a', clientId: 'x'.repeat(32), data: 1 }, /^402:/],
    ['/meta/subscribe/x', { channel: '/meta/subscribe/x', subscription: '/demo/a' }, /^403:/],
    ['/meta/** published', { channel: '/meta/**', data: 1 }, /^40[35]:/],
    ['/** published', { channel: '/**', data: 1 }, /^405:/],
  ])('Y1: %s: refused by message', async (_what, message, error) => {
    const clientId = await shake()
    const { token } = scene.server.issueSession({ id: 'alice' })
    const text =
      typeof message === 'string'
        ? message.replace('ID', clientId).replace('TOKEN', token)
        : JSON.stringify({ clientId, ...message })
    const { status, replies } = await ask(text)
    expect(status).toBe(200)
    expect(replies[0]?.error).toMatch(error)
    expect(Object.keys(Object.prototype)).toEqual([])
  })
})

describe('Y4: connects', () => {
  it('Y4: of two at once the older is released, and of a hundred all but the last', async () => {
    const clientId = await subscribed('/demo/two')
    const connect = {
      channel: '/meta/connect',
      clientId,
      connectionType: 'long-polling',
      advice: { timeout: 5_000 },
    }
    const all = Array.from({ length: 100 }, () => ask(connect))
    let released = 0
    for (const each of all) void each.then(() => released++)
    await eventually(() => expect(released).toBe(99))
    await ask({ channel: '/demo/two', data: 'for the last' })
    const replies = (await Promise.all(all)).flatMap((each) => each.replies)
    expect(replies.filter(({ data }) => data === 'for the last')).toHaveLength(1)
  })
})

describe('Y9: frames', () => {
  it.each<[string, Buffer | string, number]>([
    ['unmasked', frame(1, '[]', { masked: false }), 1002],
    ['with a reserved bit', frame(1, '[]', { reserved: 0x20 }), 1002],
    ['of an unknown opcode', frame(3, '[]'), 1002],
    ['a ping of 126 bytes', frame(9, 'x'.repeat(126)), 1002],
    ['a fragmented ping', frame(9, 'x', { fin: false }), 1002],
    ['a continuation of nothing', frame(0, 'x'), 1002],
    ['no UTF-8', frame(1, Buffer.from([0xff])), 1007],
    ['2^63 bytes long', frame(1, '', { length: 2n ** 63n }), 1009],
    ['1.1 MB', frame(1, 'x'.repeat(1_100_000)), 1009],
    ['binary', frame(2, '[]'), 1003],
    ['no JSON', frame(1, '{'), 4400],
    ['nested 100,000 deep', frame(1, `[${'['.repeat(100_000)}${']'.repeat(100_000)}]`), 4400],
    ['10,000 messages', frame(1, JSON.stringify(Array(10_000).fill({ channel: '/x' }))), 4413],
    ['a flood of pings', Buffer.concat(Array(60).fill(frame(9))), 4429],
  ])('Y9: %s: %i', async (_what, bytes, code) => {
    const socket = await raw()
    socket.write(bytes)
    expect(await socket.code()).toBe(code)
    expect(socket.afterClose).toBe(0)
  })

  it('Y9: a million empty fragments: 1008', async () => {
    const socket = await raw()
    socket.write(
      frame(1, '', { fin: false }),
      Buffer.concat(Array(1_000_000).fill(frame(0, '', { fin: false }))),
    )
    expect(await socket.code()).toBe(1008)
  }, 20_000)
})

describe('Y11: memory', () => {
  const large = 'x'.repeat(10_000)
  const flood = async (channel: string, messages: number): Promise<void> => {
    for (let i = 0; i < messages; i += 50) {
      await ask(Array.from({ length: 50 }, (_, k) => ({ channel, data: `${i + k}${large}` })))
    }
  }

  it('Y11: a client that fetches nothing is forgotten at its bound', async () => {
    await givesBackMemory(async () => {
      const clientId = await subscribed('/demo/never')
      await flood('/demo/never', 100)
      const { replies } = await ask({ channel: '/meta/connect', clientId, connectionType: 'long-polling' })
      expect(replies[0]?.error).toMatch(/^402:/)
    })
  })

  it('Y11: one that never acknowledges too', async () => {
    await givesBackMemory(async () => {
      const clientId = await subscribed('/demo/ack', { ext: { ack: true } })
      const connect = {
        channel: '/meta/connect',
        clientId,
        connectionType: 'long-polling',
        advice: { timeout: 0 },
      }
      let last: Reply | undefined
      for (let i = 0; i < 30 && last?.error === undefined; i++) {
        await flood('/demo/ack', 50)
        last = (await ask(connect)).replies.at(-1)
      }
      expect(last?.error).toMatch(/^402:/)
    })
  }, 20_000)

  it.each(['websocket', 'eventsource', 'long-polling'])(
    'Y11: one that reads nothing of its %s holds no more than its queue and its socket',
    async (carrier) => {
      await givesBackMemory(async () => {
        const clientId = await subscribed('/demo/slow')
        const socket = carrier === 'websocket' ? await raw() : scene.bytes()
        const connect = JSON.stringify({ channel: '/meta/connect', clientId, connectionType: carrier })
        if (carrier === 'websocket') socket.say(connect)
        else if (carrier === 'eventsource') {
          socket.write(`GET /bayeux/${clientId} HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n`)
          await socket.head()
        } else {
          const head = `POST /bayeux HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${connect.length}\r\n\r\n`
          socket.write((head + connect).repeat(20))
        }
        socket.stopReading()
        let most = 0
        for (let i = 0; i < 60; i++) {
          await flood('/demo/slow', 50)
          most = Math.max(most, scene.waitingBytes())
        }
        expect(most).toBeLessThan(3_000_000)
        socket.end()
      })
    },
    60_000,
  )

  it('Y11: one that asks and reads no answers is not read any further', async () => {
    await givesBackMemory(async () => {
      const clientId = await shake()
      const socket = await raw()
      const subscription = Array.from({ length: 900 }, (_, i) => `/meta/${i}${'x'.repeat(300)}`)
      const request = frame(1, JSON.stringify({ channel: '/meta/subscribe', clientId, subscription }))
      socket.stopReading()
      const before = subscribes
      for (let i = 0; i < 150; i++) socket.write(request)
      await eventually(() => expect(scene.waitingBytes()).toBeGreaterThan(200_000))
      // Time enough to have answered all of them, if they were read.
      for (let i = 0; i < 300; i++) await ask({ channel: '/demo/time', data: i })
      expect(subscribes - before).toBeLessThan(120)
      expect(scene.waitingBytes()).toBeLessThan(8_000_000)
      socket.goOnReading()
      await eventually(() => expect(socket.messages).toHaveLength(150), { timeoutMs: 30_000 })
      socket.messages.length = 0
      socket.end()
    })
  }, 60_000)

  it('Y11: what is remembered of requests is little, however long they are', async () => {
    await givesBackMemory(async () => {
      const clientId = await shake()
      for (let id = 0; id < 40; id++) {
        const subscription = Array.from({ length: 900 }, (_, i) => `/demo/${id}/${i}/${'x'.repeat(290)}`)
        await ask({ channel: '/meta/unsubscribe', clientId, subscription, id })
      }
    })
  }, 20_000)

  it('Y11: ten thousand guessed ids: none is anybody, and guessing ends', async () => {
    const guess = (): object[] =>
      Array.from({ length: 1_000 }, () => ({
        channel: '/meta/connect',
        clientId: Buffer.from(crypto.getRandomValues(new Uint8Array(24))).toString('base64url'),
        connectionType: 'long-polling',
        advice: { timeout: 0 },
      }))
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(guess())))
    expect(answers.flatMap(({ replies }) => replies).some(({ successful }) => successful === true)).toBe(
      false,
    )
    expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(9)
    const stream = await fetch(`${url}/guess`, { headers: { accept: 'text/event-stream' } })
    expect(stream.status).toBe(429)
    const socket = await raw()
    socket.say({ channel: '/meta/connect', clientId: 'guess', connectionType: 'websocket' })
    expect(await socket.code()).toBe(4429)
  })

  it('Y11: thousands that shake hands and vanish are forgotten, and leave nothing', async () => {
    const before = connections()
    await givesBackMemory(async () => {
      const { token } = scene.server.issueSession({ id: 'alice' })
      const socket = new WebSocket(url.replace('http', 'ws'))
      await new Promise((resolve) => socket.on('open', resolve))
      let shaken = 0
      socket.on('message', () => shaken++)
      const text = JSON.stringify({ ...handshake, ext: { lockstep: { token } } })
      for (let i = 0; i < 3_000; i++) {
        socket.send(text)
        if (i % 500 === 499) await eventually(() => expect(shaken).toBe(i + 1))
      }
      expect(connections()).toBeGreaterThanOrEqual(before + 1)
      socket.terminate()
      // Those that tests before left behind are forgotten meanwhile too.
      await eventually(() => expect(connections()).toBeLessThanOrEqual(before), { timeoutMs: 20_000 })
    })
  }, 40_000)
})

describe('Y11: the bound on clients', () => {
  it('Y11: whoever shook hands and did not connect makes room for others; who has connected stays', async () => {
    const full = await startScene({ bayeux: { limits: { clientsMax: 2, connectMs: 100 } } })
    try {
      const at = `http://127.0.0.1:${full.port}/bayeux`
      const post = async (message: object): Promise<Reply> => {
        const init = {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(message),
        }
        const [reply] = await (await fetch(at, init)).json()
        return reply
      }
      const connect = { channel: '/meta/connect', connectionType: 'long-polling', advice: { timeout: 0 } }
      const { clientId: kept } = await post(handshake)
      expect(await post({ ...connect, clientId: kept })).toMatchObject({ successful: true })
      const { clientId: vanished } = await post(handshake)
      expect((await post(handshake)).error).toMatch(/^503:/)
      await eventually(async () => expect((await post(handshake)).successful).toBe(true))
      expect(await post({ ...connect, clientId: kept })).toMatchObject({ successful: true })
      expect((await post({ ...connect, clientId: vanished })).error).toMatch(/^402:/)
    } finally {
      await full.close()
    }
  })
})
