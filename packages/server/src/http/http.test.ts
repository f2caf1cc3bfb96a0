import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { LockstepError } from '@lockstep/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Logger } from '../runtime/logger.ts'
import { nodeRuntime } from '../runtime/node.ts'
import { createHttp, type HttpParts } from './http.ts'
import { answerNode } from './node.ts'

const logged: string[] = []
const log = (message: string): void => void logged.push(message)
const logger: Logger = { debug: log, info: log, warn: log, error: log }
let etag = 'v1'

const parts: HttpParts = {
  path: '/lockstep',
  authenticate: (request) => {
    const id = /user=(\w+)/.exec(request.headers.get('cookie') ?? '')?.[1]
    return id === undefined ? null : { id }
  },
  snapshot: async (channel, user) => {
    if (channel === 'broken/1') throw new Error('row data of somebody')
    if (channel === 'down/1') throw new LockstepError('unavailable')
    if (channel === 'secret/1') throw new LockstepError('forbidden', 'project/1 is not yours')
    if (channel !== 'project/1' || user.id !== 'alice') throw new LockstepError('no_channel')
    return { json: '{"type":"snapshot"}', etag }
  },
  issueSession: (user, channels) => ({ id: `${user.id}-1`, token: JSON.stringify(channels ?? 'all') }),
  locks: () => Promise.resolve(new Response(null, { status: 204 })),
  health: () => ({ status: 'ok', connected: true }),
  origins: ['https://pages.example.com'],
  limits: { requestMs: 50 },
  runtime: nodeRuntime,
  logger,
}
const http = createHttp(parts)
const alice = { cookie: 'user=alice', origin: 'http://localhost' }

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const response = await http.handle(new Request(`http://localhost${path}`, { headers: alice, ...init }))
  if (response === undefined) throw new Error('not ours')
  return response
}

async function codeOf(response: Response): Promise<string> {
  const body = JSON.parse(await response.text())
  expect(Object.keys(body)).toEqual(['error'])
  expect(Object.keys(body.error)).toEqual(['code', 'message', 'retryable'])
  return `${response.status} ${body.error.code}`
}

describe('addresses', () => {
  it('leaves addresses that are not its own to others', async () => {
    for (const path of [
      '/',
      '/lockstepp',
      '/other/lockstep',
      '/lockstep/../other',
      '/lockstep/%2e%2e/other',
    ]) {
      expect(await http.handle(new Request(`http://localhost${path}`))).toBeUndefined()
    }
  })

  it('answers addresses under its path that do not exist with 404', async () => {
    for (const path of [
      '/lockstep/',
      '/lockstep/..%2f',
      '/lockstep/nothing',
      '/lockstep/__proto__',
      '/lockstep/snapshot',
    ]) {
      const response = await ask(path)
      expect([path, response.status]).toEqual([path, path === '/lockstep/' ? 426 : 404])
    }
  })

  it('H1: asks for a WebSocket at its path, and refuses other methods', async () => {
    const plain = await ask('/lockstep')
    expect(plain.headers.get('upgrade')).toBe('websocket')
    expect(await codeOf(plain)).toBe('426 upgrade_required')
    const posted = await ask('/lockstep', { method: 'POST' })
    expect(posted.headers.get('allow')).toBe('GET')
    expect(await codeOf(posted)).toBe('405 method_not_allowed')
  })

  it.each([
    ['/lockstep/snapshot/project/1', 'PUT', 'GET, HEAD'],
    ['/lockstep/session', 'GET', 'POST'],
    ['/lockstep/session', 'OPTIONS', 'POST'],
    ['/lockstep/health', 'DELETE', 'GET, HEAD'],
  ])('tells which methods %s has when asked with %s', async (path, method, allow) => {
    const response = await ask(path, { method })
    expect(response.headers.get('allow')).toBe(allow)
    expect(await codeOf(response)).toBe('405 method_not_allowed')
  })

  it('H5: lives whatever happens, and is ready while the stream flows and it does not close', async () => {
    let [connected, draining] = [true, false]
    const probed = createHttp({
      ...parts,
      health: () => ({ status: 'ok', connected }),
      draining: () => draining,
    })
    const answers = async (): Promise<unknown[]> => {
      const responses = await Promise.all(
        ['live', 'ready'].map((name) => probed.handle(new Request(`http://localhost/lockstep/${name}`))),
      )
      return Promise.all(responses.flatMap((response) => [response?.status, response?.json()]))
    }
    expect(await answers()).toEqual([200, { status: 'live' }, 200, { status: 'ready' }])
    connected = false
    expect(await answers()).toEqual([200, { status: 'live' }, 503, { status: 'disconnected' }])
    draining = true
    expect(await answers()).toEqual([200, { status: 'live' }, 503, { status: 'draining' }])
    expect(
      (await probed.handle(new Request('http://localhost/lockstep/live', { method: 'POST' })))?.status,
    ).toBe(405)
  })

  it('H4: tells its health', async () => {
    expect(await (await ask('/lockstep/health')).json()).toEqual({ status: 'ok', connected: true })
    const starting = createHttp({ ...parts, health: () => ({ status: 'starting', connected: false }) })
    const response = await starting.handle(new Request('http://localhost/lockstep/health'))
    expect([response?.status, await response?.json()]).toEqual([
      503,
      { status: 'starting', connected: false },
    ])
  })
})

describe('a snapshot', () => {
  it('H2: comes with an ETag and is kept by nobody but its reader', async () => {
    const response = await ask('/lockstep/snapshot/project/1')
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('{"type":"snapshot"}')
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'private, no-cache',
      'content-length': '19',
      vary: 'cookie, authorization, origin',
      etag: '"v1"',
      'x-content-type-options': 'nosniff',
    })
  })

  it('H2: is not sent again when it has not changed', async () => {
    etag = 'v2'
    const status = async (header: string) =>
      (await ask('/lockstep/snapshot/project/1', { headers: { ...alice, 'if-none-match': header } })).status
    for (const header of ['"v2"', 'W/"v2"', '"v1", "v2"', '"a,b",W/"v2"', '*'])
      expect(await status(header)).toBe(304)
    for (const header of ['"v1"', 'v2', '"v2', '"*"', '']) expect(await status(header)).toBe(200)
    const unchanged = await ask('/lockstep/snapshot/project/1', {
      headers: { ...alice, 'if-none-match': '"v2"' },
    })
    expect(await unchanged.text()).toBe('')
    expect(unchanged.headers.get('etag')).toBe('"v2"')
    expect(unchanged.headers.get('cache-control')).toBe('private, no-cache')
  })

  it('answers HEAD as GET, without the body', async () => {
    const response = await ask('/lockstep/snapshot/project/1', { method: 'HEAD' })
    expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([
      200,
      '19',
      '',
    ])
  })

  it('G9: is for users only', async () => {
    expect(await codeOf(await ask('/lockstep/snapshot/project/1', { headers: {} }))).toBe('401 unauthorized')
    expect(await codeOf(await ask('/lockstep/snapshot/__proto__', { headers: {} }))).toBe('401 unauthorized')
  })

  it('G9, H2: of a forbidden channel answers to the letter as one of a channel that does not exist', async () => {
    const answers = await Promise.all(
      ['project/2', 'secret/1', 'nothing', '__proto__', '..%2f', 'a%zz', '%00', 'x'.repeat(1_000), ''].map(
        async (channel) => {
          const response = await ask(`/lockstep/snapshot/${channel}`)
          return JSON.stringify([response.status, [...response.headers], await response.text()])
        },
      ),
    )
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toContain('no_channel')
    expect(
      await codeOf(await ask('/lockstep/snapshot/project/1', { headers: { cookie: 'user=mallory' } })),
    ).toBe('404 no_channel')
  })

  it('passes on that the database is down, and hides what else goes wrong', async () => {
    const down = await ask('/lockstep/snapshot/down/1')
    expect(down.headers.get('retry-after')).toBe('1')
    expect(await codeOf(down)).toBe('503 unavailable')
    logged.length = 0
    const broken = await ask('/lockstep/snapshot/broken/1')
    const text = await broken.clone().text()
    expect(await codeOf(broken)).toBe('500 internal')
    expect(text).not.toContain('somebody')
    expect(logged).toHaveLength(1)
    expect(logged[0]).toContain('GET /lockstep/snapshot/broken/1')
    expect(logged[0]).not.toContain('somebody')
  })
})

describe('a session', () => {
  const json = { ...alice, 'content-type': 'application/json' }
  const post = (headers: Record<string, string>, body: BodyInit | null = '{}') =>
    ask('/lockstep/session', { method: 'POST', headers, body })

  it('H3: is issued to a user who asks with JSON', async () => {
    const response = await post(json, '{"channels":["project/1"]}')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await response.json()).toEqual({ id: 'alice-1', token: '["project/1"]' })
    expect(
      await (await post({ ...json, 'content-type': 'application/json; charset=utf-8' }, null)).json(),
    ).toEqual({
      id: 'alice-1',
      token: '"all"',
    })
  })

  it('G9, S4: is refused to foreign pages', async () => {
    for (const origin of ['https://evil.com', 'http://localhost.evil.com', 'http://localhost:81', 'null']) {
      expect(await codeOf(await post({ ...json, origin }))).toBe('403 bad_origin')
    }
    expect(await codeOf(await post({ cookie: 'user=alice', 'content-type': 'application/json' }))).toBe(
      '403 bad_origin',
    )
    expect(await codeOf(await post({ 'content-type': 'application/json' }))).toBe('401 unauthorized')
  })

  it('G9: is refused to other content types, which a foreign form could send', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/jsonx',
      '',
    ]) {
      expect(await codeOf(await post({ ...json, 'content-type': type }))).toBe('415 unsupported_media')
    }
  })

  it('is for listed origins of other hosts too, with what their browsers ask for', async () => {
    const origin = 'https://pages.example.com'
    const response = await post({ ...json, origin })
    expect(response.status).toBe(200)
    expect(response.headers.get('access-control-allow-origin')).toBe(origin)
    const preflight = (from: string) =>
      ask('/lockstep/session', {
        method: 'OPTIONS',
        headers: { origin: from, 'access-control-request-method': 'POST' },
      })
    expect((await preflight(origin)).status).toBe(204)
    expect((await preflight(origin)).headers.get('access-control-allow-credentials')).toBe('true')
    const foreign = await preflight('https://evil.com')
    expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([405, null])
  })

  it('is refused for a body that is none of what it should be', async () => {
    for (const body of ['{', 'null', '[]', '1', '"x"', '{"channels":1}', '{"channels":{"0":"a"}}']) {
      expect([body, await codeOf(await post(json, body))]).toEqual([body, '400 bad_request'])
    }
    for (const channel of ['', 'a b', '\ud800', '\0', 'x'.repeat(10_000), 1, null]) {
      expect(await codeOf(await post(json, JSON.stringify({ channels: [channel] })))).toBe('400 bad_channel')
    }
    expect(await codeOf(await post(json, JSON.stringify({ channels: Array(1_001).fill('a') })))).toBe(
      '413 too_many',
    )
    expect(await codeOf(await post(json, 'x'.repeat(65_537)))).toBe('413 too_large')
    expect(await codeOf(await post(json, '['.repeat(60_000)))).toBe('400 bad_request')
  })

  it('takes __proto__ for a field like any other', async () => {
    expect(await (await post(json, '{"__proto__":{"channels":["a"]}}')).json()).toEqual({
      id: 'alice-1',
      token: '"all"',
    })
    expect(await (await post(json, '{"channels":["__proto__"]}')).json()).toEqual({
      id: 'alice-1',
      token: '["__proto__"]',
    })
    expect(Object.prototype).toEqual({})
  })
})

describe('on a Node server', () => {
  let server: Server
  let port: number

  beforeAll(async () => {
    server = createServer(async (incoming, outgoing) => {
      if (await answerNode(incoming, outgoing, (request) => http.handle(request), logger)) return
      const chunks: Buffer[] = []
      for await (const chunk of incoming) chunks.push(chunk)
      outgoing.end(`not ours: ${Buffer.concat(chunks)}`)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    // A server on a port has an address of this kind.
    port = (server.address() as AddressInfo).port
  })

  afterAll(() => new Promise((resolve) => server.close(resolve)))

  /** Sends bytes as they are and gives everything that comes back until the server closes. */
  function raw(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(text))
      let answer = ''
      socket.on('data', (data) => {
        answer += data
      })
      socket.on('close', () => resolve(answer))
      socket.on('error', reject)
    })
  }

  it('answers under its path, and leaves other requests and their bodies alone', async () => {
    const url = `http://127.0.0.1:${port}`
    const own = await fetch(`${url}/lockstep/snapshot/project/1`, { headers: { cookie: 'user=alice' } })
    expect([own.status, await own.text()]).toEqual([200, '{"type":"snapshot"}'])
    const foreign = await fetch(`${url}/items`, { method: 'POST', body: 'x'.repeat(200_000) })
    expect(await foreign.text()).toBe(`not ours: ${'x'.repeat(200_000)}`)
    const session = await fetch(`${url}/lockstep/session`, {
      method: 'POST',
      headers: { cookie: 'user=alice', origin: url, 'content-type': 'application/json' },
      body: '{"channels":["project/1"]}',
    })
    expect(await session.json()).toEqual({ id: 'alice-1', token: '["project/1"]' })
  })

  it('answers HEAD and 304 without a body', async () => {
    const url = `http://127.0.0.1:${port}/lockstep/snapshot/project/1`
    const head = await fetch(url, { method: 'HEAD', headers: { cookie: 'user=alice' } })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '19'])
    const unchanged = await fetch(url, { headers: { cookie: 'user=alice', 'if-none-match': '*' } })
    expect(unchanged.status).toBe(304)
  })

  it('refuses a body over its bound with an answer, and ends the connection', async () => {
    const head = `POST /lockstep/session HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nCookie: user=alice\r\nOrigin: http://127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: 50000000\r\n\r\n`
    const answer = await raw(head + 'x'.repeat(1_000_000))
    expect(answer).toMatch(/^HTTP\/1.1 413 [\s\S]*connection: close[\s\S]*too_large/i)
  })

  it('refuses a body that stalls with 408', async () => {
    const answer = await raw(
      `POST /lockstep/session HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nCookie: user=alice\r\nOrigin: http://127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{`,
    )
    expect(answer).toMatch(/^HTTP\/1.1 408 [\s\S]*timeout/)
  })

  it('refuses hosts and addresses that cannot be read', async () => {
    const close = 'Connection: close\r\n\r\n'
    expect(await raw(`GET /lockstep HTTP/1.1\r\nHost: a/b@c\r\n${close}`)).toMatch(
      /^HTTP\/1.1 400 [\s\S]*bad_request/,
    )
    expect(await raw(`GET http://evil.com/lockstep HTTP/1.1\r\nHost: a\r\n${close}`)).toMatch(
      /^HTTP\/1.1 400/,
    )
    expect(await raw(`GET //evil.com/lockstep HTTP/1.1\r\nHost: a\r\n${close}`)).toMatch(
      /^HTTP\/1.1 200 [\s\S]*not ours/,
    )
    expect(await raw(`GET /lockstep/..%2f HTTP/1.1\r\nHost: a\r\n${close}`)).toMatch(/^HTTP\/1.1 404/)
  })

  it('lives on when the asker goes away in the middle', async () => {
    await new Promise<void>((resolve) => {
      const broken = httpRequest(
        {
          port,
          path: '/lockstep/session',
          method: 'POST',
          headers: {
            ...alice,
            'content-type': 'application/json',
            origin: `http://127.0.0.1:${port}`,
            'content-length': '10',
          },
        },
        (_: IncomingMessage) => {},
      )
      broken.on('error', () => resolve())
      broken.write('{', () => broken.destroy(new Error('gone')))
    })
    expect((await fetch(`http://127.0.0.1:${port}/lockstep/health`)).status).toBe(200)
  })
})
