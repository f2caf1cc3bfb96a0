import { eventually } from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { Faye, newCometD, type Reply, type Scene, startScene } from './scene.setup.ts'

/** What a listener of `/operations/<channel>` is told. */
interface Told {
  readonly operation: string
  readonly envelope: {
    readonly locks?: readonly { readonly resource: string; readonly session: string }[]
    readonly taken?: readonly { readonly resource: string; readonly session: string }[]
    readonly freed?: readonly string[]
    readonly users?: readonly { readonly session: string; readonly by: unknown; readonly state: unknown }[]
    readonly here?: readonly { readonly session: string; readonly state: unknown }[]
    readonly sessions?: readonly string[]
    readonly more?: number
  }
  readonly session_id: string | null
}

/** A client of the real library, and what it is told. */
interface Listener {
  readonly told: Told[]
  readonly positions: string[]
  /** Its session with the server, by the reply to its handshake. */
  session(): string
  token(): string
  listen(channel: string): Promise<void>
  leave(): Promise<void>
}

let scene: Scene
const leaving: (() => unknown)[] = []

beforeAll(async () => {
  scene = await startScene({ timeoutMs: 2_000 }, { logoutMs: 500 })
})
afterEach(async () => {
  for (const leave of leaving.splice(0)) await leave()
})
afterAll(() => scene.close())

async function faye(disabled: readonly string[]): Promise<Listener> {
  const [told, positions]: [Told[], string[]] = [[], []]
  let welcome: Record<string, string> = {}
  const client = new Faye.Client(scene.url, { retry: 0.2 })
  for (const carrier of disabled) client.disable(carrier)
  client.addExtension({
    outgoing(message: Reply, callback: (message: object) => void) {
      const isFirst = message.channel === '/meta/handshake'
      callback(isFirst ? { ...message, ext: { lockstep: { token: scene.token() } } } : message)
    },
    incoming(message: Reply, callback: (message: object) => void) {
      if (message.channel === '/meta/handshake') welcome = message.ext?.lockstep ?? {}
      if (message.channel.startsWith('/operations/')) positions.push(message.ext?.lockstep?.position ?? '')
      callback(message)
    },
  })
  let left = false
  const leave = async (): Promise<void> => {
    if (!left) await client.disconnect()
    left = true
  }
  leaving.push(leave)
  return {
    told,
    positions,
    session: () => welcome.session ?? '',
    token: () => welcome.token ?? '',
    listen: async (channel) => {
      await client.subscribe(channel, (data) => told.push(data as unknown as Told)) // of an operations channel
    },
    leave,
  }
}

async function cometd(transport: string): Promise<Listener> {
  const [told, positions]: [Told[], string[]] = [[], []]
  const client = newCometD()
  client.unregisterTransport(transport === 'websocket' ? 'long-polling' : 'websocket')
  client.configure({ url: scene.url, logLevel: 'error', maxNetworkDelay: 5_000 })
  const welcome = await new Promise<Record<string, string>>((resolve) => {
    const ext = { lockstep: { token: scene.token() } }
    client.handshake({ ext }, (reply) => resolve((reply.ext?.lockstep ?? {}) as Record<string, string>)) // as Y3 says
  })
  let left = false
  const leave = async (): Promise<void> => {
    if (!left) await new Promise((resolve) => client.disconnect(resolve))
    left = true
  }
  leaving.push(leave)
  return {
    told,
    positions,
    session: () => welcome.session ?? '',
    token: () => welcome.token ?? '',
    listen: (channel) =>
      new Promise((resolve) => {
        const hear = (message: { readonly data?: unknown; readonly ext?: Record<string, unknown> }): void => {
          told.push(message.data as Told) // of an operations channel
          positions.push((message.ext?.lockstep as { position?: string } | undefined)?.position ?? '') // as Y6 says
        }
        client.subscribe(channel, hear, () => resolve())
      }),
    leave,
  }
}

/** Locks or unlocks with a session's token, as any client without a socket does (K7). */
async function order(token: string, order: object): Promise<number> {
  const response = await fetch(`${scene.origin}/lockstep/locks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(order),
  })
  await response.arrayBuffer()
  return response.status
}

/** A page of the native client that speaks the protocol by hand, in a channel. */
async function page(channel: string): Promise<{ say(message: object): void; session: string }> {
  const socket = new WebSocket(`${scene.origin.replace('http', 'ws')}/lockstep`)
  const got: { type: string; session?: string }[] = []
  socket.on('message', (data) => got.push(JSON.parse(data.toString())))
  await new Promise((resolve) => socket.once('open', resolve))
  const say = (message: object): void => socket.send(JSON.stringify(message))
  say({ type: 'hello', version: 1, token: scene.token() })
  say({ type: 'subscribe', id: 1, channel })
  await eventually(() => expect(got.some(({ type }) => type === 'live')).toBe(true))
  leaving.push(() => socket.terminate())
  return { say, session: got.find(({ type }) => type === 'welcome')?.session ?? '' }
}

const of = (listener: Listener, operation: string): Told['envelope'][] =>
  listener.told.filter((told) => told.operation === operation).map(({ envelope }) => envelope)

describe.each([
  ['Faye over a WebSocket', () => faye([])],
  ['Faye by long-polling', () => faye(['websocket', 'eventsource'])],
  ['CometD over a WebSocket', () => cometd('websocket')],
  ['CometD by long-polling', () => cometd('long-polling')],
])('%s', (_name, client) => {
  it('Y12, K1: is told all locks where it subscribes, and each change of them', async () => {
    const holder = await page('project/1')
    holder.say({ type: 'lock', id: 2, channel: 'project/1', resource: 'items/17', doing: 'editing' })
    await eventually(() => expect(scene.server().status().locks.held).toBe(1))
    const other = await client()
    await other.listen('/operations/project/1')
    await eventually(() => expect(of(other, 'current_locks')).toHaveLength(1))
    expect(of(other, 'current_locks')[0]?.locks).toEqual([
      {
        resource: 'items/17',
        session: holder.session,
        by: { name: 'alice' },
        doing: 'editing',
        token: expect.any(Number),
        at: expect.any(Number),
      },
    ])
    holder.say({ type: 'unlock', id: 3, channel: 'project/1', resource: 'items/17' })
    await eventually(() => expect(of(other, 'locks')).toEqual([{ taken: [], freed: ['items/17'] }]))
    expect(other.told.every(({ session_id }) => session_id === null)).toBe(true)
    expect(other.positions.every((position) => /^\w+\.[0-9a-f]+$/.test(position))).toBe(true)
  })

  it('Y12, K7: locks with its session’s token, is refused what is held, and loses its locks as it leaves', async () => {
    const [one, other] = [await client(), await client()]
    await one.listen('/operations/project/1')
    await other.listen('/operations/project/1')
    const lock = { type: 'lock', channel: 'project/1', resource: 'items/18', doing: 'editing' }
    expect(await order(one.token(), lock)).toBe(200)
    expect(await order(other.token(), lock), 'it is held').toBe(409)
    const taken = [expect.objectContaining({ resource: 'items/18', session: one.session() })]
    for (const each of [one, other])
      await eventually(() => expect(of(each, 'locks')).toEqual([{ taken, freed: [] }]))
    await one.leave()
    await eventually(() => expect(of(other, 'locks').at(-1)).toEqual({ taken: [], freed: ['items/18'] }))
    expect(await order(other.token(), lock)).toBe(200)
    expect(await order(other.token(), { ...lock, type: 'unlock' })).toBe(204)
  })

  it('Y12, N1: is told who is there, who comes, what they say of themselves, and who is gone', async () => {
    const native = await page('hall/1')
    const one = await client()
    await one.listen('/operations/hall/1')
    await eventually(() => {
      const there = new Map(of(one, 'connected_users')[0]?.users?.map((user) => [user.session, user.by]))
      for (const { here } of of(one, 'presence')) for (const { session } of here ?? []) there.set(session, 0)
      expect([...there.keys()].toSorted()).toEqual([native.session, one.session()].toSorted())
    })
    expect(of(one, 'connected_users')).toHaveLength(1)
    native.say({ type: 'presence', id: 2, channel: 'hall/1', state: { item: 17 } })
    await eventually(() => {
      const states = of(one, 'presence').flatMap(({ here }) => here ?? [])
      expect(states.findLast(({ session }) => session === native.session)?.state).toEqual({ item: 17 })
    })
    const guest = await client()
    await guest.listen('/operations/hall/1')
    await eventually(() => {
      const here = of(one, 'presence').flatMap(({ here }) => here?.map(({ session }) => session) ?? [])
      expect(here).toContain(guest.session())
    })
    const session = guest.session()
    await guest.leave()
    await eventually(() => expect(of(one, 'disconnected')).toEqual([{ sessions: [session], more: 0 }]))
  })

  it('Y12: is told all where it listens to rows first and to operations later', async () => {
    const holder = await page('project/1')
    holder.say({ type: 'lock', id: 2, channel: 'project/1', resource: 'items/19' })
    await eventually(() => expect(scene.server().status().locks.held).toBe(1))
    const late = await client()
    await late.listen('/sync/project/1/items')
    await scene.settled()
    expect(late.told, 'rows have no locks').toEqual([])
    await late.listen('/operations/project/1')
    await eventually(() => expect(of(late, 'current_locks')).toHaveLength(1))
    expect(of(late, 'current_locks')[0]?.locks).toHaveLength(1)
  })
})

describe('Y12: positions', () => {
  it('G2, G3: who goes on from a notice’s position misses nothing and gets nothing twice', async () => {
    const names: string[] = []
    const say = async (name: string): Promise<void> => {
      names.push(name)
      const message = { operations: [{ channel: 'project/1', operation: name, envelope: null }] }
      await scene.sql`SELECT pg_logical_emit_message(true, 'lockstep', ${JSON.stringify(message)})`
    }
    const own = (listener: Listener): string[] =>
      listener.told.flatMap(({ operation }) => (operation.startsWith('items/') ? [operation] : []))
    const first = await faye([])
    await first.listen('/operations/project/1')
    await say('items/one')
    await eventually(() => expect(own(first)).toEqual(['items/one']))
    // The last that it hears is a notice.
    const lock = { type: 'lock', channel: 'project/1', resource: 'items/20' }
    expect(await order(first.token(), lock)).toBe(200)
    await eventually(() => expect(first.told.at(-1)?.operation).toBe('locks'))
    const position = first.positions.at(-1)
    await first.leave()
    await say('items/two')
    await scene.settled()
    const clientId = await scene.shake()
    const ext = { lockstep: { position } }
    await scene.post({ channel: '/meta/subscribe', clientId, subscription: '/operations/project/1', ext })
    const connect = { channel: '/meta/connect', clientId, connectionType: 'long-polling' }
    const { replies } = await scene.post({ ...connect, advice: { timeout: 0 } })
    const operations = replies.flatMap(({ data }) => (data === undefined ? [] : [String(data.operation)]))
    expect(operations.filter((name) => name.startsWith('items/'))).toEqual(['items/two'])
    expect(operations.at(-1), 'locks as they stand after what was missed').toBe('current_locks')
  })
})
