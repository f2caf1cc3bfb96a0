import { eventually } from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type RawSocket, type Scene, startScene } from './bad-input.setup.ts'

let scene: Scene
beforeAll(async () => {
  scene = await startScene()
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

async function subscribed(): Promise<RawSocket> {
  const socket = await scene.socket('alice')
  socket.say({ type: 'subscribe', id: 1, channel: 'hall/1' })
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

const says = (fields: object): object => ({ type: 'presence', id: 7, channel: 'hall/1', ...fields })
const tells = (fields: object): object => ({
  type: 'broadcast',
  id: 7,
  channel: 'hall/1',
  event: 'pointer',
  data: 1,
  ...fields,
})

describe('presence', () => {
  it.each<[string, object, string]>([
    ['of 5 kB', says({ state: 'x'.repeat(5_000) }), 'too_large'],
    ['of nothing', says({}), 'bad_request'],
    ['nested 17 deep', says({ state: JSON.parse(`${'['.repeat(17)}${']'.repeat(17)}`) }), 'bad_request'],
    ['in a channel without it', says({ channel: 'project/1', state: 1 }), 'no_channel'],
    ['in a channel that is hidden', says({ channel: 'hall/2', state: 1 }), 'no_channel'],
    ['in a channel that is none', says({ channel: 'nothing', state: 1 }), 'no_channel'],
    ['as a broadcast of 2 kB', tells({ data: 'x'.repeat(2_000) }), 'too_large'],
    ['as a broadcast without a name', tells({ event: '' }), 'bad_request'],
    ['as a broadcast to a hidden channel', tells({ channel: 'hall/2' }), 'no_channel'],
  ])('N2, N5, M11: %s is refused, and only it fails', async (_what, message, code) => {
    expect(await answer(await subscribed(), message)).toBe(code)
  })

  it('N2, M12: of 1 MB is too large, and only it fails: its sender goes on', async () => {
    const [socket, other] = [await subscribed(), await subscribed()]
    for (const bytes of [65_536, 1_048_576]) {
      const state = 'x'.repeat(bytes)
      expect(await answer(socket, says({ state }))).toBe('too_large')
      expect(socket.messages.findLast(({ type }) => type === 'error')).toMatchObject({ id: 7 })
    }
    socket.say(says({ state: 'small' }))
    await socket.next('done')
    await eventually(() => expect(JSON.stringify(other.messages)).toContain('small'))
    expect(JSON.stringify(other.messages)).not.toContain('xxxxxxxx')
  })

  it('N1, N2: with __proto__ and constructor in it is data like any other', async () => {
    const [one, other] = [await subscribed(), await subscribed()]
    const state = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":1}}}'
    one.say(`{"type":"presence","id":3,"channel":"hall/1","state":${state}}`)
    await one.next('done')
    await eventually(async () => {
      const { here } = await other.next('presence')
      expect(here.map((person) => JSON.stringify(person.state))).toContain(state)
    })
    one.end()
    other.end()
  })

  it('N5, G12: broadcasts that come too fast are refused one by one', async () => {
    const [one, other] = [await subscribed(), await subscribed()]
    for (let i = 0; i < 200; i++) one.say(tells({ id: i, data: i }))
    for (let i = 0; i < 150; i++) expect((await one.next('error')).error.code).toBe('too_fast')
    expect((await other.next('broadcast')).data).toBe(0)
    one.say({ type: 'barrier', id: 900 })
    await one.next('barrier')
    expect(one.closeCode).toBeUndefined()
  })
})
