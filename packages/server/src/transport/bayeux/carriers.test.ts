import { connect } from 'node:net'
import { eventually } from '@lockstep/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type Reply, type Scene, startScene } from './scene.setup.ts'

let scene: Scene
let closed: Scene

beforeAll(async () => {
  const open = { '/chat/**': { subscribe: true, publish: true } }
  scene = await startScene({
    jsonp: true,
    open,
    limits: { bodyMs: 200, unknownBurst: 200, unknownPerSecond: 0.001 },
  })
  closed = await startScene({ limits: { clientsMax: 2, queueMessagesMax: 4 } })
})
afterAll(() => Promise.all([scene.close(), closed.close()]))

const handshake = {
  channel: '/meta/handshake',
  version: '1.0',
  supportedConnectionTypes: ['long-polling'],
  id: '1',
}
const jsonp = (
  message: unknown,
  more: Record<string, string> = {},
  init: RequestInit = {},
): Promise<Response> =>
  fetch(`${scene.url}?${new URLSearchParams({ message: JSON.stringify(message), ...more })}`, init)

describe('Y9: callback-polling', () => {
  it('Y9: answers with a call of the callback, and in a way that is harmless as a page', async () => {
    const response = await jsonp([handshake], { jsonp: 'app.cb' })
    expect(await response.text()).toMatch(/^\/\*\*\/app\.cb\(\[\{.*"successful":true.*\}\]\);$/)
    expect(response.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    expect(response.headers.get('content-disposition')).toBe('attachment; filename=f.txt')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(await (await jsonp([handshake])).text()).toMatch(/^\/\*\*\/jsonpcallback\(/)
  })

  it('Y9: escapes the line ends that JSON allows and scripts did not', async () => {
    const clientId = await scene.shake()
    const publish = { channel: '/chat/\u2028', clientId, data: 1, id: 'a\u2028b\u2029' }
    expect(await (await jsonp([publish])).text()).toContain('"id":"a\\u2028b\\u2029"')
  })

  it.each(['alert(1)', '', 'a b', '1a', 'x'.repeat(65)])('Y9: %j is no callback', async (name) => {
    expect((await jsonp([handshake], { jsonp: name })).status).toBe(400)
  })

  it('Y9: never signs in by a cookie', async () => {
    const response = await jsonp([handshake], {}, { headers: { cookie: 'user=alice' } })
    expect(await response.text()).not.toContain('lockstep')
  })

  it('Y9: is off unless asked for', async () => {
    const query = new URLSearchParams({ message: JSON.stringify([handshake]) })
    expect((await fetch(`${closed.url}?${query}`)).status).toBe(404)
  })
})

describe('Y9: EventSource', () => {
  it('Y9: streams what happens, while requests go by POST', async () => {
    const clientId = await scene.shake()
    const abort = new AbortController()
    const response = await fetch(`${scene.url}/${clientId}`, {
      // As a browser asks its own host: with its cookies, and without an origin.
      headers: { accept: 'text/event-stream', cookie: 'user=alice' },
      signal: abort.signal,
    })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    await scene.post({ channel: '/meta/subscribe', clientId, subscription: '/chat/es' })
    const connectionType = 'eventsource'
    void scene
      .post({ channel: '/meta/connect', clientId, connectionType, advice: { timeout: 500 } })
      .catch(() => {})
    await scene.post({ channel: '/chat/es', clientId, data: 'two\n\nlines\rdata: x' })
    let text = ''
    while (!text.includes('\n\n', 3)) text += (await reader?.read())?.value ?? ''
    expect(text).toBe(`:\n\ndata: [{"channel":"/chat/es","data":"two\\n\\nlines\\rdata: x"}]\n\n`)
    abort.abort()
  })

  it('Y9: has no stream for an unknown client', async () => {
    const response = await fetch(`${scene.url}/nobody`, { headers: { accept: 'text/event-stream' } })
    expect(response.status).toBe(404)
  })
})

describe('Y9: cross-origin-long-polling', () => {
  it('Y9: answers pages of listed origins, and tells their browsers so', async () => {
    const headers = { origin: 'https://app.example.com', 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await scene.post(`message=${encodeURIComponent(JSON.stringify(handshake))}`, { headers })
    expect(answer.replies[0]?.successful).toBe(true)
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example.com')
    expect(answer.headers.get('access-control-allow-credentials')).toBe('true')
  })

  it('Y9: refuses others, preflight and all', async () => {
    const headers = { origin: 'https://evil.example' }
    expect((await scene.post(handshake, { headers })).status).toBe(403)
    expect((await fetch(scene.url, { method: 'OPTIONS', headers })).status).toBe(403)
    const listed = await fetch(scene.url, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example.com' },
    })
    expect([listed.status, listed.headers.get('access-control-allow-methods')]).toEqual([204, 'GET, POST'])
  })
})

describe('Y9: WebSocket', () => {
  function socket(headers: Record<string, string> = {}): {
    ws: WebSocket
    got: Reply[]
    code: () => number | undefined
  } {
    const ws = new WebSocket(scene.url.replace('http', 'ws'), { headers })
    const got: Reply[] = []
    let code: number | undefined
    ws.on('message', (data) => got.push(...(JSON.parse(data.toString()) as Reply[]))) // the server's replies
    ws.on('close', (given) => {
      code = given
    })
    ws.on('error', () => {
      code ??= 0
    })
    return { ws, got, code: () => code }
  }

  it('Y9: carries a client from handshake to message, also one that publishes before it connects', async () => {
    const { ws, got } = socket()
    await eventually(() => expect(ws.readyState).toBe(WebSocket.OPEN))
    ws.send(JSON.stringify([handshake]))
    await eventually(() => expect(got).toHaveLength(1))
    const clientId = got[0]?.clientId
    ws.send(JSON.stringify({ channel: '/meta/subscribe', clientId, subscription: '/chat/ws', id: '2' }))
    ws.send(JSON.stringify([{ channel: '/chat/ws', clientId, data: 'hi', id: '3' }]))
    await eventually(() => expect(got).toHaveLength(4))
    expect(got.slice(1).some(({ data }) => String(data) === 'hi')).toBe(true)
    ws.close()
  })

  it('Y9: goes on with a client that shook hands by POST', async () => {
    const clientId = await scene.shake()
    const { ws, got } = socket()
    await eventually(() => expect(ws.readyState).toBe(WebSocket.OPEN))
    ws.send(JSON.stringify([{ channel: '/meta/subscribe', clientId, subscription: '/sync/todos' }]))
    await eventually(() => expect(got).toHaveLength(1))
    await scene.sql`INSERT INTO todos VALUES (1, 'x')`
    await eventually(() => expect(got).toHaveLength(2))
    ws.close()
  })

  it.each([
    ['no JSON', '{', 4400],
    ['10,000 messages', JSON.stringify(Array(10_000).fill(handshake)), 4413],
    ['more than a megabyte', 'x'.repeat(1_100_000), 1009],
  ])('Y9: %s ends the connection', async (_what, text, expected) => {
    const { ws, code } = socket()
    await eventually(() => expect(ws.readyState).toBe(WebSocket.OPEN))
    ws.send(text)
    await eventually(() => expect(code()).toBe(expected))
  })

  it('Y11: a socket on which no client comes is closed', async () => {
    const { code } = socket()
    await eventually(() => expect(code()).toBe(4408))
  })

  it('Y11: a socket on which nothing is said is closed long before the next look at it', async () => {
    const strict = await startScene({ limits: { helloMs: 300, bodyMs: 60_000 } })
    try {
      const open = (): WebSocket => new WebSocket(strict.url.replace('http', 'ws'))
      const [silent, other] = [open(), open()]
      const codes = new Map<WebSocket, number>()
      for (const ws of [silent, other]) ws.on('close', (code) => codes.set(ws, code))
      await eventually(() => expect(other.readyState).toBe(WebSocket.OPEN))
      other.send('[]')
      await eventually(() => expect(codes.get(silent)).toBe(4408))
      expect(codes.has(other)).toBe(false)
      other.terminate()
    } finally {
      await strict.close()
    }
  })

  it('Y9: refuses a page of another origin', async () => {
    const { code } = socket({ origin: 'https://evil.example' })
    await eventually(() => expect(code()).toBeDefined())
  })
})

describe('Y10: the client', () => {
  it("Y10: Faye's own is served, with its source map, and kept by browsers", async () => {
    const response = await fetch(`${scene.url}/client.js`)
    const text = await response.text()
    expect(response.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    expect(response.headers.get('cache-control')).toBe('public, max-age=3600')
    const map = /sourceMappingURL=(\S+)$/.exec(text)?.[1]
    expect(await (await fetch(`${scene.url}/${map}`)).json()).toHaveProperty('mappings')
    const etag = response.headers.get('etag') ?? ''
    expect((await fetch(`${scene.url}/client.js`, { headers: { 'if-none-match': etag } })).status).toBe(304)
  })
})

describe('Y11: bounds', () => {
  it('Y11: a body that stalls is 408', async () => {
    const socket = connect(scene.port, '127.0.0.1')
    let text = ''
    socket.on('data', (data) => {
      text += data.toString()
    })
    socket.on('error', () => {})
    socket.write(
      'POST /bayeux HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n[',
    )
    await eventually(() => expect(text).toMatch(/^HTTP\/1.1 408 /))
    socket.destroy()
  })

  it('Y11: more clients than the bound are told to come later', async () => {
    await closed.shake()
    await closed.shake()
    const { replies } = await closed.post(handshake)
    expect(replies[0]).toMatchObject({
      successful: false,
      advice: { reconnect: 'handshake', interval: 5_000 },
    })
    expect(replies[0]?.error).toMatch(/^503:/)
  })

  it('Y11: whoever guesses client ids finds none and is stopped', async () => {
    const guess = (i: number): object => ({
      channel: '/meta/connect',
      clientId: `guess${i}`,
      connectionType: 'long-polling',
    })
    const batch = Array.from({ length: 100 }, (_, i) => guess(i))
    const answers = [await scene.post(batch), await scene.post(batch), await scene.post(batch)]
    expect(answers.flatMap(({ replies }) => replies).some(({ successful }) => successful)).toBe(false)
    expect(answers.at(-1)?.status).toBe(429)
  })
})

describe('Y6: a client that comes back', () => {
  it('Y6: is forgotten when it was away too long, and goes on by position all the same', async () => {
    const away = await startScene({ limits: { awayMs: 100 } })
    try {
      const clientId = await away.shake()
      const { replies } = await away.post({
        channel: '/meta/subscribe',
        clientId,
        subscription: '/sync/todos',
      })
      expect(replies[0]?.successful).toBe(true)
      const position = await away.server().barrier()
      for (let i = 0; i < 3; i++) await away.sql`INSERT INTO todos VALUES (${i}, 'x')`
      await away.settled()
      const connect = { channel: '/meta/connect', connectionType: 'long-polling', advice: { timeout: 0 } }
      await eventually(() => expect(away.server().status().connections).toBe(0))
      const [gone] = (await away.post({ ...connect, clientId })).replies
      expect(gone).toMatchObject({ error: '402::Unknown client', advice: { reconnect: 'handshake' } })
      const again = await away.shake()
      const ext = { lockstep: { positions: { '/sync/todos': position } } }
      await away.post({ channel: '/meta/subscribe', clientId: again, subscription: ['/sync/todos'], ext })
      const told = (await away.post({ ...connect, clientId: again })).replies
      expect(told.flatMap(({ data }) => Object.keys(data?.create ?? {}))).toEqual(['0', '1', '2'])
    } finally {
      await away.close()
    }
  })

  it('Y6: says once, in its handshake, where it stands: its subscriptions go on from there', async () => {
    const scene = await startScene()
    try {
      const position = await scene.server().barrier()
      for (let i = 0; i < 3; i++) await scene.sql`INSERT INTO todos VALUES (${i}, 'x')`
      await scene.settled()
      const later = await scene.server().barrier()
      await scene.sql`INSERT INTO todos VALUES (3, 'x')`
      await scene.settled()
      const toldTo = async (clientId: string): Promise<string[]> => {
        const connect = { channel: '/meta/connect', connectionType: 'long-polling', advice: { timeout: 0 } }
        const { replies } = await scene.post({ ...connect, clientId })
        return replies.flatMap(({ data }) => Object.keys(data?.create ?? {}))
      }
      const subscribe = { channel: '/meta/subscribe', subscription: '/sync/todos' }
      const ext = { lockstep: { token: scene.token(), position } }
      const clientId = await scene.shake('alice', { ext })
      await scene.post({ ...subscribe, clientId })
      expect(await toldTo(clientId)).toEqual(['0', '1', '2', '3'])
      // What it has already is not told again, and what a subscription says itself goes first.
      await scene.post({ ...subscribe, clientId, id: 'again' })
      expect(await toldTo(clientId)).toEqual([])
      const other = await scene.shake('alice', { ext })
      await scene.post({ ...subscribe, clientId: other, ext: { lockstep: { position: later } } })
      expect(await toldTo(other)).toEqual(['3'])
    } finally {
      await scene.close()
    }
  })

  it('Y6: is told when the log no longer reaches back to its position', async () => {
    const short = await startScene({}, { logBytesMax: 1_000 })
    try {
      const position = await short.server().barrier()
      for (let i = 0; i < 30; i++) await short.sql`INSERT INTO todos VALUES (${i}, ${'x'.repeat(100)})`
      await short.settled()
      const clientId = await short.shake()
      const ext = { lockstep: { position } }
      await short.post({ channel: '/meta/subscribe', clientId, subscription: '/sync/todos', ext })
      const connect = { channel: '/meta/connect', clientId, connectionType: 'long-polling' }
      const [told] = (await short.post(connect)).replies
      expect(told).toMatchObject({
        channel: '/sync/todos',
        data: {},
        ext: { lockstep: { reset: 'trimmed' } },
      })
      await short.sql`INSERT INTO todos VALUES (100, 'after')`
      const [next] = (await short.post({ ...connect, id: '2' })).replies
      expect(next?.data.create).toEqual({ 100: { id: 100, title: 'after' } })
    } finally {
      await short.close()
    }
  })
})

describe('Y11: a slow client', () => {
  it('Y11: is held back to its queue, and gets the rest from the log', async () => {
    const slow = await startScene({ limits: { queueMessagesMax: 4 } })
    try {
      const clientId = await slow.shake()
      await slow.post({ channel: '/meta/subscribe', clientId, subscription: '/sync/todos' })
      for (let i = 0; i < 30; i++) await slow.sql`INSERT INTO todos VALUES (${i}, 'x')`
      await slow.settled()
      const got: string[] = []
      const connect = {
        channel: '/meta/connect',
        clientId,
        connectionType: 'long-polling',
        advice: { timeout: 0 },
      }
      let most = 0
      await eventually(async () => {
        const data = (await slow.post(connect)).replies.filter(({ channel }) => channel === '/sync/todos')
        most = Math.max(most, data.length)
        got.push(...data.flatMap((message) => Object.keys(message.data.create ?? {})))
        expect(got).toHaveLength(30)
      })
      expect(got).toEqual(Array.from({ length: 30 }, (_, i) => String(i)))
    } finally {
      await slow.close()
    }
  })
})
