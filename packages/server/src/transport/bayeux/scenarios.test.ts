import { eventually } from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  type CometDClient,
  type CometDMessage,
  Faye,
  type FayeClient,
  lockstepFor,
  newCometD,
  reach,
  type Scene,
  startScene,
} from './scene.setup.ts'

/** What both projects' own suites try with their clients, in our words, against a channel that is open. */
let scene: Scene
const fayes: FayeClient[] = []
const cometds: CometDClient[] = []
/** Channels whose next message has the connections cut before it is answered. */
const cutting = new Set<string>()
let key = 1

beforeAll(async () => {
  scene = await startScene({
    timeoutMs: 2_000,
    open: { '/chat/**': { subscribe: true, publish: true } },
    extensions: [
      {
        outgoing(message, _request, callback) {
          const isReply = 'successful' in message
          if (isReply && cutting.delete(String(message.channel))) scene.cut()
          callback(message)
        },
      },
    ],
  })
})
afterEach(async () => {
  for (const client of fayes.splice(0)) client.disconnect()
  await Promise.all(cometds.splice(0).map((client) => new Promise((resolve) => client.disconnect(resolve))))
})
afterAll(() => scene.close())

async function insert(): Promise<string> {
  const id = key++
  await scene.sql`INSERT INTO todos VALUES (${id}, 'x')`
  return String(id)
}

describe.each([
  ['websocket', [] as string[]],
  ['long-polling', ['websocket']],
])('the Faye client over %s', (_carrier, disabled) => {
  function client(extension?: object): FayeClient {
    const made = new Faye.Client(scene.url, { retry: 0.2 })
    for (const carrier of disabled) made.disable(carrier)
    if (extension !== undefined) made.addExtension(extension)
    fayes.push(made)
    return made
  }

  it('Y5: subscribes to a list of channels', async () => {
    const got: unknown[] = []
    const faye = client()
    await Promise.all(
      (
        faye.subscribe(['/chat/a', '/chat/b'], (data) => got.push(data)) as unknown as PromiseLike<unknown>[]
      ).map((subscription) => Promise.resolve(subscription)),
    )
    await faye.publish('/chat/a', 1)
    await faye.publish('/chat/b', 2)
    await faye.publish('/chat/c', 3)
    await reach(got, 2)
    expect(got).toEqual([1, 2])
  })

  it('Y5: its listeners of a channel and of both globs are each called once', async () => {
    const got: string[] = []
    const faye = client()
    for (const channel of ['/chat/room/one', '/chat/room/*', '/chat/**', '/chat/*']) {
      await faye.subscribe(channel, () => got.push(channel))
    }
    await faye.publish('/chat/room/one', 1)
    await faye.publish('/chat/last', 1)
    await reach(got, 5)
    expect(got.toSorted()).toEqual(
      ['/chat/room/one', '/chat/room/*', '/chat/**', '/chat/**', '/chat/*'].toSorted(),
    )
  })

  it('Y5: subscribes again after it has cancelled', async () => {
    const got: unknown[] = []
    const faye = client()
    const first = faye.subscribe('/chat/again', () => got.push('first'))
    await first
    first.cancel()
    await faye.subscribe('/chat/again', () => got.push('second'))
    await faye.publish('/chat/again', 1)
    await reach(got, 1)
    expect(got).toEqual(['second'])
  })

  it('Y2: two of them know nothing of each other: one leaves, the other goes on', async () => {
    const got: unknown[] = []
    const [one, other] = [client(), client()]
    await one.subscribe('/chat/two', () => {})
    await other.subscribe('/chat/two', (data) => got.push(data))
    await one.disconnect()
    await other.publish('/chat/two', 'still here')
    await reach(got, 1)
    expect(got).toEqual(['still here'])
  })

  it('Y7: sends again what was cut off before the reply, with the same id: subscribers get it once', async () => {
    const publisher = client()
    const clientId = await scene.shake(null)
    await scene.post({ channel: '/meta/subscribe', clientId, subscription: '/chat/cut' })
    await publisher.publish('/chat/other', 0)
    cutting.add('/chat/cut')
    await publisher.publish('/chat/cut', 'once')
    await publisher.publish('/chat/cut', 'after')
    const connect = {
      channel: '/meta/connect',
      clientId,
      connectionType: 'long-polling',
      advice: { timeout: 0 },
    }
    const { replies } = await scene.post(connect)
    expect(replies.flatMap(({ channel, data }) => (channel === '/chat/cut' ? [data] : []))).toEqual([
      'once',
      'after',
    ])
    expect(cutting.size).toBe(0)
  }, 30_000)

  it('Y8: its own extensions see and change what goes and comes', async () => {
    const got: unknown[] = []
    const faye = client({
      outgoing(message: { channel: string; data?: unknown }, callback: (message: object | null) => void) {
        if (message.channel === '/chat/ext') message.data = `${message.data} out`
        callback(message)
      },
      incoming(message: { channel: string; data?: unknown }, callback: (message: object | null) => void) {
        if (message.data !== undefined) message.data = `${message.data} in`
        callback(message)
      },
    })
    await faye.subscribe('/chat/ext', (data) => got.push(data))
    await faye.publish('/chat/ext', 'went')
    await reach(got, 1)
    expect(got).toEqual(['went out in'])
  })

  it('Y7: carries large, falsy and far-away data', async () => {
    const got: unknown[] = []
    const faye = client()
    await faye.subscribe('/chat/data', (data) => got.push(data))
    const all = ['ü'.repeat(100_000), null, 0, false, '', { deep: [[[{ '😀': '\u2028' }]]] }]
    for (const data of all) await faye.publish('/chat/data', data)
    await reach(got, all.length)
    expect(got).toEqual(all)
  })

  it('Y6: one that is signed in and one that is not, in one process', async () => {
    const got: unknown[] = []
    const refused = Promise.resolve(client().subscribe('/sync/todos', () => {}))
    await expect(refused).rejects.toMatchObject({ code: 403, params: ['/sync/todos'] })
    await client(lockstepFor(() => scene.token())).subscribe('/sync/todos', (data) => got.push(data))
    const id = await insert()
    await reach(got, 1)
    expect(got).toMatchObject([{ create: { [id]: { title: 'x' } } }])
  })
})

describe.each(['websocket', 'long-polling'])('the CometD client over %s', (transport) => {
  function client(): CometDClient {
    const made = newCometD()
    made.unregisterTransport(transport === 'websocket' ? 'long-polling' : 'websocket')
    made.configure({ url: scene.url, logLevel: 'error', backoffIncrement: 100, maxNetworkDelay: 5_000 })
    cometds.push(made)
    return made
  }
  const shake = (made: CometDClient): Promise<CometDMessage> =>
    new Promise((resolve) => made.handshake({ ext: { lockstep: { token: scene.token() } } }, resolve))
  const subscribe = (made: CometDClient, channel: string, got: unknown[]): Promise<CometDMessage> =>
    new Promise((resolve) => {
      made.subscribe(channel, ({ data }) => got.push(data), resolve)
    })
  const publish = (made: CometDClient, channel: string, data: unknown): Promise<CometDMessage> =>
    new Promise((resolve) => made.publish(channel, data, resolve))

  it('Y2: what it asks for before the handshake is answered goes out after it, in order', async () => {
    const got: unknown[] = []
    const made = client()
    const shaken = shake(made)
    made.batch(() => {
      made.subscribe('/chat/early', ({ data }) => got.push(data))
      made.publish('/chat/early', 1)
      made.publish('/chat/early', 2)
    })
    expect((await shaken).successful).toBe(true)
    await reach(got, 2)
    expect(got).toEqual([1, 2])
  })

  it('Y4: disconnects while its connect is held, and shakes hands again', async () => {
    const got: unknown[] = []
    const made = client()
    const connects: CometDMessage[] = []
    made.addListener('/meta/connect', (message) => connects.push(message))
    await shake(made)
    await reach(connects, 1)
    const gone = await new Promise<CometDMessage>((resolve) => made.disconnect(resolve))
    expect(gone.successful).toBe(true)
    expect(connects.every(({ successful }) => successful)).toBe(true)
    expect((await shake(made)).successful).toBe(true)
    await subscribe(made, '/chat/back', got)
    await publish(made, '/chat/back', 'again')
    await reach(got, 1)
  })

  it('Y5: subscribes, unsubscribes and subscribes again', async () => {
    const got: unknown[] = []
    const made = client()
    await shake(made)
    const subscription = await new Promise<object>((resolve) => {
      const given = made.subscribe(
        '/chat/x',
        () => got.push('first'),
        () => resolve(given),
      )
    })
    await new Promise((resolve) => made.unsubscribe(subscription, resolve))
    await publish(made, '/chat/x', 1)
    await subscribe(made, '/chat/x', got)
    await publish(made, '/chat/x', 2)
    await reach(got, 1)
    expect(got).toEqual([2])
  })

  it('Y5: is told by the reply to its subscription that it may not', async () => {
    const made = client()
    await shake(made)
    const reply = await subscribe(made, '/sync/nothing', [])
    expect(reply).toMatchObject({ successful: false, error: expect.stringMatching(/^403:/) })
  })

  it('Y5: two of them get what either publishes, each once', async () => {
    const [a, b]: [unknown[], unknown[]] = [[], []]
    const [one, other] = [client(), client()]
    await Promise.all([shake(one), shake(other)])
    await Promise.all([subscribe(one, '/chat/**', a), subscribe(other, '/chat/*', b)])
    await publish(one, '/chat/both', 1)
    await publish(other, '/chat/both', 2)
    await Promise.all([reach(a, 2), reach(b, 2)])
    expect([a, b]).toEqual([
      [1, 2],
      [1, 2],
    ])
  })

  it('Y7: carries long, falsy and far-away data', async () => {
    const got: unknown[] = []
    const made = client()
    await shake(made)
    await subscribe(made, '/chat/data', got)
    const all = ['ü'.repeat(3_000), null, 0, false, '', { deep: [[[{ '😀': '\u2028' }]]] }]
    for (const data of all) await publish(made, '/chat/data', data)
    await reach(got, all.length)
    expect(got).toEqual(all)
  })

  it('Y4: comes back by itself when its connection is killed', async () => {
    const got: unknown[] = []
    const made = client()
    await shake(made)
    await subscribe(made, '/chat/killed', got)
    scene.cut()
    await eventually(
      async () => {
        await scene.post({ channel: '/chat/killed', data: 'alive' })
        expect(got.length).toBeGreaterThan(0)
      },
      { timeoutMs: 15_000 },
    )
  }, 30_000)
})
