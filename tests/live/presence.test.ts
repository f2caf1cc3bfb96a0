import {
  automaticTransport,
  type Client,
  createClient,
  platformRuntime,
  type WebSocketClass,
} from '@lockstep/client'
import { type ChannelPresence, presenceOf } from '@lockstep/client/presence'
import { type CutProxy, cutProxy, eventually } from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type Board, members, startBoard } from '../wire/board.ts'

const pages: Client[] = []
let board: Board
let proxy: CutProxy

beforeAll(async () => {
  // Long enough for a machine that is busy with other things.
  board = await startBoard({ heartbeatMs: 2_000 }, { showUser: ({ id }) => id })
  proxy = await cutProxy({ targetPort: Number(new URL(board.url).port) })
})
beforeEach(() => members.set('alice 1', true))
afterEach(() => {
  proxy.resume()
  for (const page of pages.splice(0)) page.close()
})
afterAll(async () => {
  await proxy?.close()
  await board?.close()
})

async function open(user: string, by = board.url): Promise<{ page: Client; presence: ChannelPresence }> {
  const page = createClient(
    { url: `${by}/lockstep`, session: board.server.issueSession({ id: user }) },
    // Structurally a browser's WebSocket; only its event types differ in name.
    { transport: automaticTransport(platformRuntime, WebSocket as unknown as WebSocketClass) },
  )
  pages.push(page)
  const presence = presenceOf(page, 'hall/1')
  await page.channel('hall/1').ready
  return { page, presence }
}

const whoIn = ({ presence }: { presence: ChannelPresence }): unknown[] =>
  [...presence.all().values()].map(({ by }) => by).sort()

test('N1, N2, N5: people see each other come, say where they are, point at things, and go', async () => {
  const alice = await open('alice')
  alice.presence.set({ item: 17 })
  const olivia = await open('olivia')
  await eventually(() => expect(whoIn(olivia)).toEqual(['alice', 'olivia']))
  await eventually(() => expect(whoIn(alice)).toEqual(['alice', 'olivia']))
  await eventually(() =>
    expect([...olivia.presence.all().values()].map(({ state }) => state)).toContainEqual({ item: 17 }),
  )
  const pointed: unknown[] = []
  olivia.presence.on('pointer', (data, { session }) => pointed.push([session, data]))
  alice.presence.broadcast('pointer', { x: 1 })
  await eventually(() => expect(pointed).toEqual([[alice.page.sessionId, { x: 1 }]]))
  olivia.page.close()
  await eventually(() => expect(whoIn(alice)).toEqual(['alice']))
})

test('G10, N1, N2: a cut network: there anew, and what the page said of itself is told again', async () => {
  const alice = await open('alice', `http://127.0.0.1:${proxy.port}`)
  const olivia = await open('olivia')
  alice.presence.set({ item: 18 })
  const seen = () => [...olivia.presence.all().values()].find(({ by }) => by === 'alice')
  await eventually(() => expect(seen()?.state).toEqual({ item: 18 }))
  const { at = 0 } = seen() ?? {}
  proxy.cut()
  // Whoever is back within a moment was never seen to be gone; but it is there since later.
  await eventually(() => expect(seen()?.at).toBeGreaterThan(at))
  await eventually(() => expect(seen()?.state).toEqual({ item: 18 }))
  expect(whoIn(olivia)).toEqual(['alice', 'olivia'])
})

test('G10, N1: a silent socket is no ghost for longer than two heartbeats', async () => {
  await open('alice', `http://127.0.0.1:${proxy.port}`)
  const olivia = await open('olivia')
  await eventually(() => expect(whoIn(olivia)).toEqual(['alice', 'olivia']))
  proxy.pause()
  await eventually(() => expect(whoIn(olivia)).toEqual(['olivia']), { timeoutMs: 20_000 })
  expect(board.server.status().present).toBe(1)
})

test('G9, N1: who loses the right sees nobody, and is seen by nobody', async () => {
  const alice = await open('alice')
  const olivia = await open('olivia')
  await eventually(() => expect(whoIn(olivia)).toEqual(['alice', 'olivia']))
  members.set('alice 1', false)
  await board.server.reauthorize('alice')
  await eventually(() => expect(whoIn(olivia)).toEqual(['olivia']))
  await eventually(() => expect(whoIn(alice)).toEqual([]))
  olivia.presence.set('where are you')
  await eventually(() => expect([...olivia.presence.all().values()][0]?.state).toBe('where are you'))
  expect(whoIn(alice)).toEqual([])
})
