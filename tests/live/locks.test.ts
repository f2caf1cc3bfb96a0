import {
  automaticTransport,
  type Client,
  createClient,
  platformRuntime,
  type WebSocketClass,
} from '@lockstep/client'
import { type ChannelLocks, locksOf } from '@lockstep/client/locks'
import type { SessionEvent } from '@lockstep/server'
import { type CutProxy, cutProxy, eventually } from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type Board, startBoard } from '../wire/board.ts'
import { MeddlingProxy } from './meddling-proxy.ts'

// Long enough for a machine that is busy with other things.
const heartbeatMs = 2_000
const logoutMs = 8_000
const patience = { timeoutMs: 40_000 }
const events: SessionEvent[] = []
const pages: Client[] = []
const proxies: MeddlingProxy[] = []
let board: Board
let port: number
let proxy: CutProxy

beforeAll(async () => {
  board = await startBoard(
    { heartbeatMs, logoutMs },
    {
      onSession: (event) => {
        events.push(event)
      },
      showUser: ({ id }) => ({ name: id }),
    },
  )
  port = Number(new URL(board.url).port)
  proxy = await cutProxy({ targetPort: port })
})
afterEach(() => {
  proxy.resume()
  for (const page of pages.splice(0)) page.close()
  for (const other of proxies.splice(0)) other.close()
})
afterAll(async () => {
  await proxy?.close()
  await board?.close()
})

/** A page of a user that is live on project/1, by way of a port. */
async function open(user: string, by: number): Promise<{ page: Client; locks: ChannelLocks }> {
  const page = createClient(
    { url: `http://127.0.0.1:${by}/lockstep`, session: board.server.issueSession({ id: user }) },
    // Structurally a browser's WebSocket; only its event types differ in name.
    { transport: automaticTransport(platformRuntime, WebSocket as unknown as WebSocketClass) },
  )
  pages.push(page)
  const locks = locksOf(page, 'project/1')
  await page.channel('project/1').ready
  return { page, locks }
}

const holderOf = (locks: ChannelLocks, resource: string): unknown => locks.get(resource)?.by
const kindsOf = (session: string): string[] =>
  events.filter((event) => event.session === session && event.kind !== 'subscribe').map(({ kind }) => kind)

describe.each(['websocket', 'event-stream', 'long-polling'])('over %s', (carrier) => {
  test('K1, K2, K5, K6: two people lock, wait, ask and hand over', async () => {
    let by = port
    if (carrier !== 'websocket') {
      const meddling = await MeddlingProxy.start(port)
      proxies.push(meddling)
      meddling.refusesUpgrades = true
      meddling.keepsStreams = carrier === 'long-polling'
      by = meddling.port
    }
    const alice = await open('alice', by)
    const olivia = await open('olivia', by)
    const { status } = alice.page
    expect('fallback' in status ? (status.fallback?.carrier ?? 'websocket') : status.state).toBe(carrier)
    const lock = await alice.locks.lock('items/17', { doing: 'editing' })
    await eventually(() =>
      expect(olivia.locks.get('items/17')).toMatchObject({ by: { name: 'alice' }, doing: 'editing' }),
    )
    await expect(olivia.locks.lock('items/17')).rejects.toMatchObject({ code: 'lock_held' })
    lock.on('asked', (question) => question.answer(true))
    const handed = await olivia.locks.lock('items/17', { waitMs: 60_000, ask: true })
    expect(handed.token).toBeGreaterThan(lock.token)
    expect(lock.phase).toBe('released')
    const waits = alice.locks.lock('items/17', { waitMs: 60_000 })
    await eventually(() => expect(holderOf(alice.locks, 'items/17')).toEqual({ name: 'olivia' }))
    handed.unlock()
    await waits
    await eventually(() => expect(holderOf(olivia.locks, 'items/17')).toEqual({ name: 'alice' }))
    const late = await open('olivia', by)
    await eventually(() => expect(holderOf(late.locks, 'items/17')).toEqual({ name: 'alice' }))
  }, 60_000)
})

describe('a page that is gone', () => {
  test('G8, K8, S5: a cut network: released at once; back in time it is restored, and the lock is held again', async () => {
    const alice = await open('alice', proxy.port)
    const olivia = await open('olivia', port)
    const lock = await alice.locks.lock('items/40')
    const { token } = lock
    const restored = new Promise<void>((resolve) => lock.on('restored', resolve))
    await eventually(() => expect(holderOf(olivia.locks, 'items/40')).toEqual({ name: 'alice' }))
    const freed = new Promise<void>((resolve) => {
      olivia.locks.subscribe(() => olivia.locks.get('items/40') === undefined && resolve())
    })
    proxy.cut()
    await freed
    await restored
    expect(lock.phase).toBe('held')
    expect(lock.token).toBeGreaterThan(token)
    await eventually(() => expect(holderOf(olivia.locks, 'items/40')).toEqual({ name: 'alice' }))
    expect(kindsOf(alice.page.sessionId)).toEqual(['disconnected', 'restored'])
  })

  test('G8, G11, K8: a lock that somebody else took meanwhile is lost aloud', async () => {
    const alice = await open('alice', proxy.port)
    const olivia = await open('olivia', port)
    const lock = await alice.locks.lock('items/41')
    const waits = olivia.locks.lock('items/41', { waitMs: 60_000 })
    await eventually(() => expect(board.server.status().locks.waiting).toBe(1))
    const lost = new Promise((resolve) => lock.on('lost', resolve))
    proxy.cut()
    await waits
    expect(await lost).toBe('taken')
  })

  test('G8, S2, S5: a silent socket: released, disconnected and logged out once, within two heartbeats and logoutMs', async () => {
    const alice = await open('alice', proxy.port)
    const olivia = await open('olivia', port)
    const lock = await alice.locks.lock('items/42')
    await eventually(() => expect(holderOf(olivia.locks, 'items/42')).toEqual({ name: 'alice' }))
    const { sessionId } = alice.page
    proxy.pause()
    await eventually(() => expect(olivia.locks.get('items/42')).toBeUndefined())
    await eventually(() => expect(kindsOf(sessionId)).toEqual(['disconnected', 'logged_out']), patience)
    const [disconnected, out] = events.filter((event) => event.session === sessionId).slice(-2)
    expect((out?.at ?? 0) - (disconnected?.at ?? 0)).toBeGreaterThanOrEqual(logoutMs)
    // The page finds out as well, and does not go on as if it held the lock.
    await eventually(() => expect(lock.phase).toBe('away'))
    proxy.resume()
    await eventually(() => expect(lock.phase).toBe('held'), patience)
    await eventually(() => expect(holderOf(olivia.locks, 'items/42')).toEqual({ name: 'alice' }))
  }, 90_000)
})
