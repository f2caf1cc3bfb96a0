import { type CutProxy, cutProxy, eventually } from '@lockstep/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type CometDMessage,
  Faye,
  type FayeClient,
  lockstepFor,
  newCometD,
  type Scene,
  startScene,
} from './scene.setup.ts'

/** How long the client is really away: as long as a client is known at most, and some. */
const awayMs = 31_000

let scene: Scene

beforeAll(async () => {
  scene = await startScene()
})
afterAll(() => scene.close())

interface Told {
  readonly data: Record<string, Record<string, unknown>>
  readonly ext?: { readonly lockstep?: { readonly reset?: string; readonly position?: string } }
}

/** A client behind a proxy, and all that it is told of todos. */
function fayeBehind(
  proxy: CutProxy,
  of: Scene,
  disabled: readonly string[],
): { faye: FayeClient; told: Told[] } {
  const told: Told[] = []
  const faye = new Faye.Client(`http://127.0.0.1:${proxy.port}/bayeux`, { retry: 0.2 })
  for (const carrier of disabled) faye.disable(carrier)
  faye.addExtension(lockstepFor(() => of.token()))
  faye.addExtension({
    incoming(message: Told & { channel: string }, callback: (message: object) => void) {
      if (message.channel === '/sync/todos') told.push(message)
      callback(message)
    },
  })
  return { faye, told }
}

const keys = (told: readonly Told[]): string[] => told.flatMap(({ data }) => Object.keys(data.create ?? {}))

/** Without a listener Faye would not subscribe. */
const listener = (): void => {}

describe.concurrent('Y6: a client that was away', () => {
  it.each([
    ['websocket', [] as string[], 0],
    ['long-polling', ['websocket'], 1_000],
  ])(
    'Y6: for 31 seconds over %s goes on where it was: nothing is lost, nothing doubled',
    async (_carrier, disabled, first) => {
      const proxy = await cutProxy({ targetPort: scene.port })
      const { faye, told } = fayeBehind(proxy, scene, disabled)
      try {
        await faye.subscribe('/sync/todos', listener)
        const ids = Array.from({ length: 40 }, (_, i) => first + i)
        const insert = (id: number | undefined): Promise<unknown> =>
          scene.sql`INSERT INTO todos VALUES (${id ?? 0}, 'x')`
        for (const id of ids.slice(0, 10)) await insert(id)
        const own = (): string[] => keys(told).filter((id) => ids.includes(Number(id)))
        await eventually(() => expect(own()).toHaveLength(10))
        proxy.refuse(true)
        proxy.cut()
        const back = Date.now() + awayMs
        for (const id of ids.slice(10, 30)) await insert(id)
        await eventually(() => expect(Date.now()).toBeGreaterThan(back), { timeoutMs: awayMs + 10_000 })
        proxy.refuse(false)
        for (const id of ids.slice(30)) await insert(id)
        await eventually(() => expect(own()).toEqual(ids.map(String)), { timeoutMs: 30_000 })
        expect(told.some(({ ext }) => ext?.lockstep?.reset !== undefined)).toBe(false)
      } finally {
        faye.disconnect()
        await proxy.close()
      }
    },
    120_000,
  )

  it.each([
    ['websocket', [] as string[]],
    ['long-polling', ['websocket']],
  ])(
    'Y6: beyond the log is told so over %s, and gets all that comes after',
    async (_carrier, disabled) => {
      const short = await startScene({ limits: { awayMs: 200 } }, { logBytesMax: 2_000 })
      const proxy = await cutProxy({ targetPort: short.port })
      const { faye, told } = fayeBehind(proxy, short, disabled)
      try {
        await faye.subscribe('/sync/todos', listener)
        await short.sql`INSERT INTO todos VALUES (0, 'before')`
        await eventually(() => expect(keys(told)).toEqual(['0']))
        proxy.refuse(true)
        proxy.cut()
        await eventually(() => expect(short.server().status().connections).toBe(0))
        for (let i = 1; i < 60; i++) await short.sql`INSERT INTO todos VALUES (${i}, ${'x'.repeat(100)})`
        proxy.refuse(false)
        const resets = (): Told[] => told.filter(({ ext }) => ext?.lockstep?.reset !== undefined)
        await eventually(() => expect(resets()).toHaveLength(1), { timeoutMs: 30_000 })
        expect(resets()[0]).toMatchObject({
          data: {},
          ext: { lockstep: { reset: 'trimmed', position: expect.any(String) } },
        })
        await short.sql`INSERT INTO todos VALUES (100, 'after')`
        await eventually(() => expect(keys(told)).toEqual(['0', '100']), { timeoutMs: 30_000 })
      } finally {
        faye.disconnect()
        await proxy.close()
        await short.close()
      }
    },
    120_000,
  )

  it('Y6: a CometD client that says its position gets from the log what it has missed', async () => {
    const proxy = await cutProxy({ targetPort: scene.port })
    const client = newCometD()
    const got: CometDMessage[] = []
    let position: string | undefined
    client.unregisterTransport('long-polling')
    client.configure({
      url: `http://127.0.0.1:${proxy.port}/bayeux`,
      logLevel: 'error',
      backoffIncrement: 100,
      maxBackoff: 500,
      maxNetworkDelay: 5_000,
    })
    client.registerExtension('position', {
      incoming(message: CometDMessage) {
        const told = (message.ext?.lockstep as { position?: string } | undefined)?.position // as Y6 says
        if (told !== undefined && message.channel !== '/meta/handshake') position = told
        return message
      },
      outgoing(message: { channel: string; ext?: object }) {
        if (message.channel === '/meta/handshake') {
          message.ext = { ...message.ext, lockstep: { token: scene.token(), resume: true } }
        }
        if (message.channel === '/meta/subscribe' && position !== undefined) {
          message.ext = { ...message.ext, lockstep: { position } }
        }
        return message
      },
    })
    try {
      client.addListener('/meta/handshake', ({ successful }) => {
        if (successful) client.subscribe('/sync/todos', (message) => got.push(message))
      })
      let subscribed = 0
      client.addListener('/meta/subscribe', ({ successful }) => {
        if (successful) subscribed++
      })
      client.handshake({}, () => {})
      await eventually(() => expect(subscribed).toBe(1))
      const ids = Array.from({ length: 20 }, (_, i) => 2_000 + i)
      const own = (): string[] =>
        got.flatMap(({ data }) => Object.keys(data?.create ?? {})).filter((id) => ids.includes(Number(id)))
      const [one = 0, ...others] = ids
      await scene.sql`INSERT INTO todos VALUES (${one}, 'x')`
      await eventually(() => expect(own()).toHaveLength(1))
      proxy.refuse(true)
      proxy.cut()
      for (const id of others) await scene.sql`INSERT INTO todos VALUES (${id}, 'x')`
      proxy.refuse(false)
      await eventually(() => expect(own()).toEqual(ids.map(String)), { timeoutMs: 30_000 })
    } finally {
      await new Promise((resolve) => client.disconnect(resolve))
      await proxy.close()
    }
  }, 60_000)
})
