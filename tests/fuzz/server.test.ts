import { createDatabase } from '@lockstep/testing'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import {
  frame,
  RawSocket,
  type Scene,
  startScene,
  upgradeRequest,
} from '../../packages/server/src/bad-input.setup.ts'
import { fuzz } from './fuzz.ts'
import { mutatedBytes } from './mutation.ts'

/**
 * Whole connections of nonsense against a running server. Beside what every parser is shown: no exception gets out,
 * none is answered as a fault of ours, a healthy neighbour misses nothing, and nothing is kept.
 */
let scene: Scene
/** What the server logged as its own fault. */
const faults: string[] = []
const nothing = (): void => {}
const fault = (line: string): void => void faults.push(line)

beforeAll(async () => {
  const database = await createDatabase()
  scene = await startScene({
    database,
    bayeux: { jsonp: true, open: { '/demo/**': { subscribe: true, publish: true } } },
    server: {
      logger: { debug: nothing, info: nothing, warn: fault, error: fault },
      juggernaut: { port: 0, channel: 'project/:id', openSessions: true },
      publish: { secret: 'x'.repeat(40) },
      issue: { secret: 'x'.repeat(40) },
    },
  })
})
// Sees to it that nothing is kept.
afterAll(async () => {
  await scene?.forgetsAll()
  await scene?.close()
})

const json = (value: unknown): string => JSON.stringify(value)
const channel = fc.constantFrom('project/1', 'hall/1', 'notes/1', '__proto__', 'project/%41', '')
const message = fc
  .record(
    {
      type: fc.constantFrom(
        'subscribe',
        'unsubscribe',
        'look',
        'barrier',
        'lock',
        'unlock',
        'presence',
        'broadcast',
        'hello',
      ),
      id: fc.nat(9),
      channel,
      position: fc.constantFrom('e.1', 'x.1fffffffffffff', ''),
      resource: fc.constantFrom('a', '__proto__'),
      leaseMs: fc.constantFrom(1_000, 0),
      waitMs: fc.constantFrom(0, 50),
      state: fc.jsonValue(),
      event: fc.constantFrom('x', ''),
      data: fc.jsonValue(),
    },
    { requiredKeys: ['type'] },
  )
  .map(json)
const bayeux = fc
  .record(
    {
      channel: fc.constantFrom(
        '/meta/handshake',
        '/meta/connect',
        '/meta/subscribe',
        '/demo/a',
        '/sync/**',
        '/meta/x',
      ),
      version: fc.constantFrom('1.0', 'x'),
      supportedConnectionTypes: fc.constantFrom(['long-polling'], ['websocket', 'x'], {}),
      clientId: fc.constantFrom('x', '__proto__'),
      connectionType: fc.constantFrom('long-polling', 'websocket'),
      advice: fc.constant({ timeout: 0 }),
      subscription: fc.constantFrom<unknown>('/demo/*', '/sync/project/1/items', ['/**'], 1),
      ext: fc.jsonValue(),
      data: fc.jsonValue(),
      id: fc.nat(),
    },
    { requiredKeys: ['channel'] },
  )
  .map((one) => json([one]))
const program = fc
  .record({
    command: fc.constantFrom('subscribe', 'noop', 'query'),
    session_id: fc.constantFrom('me', 1, 'x'.repeat(100)),
    channels: fc.constantFrom<unknown>([1], ['project/1'], [], 'x'),
    last_msg_id: fc.constantFrom('e.1-1', 'e.0', ''),
  })
  .map((one) => `${json(one)}\0`)

/** The bytes of a request over HTTP. */
function request(line: string, body: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  const all = {
    Host: 'app.example',
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  return Buffer.from(`${[`${line} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n${body}`)
}

const secret = { Authorization: `Bearer ${'x'.repeat(40)}` }
const hello = { type: 'hello', version: 1, token: 'AA' }
const requests = fc.oneof(
  fc
    .tuple(fc.constantFrom('events', 'poll', 'messages', 'session', 'locks'), message)
    .map(([path, one]) =>
      request(`POST /lockstep/${path}`, `{"connection":"x","messages":[${json(hello)},${one}]}`),
    ),
  bayeux.map((one) => request('POST /bayeux', one)),
  bayeux.map((one) =>
    request('POST /bayeux/connect', `message=${encodeURIComponent(one)}`, {
      'Content-Type': 'application/x-www-form-urlencoded',
    }),
  ),
  bayeux.map((one) => request(`GET /bayeux?jsonp=cb&message=${encodeURIComponent(one)}`, '')),
  fc
    .jsonValue()
    .map((value) => request('POST /lockstep/publish', json({ channel: 'project/1', data: value }), secret)),
  fc.jsonValue().map((value) => request('POST /lockstep/sessions', json({ user: value }), secret)),
  channel.map((name) =>
    request(`GET /lockstep/snapshot/${name}`, '', { Cookie: 'user=alice', 'If-None-Match': 'W/"x", *' }),
  ),
)

/** After an upgrade; with a token, what follows comes from somebody who may see much. */
const sockets = fc
  .tuple(fc.constantFrom('/lockstep', '/bayeux'), fc.array(fc.oneof(message, bayeux), { maxLength: 6 }))
  .map(([path, all]) => {
    const { token } = scene.server.issueSession({ id: 'alice' })
    const texts = path === '/lockstep' ? [json({ ...hello, token }), ...all] : all
    return [
      Buffer.from(upgradeRequest({}, `GET ${path} HTTP/1.1`)),
      Buffer.concat(texts.map((text) => frame(1, text))),
    ] as const
  })

/** Sends bytes, reads what comes for as long as it takes the server to take them in, and hangs up. */
async function attack(port: number, ...parts: readonly Buffer[]): Promise<void> {
  const socket = new RawSocket(port)
  for (const part of parts) socket.write(part)
  await scene.server.barrier()
  socket.end()
}

/** Nobody noticed. */
async function isWell(): Promise<void> {
  await scene.neighbour.seesTheNextChange()
  expect(faults).toEqual([])
}

describe('a running server', () => {
  fuzz(
    'that is sent broken requests serves everybody else',
    fc.array(mutatedBytes(requests), { minLength: 1, maxLength: 10 }),
    async (all) => {
      await Promise.all(all.map((bytes) => attack(scene.port, bytes)))
      await isWell()
    },
    60,
  )

  fuzz(
    'that is sent broken frames and messages serves everybody else',
    fc.array(fc.tuple(sockets, fc.array(fc.nat()), fc.boolean()), { minLength: 1, maxLength: 10 }),
    async (all) => {
      await Promise.all(
        all.map(async ([[head, frames], flips, isCut]) => {
          const bytes = Buffer.from(frames)
          for (const flip of flips.slice(0, 3)) if (bytes.length > 0) bytes[flip % bytes.length] = flip % 256
          await attack(scene.port, head, isCut ? bytes.subarray(0, bytes.length / 2) : bytes)
        }),
      )
      await isWell()
    },
    60,
  )

  fuzz(
    'whose programs send nonsense serves everybody else',
    fc.array(mutatedBytes(fc.array(program).map((all) => Buffer.from(all.join('')))), {
      minLength: 1,
      maxLength: 10,
    }),
    async (all) => {
      const port = scene.server.juggernautPort ?? 0
      await Promise.all(all.map((bytes) => attack(port, bytes)))
      await isWell()
    },
    60,
  )
})
