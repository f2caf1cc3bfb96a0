import { eventually } from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { givesBackMemory, type RawSocket, type Scene, startScene } from './bad-input.setup.ts'

let scene: Scene
beforeAll(async () => {
  scene = await startScene({ limits: { locksPerSessionMax: 200, requestsBurst: 100_000 } })
})
afterAll(async () => {
  await scene?.forgetsAll()
  await scene?.close()
})
afterEach(async () => {
  await scene.neighbour.seesTheNextChange()
  expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(plainNames)
})
const plainNames = Object.getOwnPropertyNames(Object.prototype).sort()

const lock = (fields: object): object => ({
  type: 'lock',
  id: 7,
  channel: 'project/1',
  resource: 'items/1',
  ...fields,
})

/** What an earlier test has held is let go. */
const allFree = () => eventually(() => expect(scene.server.status().locks.held).toBe(0))

async function subscribed(): Promise<RawSocket> {
  const socket = await scene.socket('alice')
  socket.say({ type: 'subscribe', id: 1, channel: 'project/1' })
  await socket.next('live')
  return socket
}

/** The code with which the server answers a message, and that the connection goes on after it. */
async function answer(socket: RawSocket, message: object | string): Promise<string> {
  socket.say(message)
  const { error } = await socket.next('error')
  socket.say({ type: 'barrier', id: 8 })
  await socket.next('barrier')
  expect(socket.closeCode).toBeUndefined()
  return error.code
}

describe('a lock', () => {
  it.each<[string, number]>([
    ['0', 0],
    ['-1', -1],
    ['10^9 s', 1e12],
    ['half a ms', 1_000.5],
  ])('K3, M11: with a lease of %s is bad_lease, and only it fails', async (_what, leaseMs) => {
    expect(await answer(await subscribed(), lock({ leaseMs }))).toBe('bad_lease')
  })

  it.each<[string, object]>([
    ['without a resource', { resource: undefined }],
    ['of 10 kB', { resource: 'x'.repeat(10_000) }],
    ['with NUL', { resource: '\0' }],
    ['of half a character', { resource: '\ud800' }],
    ['that waits for an hour', { waitMs: 3_600_000 }],
    ['doing 10 kB', { doing: 'x'.repeat(10_000) }],
  ])('K2, M12: %s is bad_request, and only it fails', async (_what, fields) => {
    expect(await answer(await subscribed(), lock(fields))).toBe('bad_request')
  })

  it('K2: of somebody else is not let go', async () => {
    const [holder, other] = [await subscribed(), await subscribed()]
    holder.say(lock({ resource: 'held' }))
    await holder.next('locked')
    expect(await answer(other, { type: 'unlock', id: 7, channel: 'project/1', resource: 'held' })).toBe(
      'not_holder',
    )
    const yields = {
      type: 'answer',
      id: 7,
      channel: 'project/1',
      resource: 'held',
      session: 'x',
      yield: true,
    }
    expect(await answer(other, yields)).toBe('not_holder')
    expect(await answer(other, lock({ resource: 'held' }))).toBe('lock_held')
    holder.end()
  })

  it('K1, K2, M12: of __proto__ and constructor is one like any other', async () => {
    await allFree()
    const [holder, other] = [await subscribed(), await subscribed()]
    for (const resource of ['__proto__', 'constructor', 'toString']) {
      holder.say(`{"type":"lock","id":1,"channel":"project/1","resource":"${resource}","__proto__":{"a":1}}`)
      expect((await holder.next('locked')).resource).toBe(resource)
      expect((await other.next('locks')).taken).toMatchObject([{ resource }])
    }
    const late = await scene.socket('alice')
    late.say({ type: 'subscribe', id: 1, channel: 'project/1' })
    const { locks } = await late.next('current_locks')
    expect(locks.map(({ resource }) => resource)).toEqual(['__proto__', 'constructor', 'toString'])
    holder.end()
  })

  it('K9, G12: of a session that takes ever more is refused at the bound, and all are given back', async () => {
    await allFree()
    await givesBackMemory(async () => {
      const socket = await subscribed()
      for (let i = 0; i < 1_000; i++) socket.say(lock({ id: i, resource: `greedy/${i}` }))
      for (let i = 0; i < 800; i++) expect((await socket.next('error')).error.code).toBe('too_many')
      expect(scene.server.status().locks.held).toBe(200)
      socket.end()
    })
    await allFree()
  })
})
