import { eventually } from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  type CometDClient,
  type CometDMessage,
  newAck,
  newCometD,
  newTimeSync,
  reach,
  type Scene,
  startScene,
} from './scene.setup.ts'

let scene: Scene
const clients: CometDClient[] = []
let key = 1

beforeAll(async () => {
  scene = await startScene({ timeoutMs: 2_000, open: { '/chat/**': { subscribe: true, publish: true } } })
})
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => new Promise((resolve) => client.disconnect(resolve))))
})
afterAll(() => scene.close())

async function connect(
  transport: string,
  prepare: (client: CometDClient) => void = () => {},
): Promise<CometDClient> {
  const client = newCometD()
  client.unregisterTransport(transport === 'websocket' ? 'long-polling' : 'websocket')
  client.configure({ url: scene.url, logLevel: 'error', backoffIncrement: 100, maxNetworkDelay: 5_000 })
  prepare(client)
  const reply = await new Promise<CometDMessage>((resolve) => {
    client.handshake({ ext: { lockstep: { token: scene.token() } } }, resolve)
  })
  expect(reply.successful, reply.error).toBe(true)
  clients.push(client)
  return client
}

async function subscribe(client: CometDClient, channel: string, got: CometDMessage[]): Promise<object> {
  let subscription: object = {}
  const reply = await new Promise<CometDMessage>((resolve) => {
    subscription = client.subscribe(channel, (message) => got.push(message), resolve)
  })
  expect(reply.successful, reply.error).toBe(true)
  return subscription
}

async function insert(): Promise<string> {
  const id = key++
  await scene.sql`INSERT INTO todos VALUES (${id}, 'x')`
  return String(id)
}

const created = (messages: readonly CometDMessage[]): string[] =>
  messages.flatMap(({ data }) => Object.keys(data?.create ?? {}))

describe.each(['websocket', 'long-polling'])('the CometD client over %s', (transport) => {
  it('Y5: gets what was committed, in order, with positions', async () => {
    const got: CometDMessage[] = []
    const client = await connect(transport)
    expect(client.getTransport()?.type).toBe(transport)
    await subscribe(client, '/sync/todos', got)
    const ids = [await insert(), await insert(), await insert()]
    await reach(got, 3)
    expect(created(got)).toEqual(ids)
    expect(got[0]?.ext).toMatchObject({ lockstep: { position: expect.any(String) } })
  })

  it('Y7: publishes in a batch, and is told where it may not', async () => {
    const got: CometDMessage[] = []
    const client = await connect(transport)
    await subscribe(client, '/chat/**', got)
    client.batch(() => {
      client.publish('/chat/a', 1)
      client.publish('/chat/b', 2)
    })
    await reach(got, 2)
    expect(got.map(({ data }) => data)).toEqual([1, 2])
    const refused = await new Promise<CometDMessage>((resolve) => client.publish('/sync/todos', {}, resolve))
    expect(refused).toMatchObject({ successful: false, error: expect.stringMatching(/^403:/) })
  })

  it('Y5: unsubscribes', async () => {
    const [got, kept]: [CometDMessage[], CometDMessage[]] = [[], []]
    const client = await connect(transport)
    const subscription = await subscribe(client, '/sync/todos', got)
    await subscribe(client, '/sync/all/todos', kept)
    await new Promise((resolve) => client.unsubscribe(subscription, resolve))
    await insert()
    await reach(kept, 1)
    expect(got).toEqual([])
  })

  it('Y8: with its ack extension a cut connection loses nothing and doubles nothing', async () => {
    const got: CometDMessage[] = []
    const client = await connect(transport, (made) => made.registerExtension('ack', newAck()))
    await subscribe(client, '/sync/todos', got)
    const ids: string[] = []
    for (let i = 0; i < 9; i++) {
      ids.push(await insert())
      if (i % 3 === 2) scene.cut()
    }
    await eventually(() => expect(created(got)).toEqual(ids), { timeoutMs: 20_000 })
  })

  it('Y8: its timesync extension finds the clocks equal', async () => {
    const timesync = newTimeSync()
    await connect(transport, (made) => made.registerExtension('timesync', timesync))
    expect(Math.abs(timesync.getTimeOffset())).toBeLessThan(1_000)
  })

  it('Y4: shakes hands again with a server that does not know it', async () => {
    const client = await connect(transport)
    const shaken: CometDMessage[] = []
    client.addListener('/meta/handshake', (message) => shaken.push(message))
    await scene.restart()
    await eventually(() => expect(shaken.some(({ successful }) => successful)).toBe(true), {
      timeoutMs: 20_000,
    })
  })
})
