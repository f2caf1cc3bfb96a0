import { type ServerMessage, subscriptionsMax } from '@lockstep/protocol'
import { eventually } from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Scene, startScene } from '../../bad-input.setup.ts'
import { PollClient, post, StreamClient } from './carrier-client.setup.ts'

let scene: Scene
const ended: { end(): void }[] = []
const json = { 'content-type': 'application/json' }

beforeAll(async () => {
  scene = await startScene({ limits: { heartbeatMs: 400, helloMs: 300, outboxBytesMax: 65_536 } })
})
afterAll(async () => {
  for (const client of ended) client.end()
  await scene.close()
})

/** Whatever comes over these carriers, whoever has a WebSocket notices nothing. */
afterEach(() => scene.neighbour.seesTheNextChange())

const hello = (user = 'alice'): object => ({
  type: 'hello',
  version: 1,
  token: scene.server.issueSession({ id: user }).token,
})
const subscribe = (channel = 'project/1', id = 1): object => ({ type: 'subscribe', id, channel })

function stream(...messages: object[]): StreamClient {
  const client = new StreamClient(scene.port, messages)
  ended.push(client)
  return client
}
function polls(...messages: object[]): PollClient {
  const client = new PollClient(scene.port, messages)
  ended.push(client)
  return client
}

const carriers = { 'an event stream': stream, 'long-polling': polls }

describe.each(Object.entries(carriers))('%s', (_name, open) => {
  test('C1, M1, M4, M5: carries the same messages in the same order as a WebSocket', async () => {
    const client = open(hello(), subscribe())
    await client.get('live')
    expect(client.inbox.map(({ type }) => type).slice(0, 3)).toEqual(['welcome', 'subscribed', 'snapshot'])
    client.inbox.splice(0)
    const title = `seen over ${_name}`
    await scene.sql`INSERT INTO items (id, title, project_id) VALUES (${ids++}, ${title}, 1)`
    const { changes } = await client.get('transaction')
    expect(Object.values(changes.items?.create ?? {})).toMatchObject([{ title }])
    await scene.neighbour.seesTheNextChange()
  })

  test('C1: takes further messages in requests of their own', async () => {
    const client = open(hello())
    await client.get('welcome')
    await client.say(subscribe(), { type: 'barrier', id: 9 })
    await client.get('live')
    expect(await client.get('barrier')).toMatchObject({ id: 9 })
  })

  test('R2, G3: goes on from a position that was reached over another carrier', async () => {
    const before = polls(hello(), subscribe())
    const { position } = await before.get('live')
    before.end()
    const id = ids++
    await scene.sql`INSERT INTO items (id, title, project_id) VALUES (${id}, 'meanwhile', 1)`
    const client = open(hello(), { ...subscribe(), position })
    const { changes } = await client.get('transaction')
    expect(Object.keys(changes.items?.create ?? {})).toEqual([String(id)])
    expect(client.inbox.map(({ type }) => type)).not.toContain('snapshot')
  })

  test('C1: says why it ends', async () => {
    const client = open({ type: 'hello', version: 1, token: 'x' })
    expect(await client.get('error')).toMatchObject({ error: { code: 'unauthorized' } })
    await eventually(() => expect(client.close).toEqual({ code: 4401, reason: 'unauthorized' }))
    const first = hello()
    const older = open(first)
    await older.get('welcome')
    const newer = stream(first)
    await newer.get('welcome')
    await eventually(() => expect(older.close).toEqual({ code: 4409, reason: 'replaced' }))
  })

  test('M1: ends a connection that never says hello', async () => {
    const client = open()
    await eventually(() => expect(client.close).toEqual({ code: 4408, reason: 'timeout' }))
  })

  test('M8: stays over many heartbeats, and ends when its peer gives no sign of life', async () => {
    const client = open(hello(), subscribe())
    await client.get('heartbeat', 4)
    expect(client.close).toBeUndefined()
    const { connections } = scene.server.status()
    client.silent = true
    await eventually(() => expect(scene.server.status().connections).toBe(connections - 1))
    expect((await post(scene.port, 'messages', { connection: client.id })).status).toBe(404)
  })
})

let ids = 1

describe.each(['an event stream', 'long-polling'] as const)('%s', (name) => {
  test('G12, C1: what a slow reader has not read waits in the log; a peer that hangs up is gone at once', async () => {
    const roomy = await startScene({ limits: { outboxBytesMax: 65_536 } })
    const said = [
      { type: 'hello', version: 1, token: roomy.server.issueSession({ id: 'alice' }).token },
      subscribe('project/7'),
    ]
    const client =
      name === 'long-polling' ? new PollClient(roomy.port, said) : new StreamClient(roomy.port, said)
    try {
      await client.get('live')
      client.pause()
      const big = 'x'.repeat(100_000)
      for (let id = 0; id < 120; id++) {
        await roomy.sql`INSERT INTO items (id, title, project_id) VALUES (${id}, ${big}, 7)`
      }
      await roomy.neighbour.seesTheNextChange()
      expect(roomy.waitingBytes()).toBeLessThan(1_000_000)
      expect(roomy.server.status().behind).toBe(1)
      client.resume()
      await eventually(() => expect(client.created.size).toBe(120), { timeoutMs: 20_000 })
      expect(client.doubles).toBe(0)
      // Long before a heartbeat finds out.
      expect(roomy.server.status().connections).toBe(2)
      if (client instanceof PollClient) await client.hangUp()
      else client.end()
      await eventually(() => expect(roomy.server.status().connections).toBe(1))
    } finally {
      client.end()
      await roomy.close()
    }
  }, 40_000)
})

test('C2: line ends inside of a JSON value split into lines of data and come together again', async () => {
  const { eventText } = await import('./event-text.ts')
  expect(eventText('{"a":\n\n1,\r\n"b":\r"data: x"}')).toBe(
    'data: {"a":\ndata: \ndata: 1,\ndata: "b":\ndata: "data: x"}\n\n',
  )
  const client = stream(hello(), subscribe())
  await client.get('live')
  client.inbox.splice(0)
  const title = 'one\n\ndata: two\rthree\r\nevent: close\n\n'
  await scene.sql`INSERT INTO items (id, title, project_id) VALUES (${ids++}, ${title}, 1)`
  const { changes } = await client.get('transaction')
  expect(Object.values(changes.items?.create ?? {})).toMatchObject([{ title }])
})

test('C3: of two polls the older is released with nothing, and the newer gets what comes', async () => {
  // A heartbeat would answer a poll too: there is none for as long as this takes.
  const quiet = await startScene({ limits: { heartbeatMs: 60_000 } })
  try {
    const said = [
      { type: 'hello', version: 1, token: quiet.server.issueSession({ id: 'alice' }).token },
      subscribe(),
    ]
    const opened = await post(quiet.port, 'poll', { messages: said })
    const { connection, messages } = await opened.json()
    const seen: ServerMessage[] = [...messages]
    const pollOnce = async (): Promise<ServerMessage[]> => {
      const reply = await post(quiet.port, 'poll', { connection })
      return (await reply.json()).messages
    }
    while (!seen.some(({ type }) => type === 'live')) seen.push(...(await pollOnce()))
    // They go over sockets of their own, so that either may be the older one.
    const both = [pollOnce(), pollOnce()]
    expect(await Promise.race(both)).toEqual([])
    await quiet.sql`INSERT INTO items (id, title, project_id) VALUES (1, 'for the newer', 1)`
    const got = (await Promise.all(both)).flat()
    while (!got.some(({ type }) => type === 'transaction')) got.push(...(await pollOnce()))
    expect(JSON.stringify(got)).toContain('for the newer')
  } finally {
    await quiet.close()
  }
})

describe('C4: bad requests', () => {
  const url = (address: string): string => `http://127.0.0.1:${scene.port}/lockstep/${address}`

  test.each(['events', 'messages', 'poll'])('to %s are refused, each with its error', async (address) => {
    const ask = async (init: RequestInit): Promise<unknown> => {
      const reply = await fetch(url(address), { method: 'POST', ...init })
      return [reply.status, (await reply.json()).error.code]
    }
    const cookie = { cookie: 'user=alice' }
    expect(await ask({ method: 'GET' })).toEqual([405, 'method_not_allowed'])
    const text = { 'content-type': 'text/plain' }
    expect(await ask({ headers: { ...text, ...cookie }, body: '{}' })).toEqual([403, 'bad_origin'])
    const home = { origin: `http://127.0.0.1:${scene.port}` }
    expect(await ask({ headers: { ...text, ...cookie, ...home }, body: '{}' })).toEqual([
      415,
      'unsupported_media',
    ])
    expect(await ask({ headers: { ...json, origin: 'https://evil.com' }, body: '{}' })).toEqual([
      403,
      'bad_origin',
    ])
    expect(await ask({ headers: json, body: '{' })).toEqual([400, 'bad_request'])
    expect(await ask({ headers: json, body: '[]' })).toEqual([400, 'bad_request'])
    expect(await ask({ headers: json, body: '{"messages":{}}' })).toEqual([400, 'bad_request'])
    expect(await ask({ headers: json, body: '{"connection":7}' })).toEqual([400, 'bad_request'])
    const deep = `{"messages":[${'['.repeat(100_000)}${']'.repeat(100_000)}]}`
    expect((await ask({ headers: json, body: deep })) as unknown[]).toContain(400)
    const many = JSON.stringify({ messages: Array.from({ length: 10_000 }, () => ({ type: 'hello' })) })
    expect(await ask({ headers: json, body: many })).toEqual([413, 'too_many'])
    const large = `{"messages":["${'x'.repeat(1_100_000)}"]}`
    expect(await ask({ headers: json, body: large })).toEqual([413, 'too_large'])
    await scene.neighbour.seesTheNextChange()
  })

  test('whose body stalls get 408, and the connection is closed', async () => {
    const { reply } = await stalled(scene)
    expect(reply.status).toBe(408)
    expect(reply.body).toContain('"timeout"')
  }, 20_000)

  test('for connections that are not there get 404; who goes on guessing 429', async () => {
    const socket = scene.bytes()
    const body = JSON.stringify({ connection: 'A'.repeat(32) })
    const request = `POST /lockstep/messages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    socket.write(request.repeat(29), request.replace('\r\n', '\r\nConnection: close\r\n'))
    const { body: all, head } = await socket.reply()
    expect(head).toContain('404')
    expect(all.match(/HTTP\/1.1 429/g)).toHaveLength(10)
    expect(all.match(/HTTP\/1.1 404/g)).toHaveLength(19)
  })

  test('with a Last-Event-ID, whatever is in it, make no difference or are no HTTP', async () => {
    const client = stream(hello(), subscribe())
    await client.get('live')
    const reply = await post(scene.port, 'messages', { connection: client.id }, { 'last-event-id': 'x"\t' })
    expect(reply.status).toBe(204)
    const raw = async (value: string): Promise<number> => {
      const socket = scene.bytes()
      const head = `POST /lockstep/events HTTP/1.1\r\nHost: a\r\nLast-Event-ID: ${value}\r\n`
      socket.write(`${head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`)
      return (await socket.reply()).status
    }
    expect(await raw('a\rb')).toBe(400)
    expect(await raw('a\r\nb')).toBe(400)
    expect(await raw('x'.repeat(1_000_000))).toBe(431)
  })

  test('S4: a page of a foreign origin may not even ask', async () => {
    const reply = await fetch(url('poll'), {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.com', 'access-control-request-method': 'POST' },
    })
    expect(reply.headers.get('access-control-allow-origin')).toBeNull()
  })

  test('M12: a message that is none is refused as over a WebSocket, and the connection stays', async () => {
    const client = stream(hello())
    await client.get('welcome')
    await client.say({ type: 'publish' }, { type: 'subscribe', id: -1, channel: 'x' })
    await eventually(() =>
      expect(client.inbox.flatMap((m) => (m.type === 'error' ? [m.error.code] : []))).toEqual([
        'unknown_type',
        'bad_request',
      ]),
    )
  })

  test('L1, M12: a message that is too large is refused as over a WebSocket, and the connection stays', async () => {
    const client = stream(hello())
    await client.get('welcome')
    await client.say({ type: 'barrier', id: 5, more: 'x'.repeat(70_000) }, { type: 'barrier', id: 6 })
    expect(await client.get('error')).toMatchObject({ id: 5, error: { code: 'too_large' } })
    expect(await client.get('barrier')).toMatchObject({ id: 6 })
  })

  test('L1: as many channels as a session may have fit into one request', async () => {
    const all = Array.from({ length: subscriptionsMax }, (_, i) => subscribe(`project/none-${i}`, i))
    const client = polls(hello('bob'), ...all)
    await client.get('error', subscriptionsMax)
    expect(client.close).toBeUndefined()
  })
})

async function stalled(from: Scene): Promise<{ reply: { status: number; body: string } }> {
  const socket = from.bytes()
  socket.write(
    'POST /lockstep/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"mes',
  )
  await eventually(() => expect(socket.closed).toBe(true), { timeoutMs: 15_000 })
  return { reply: await socket.reply() }
}
