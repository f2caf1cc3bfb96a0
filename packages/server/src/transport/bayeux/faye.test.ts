import { eventually } from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  type Data,
  Faye,
  type FayeClient,
  lockstepFor,
  reach,
  type Scene,
  startScene,
} from './scene.setup.ts'

let scene: Scene
const clients: FayeClient[] = []
let key = 1_000

beforeAll(async () => {
  scene = await startScene({ timeoutMs: 2_000, open: { '/chat/**': { subscribe: true, publish: true } } })
})
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect()
})
afterAll(() => scene.close())

function client(disabled: readonly string[], signedIn = true): FayeClient {
  const made = new Faye.Client(scene.url, { retry: 0.2 })
  for (const transport of disabled) made.disable(transport)
  if (signedIn) made.addExtension(lockstepFor(() => scene.token()))
  clients.push(made)
  return made
}

async function insert(title = 'x'): Promise<number> {
  const id = key++
  await scene.sql`INSERT INTO todos VALUES (${id}, ${title})`
  return id
}

const created = (messages: readonly Data[]): string[] =>
  messages.flatMap(({ create = {} }) => Object.keys(create))

describe.each([
  ['websocket', [] as string[]],
  ['long-polling', ['websocket']],
])('the Faye client over %s', (_carrier, disabled) => {
  it('Y5: gets the changes of a collection in the shape of the chapter', async () => {
    const got: Data[] = []
    await client(disabled).subscribe('/sync/todos', (data) => got.push(data))
    const id = await insert('Buy some tasty kale juice')
    await scene.sql`UPDATE todos SET title = 'Buy juice' WHERE id = ${id}`
    await scene.sql`DELETE FROM todos WHERE id = ${id}`
    await reach(got, 3)
    expect(got).toEqual([
      { create: { [id]: { id, title: 'Buy some tasty kale juice' } } },
      { update: { [id]: { title: 'Buy juice' } } },
      { destroy: { [id]: {} } },
    ])
  })

  it('Y4: stays connected over several timeouts', async () => {
    const got: Data[] = []
    const faye = client(disabled)
    let downs = 0
    faye.on('transport:down', () => downs++)
    await faye.subscribe('/sync/todos', (data) => got.push(data))
    const until = Date.now() + 4_500
    await eventually(() => expect(Date.now()).toBeGreaterThan(until), { timeoutMs: 10_000 })
    await insert()
    await reach(got, 1)
    expect(downs).toBe(0)
  })

  it('Y7: publishes on opened channels, before it is connected too, and is refused elsewhere', async () => {
    const got: unknown[] = []
    await client(disabled).subscribe('/chat/*', (data) => got.push(data))
    const other = client(disabled, false)
    await other.publish('/chat/a', { text: 'early' })
    await reach(got, 1)
    expect(got).toEqual([{ text: 'early' }])
    await expect(Promise.resolve(other.publish('/sync/todos', {}))).rejects.toMatchObject({ code: 403 })
  })

  it('Y5: is refused what it may not see, and can cancel', async () => {
    const faye = client(disabled)
    await expect(Promise.resolve(faye.subscribe('/sync/nothing', () => {}))).rejects.toMatchObject({
      code: 403,
    })
    const got: Data[] = []
    const kept: Data[] = []
    const subscription = faye.subscribe('/sync/todos', (data) => got.push(data))
    await subscription
    await faye.subscribe('/sync/all/todos', (data) => kept.push(data))
    subscription.cancel()
    await faye.publish('/chat/after', 1)
    await insert()
    await reach(kept, 1)
    expect(got).toEqual([])
  })

  it('Y6: a killed connection loses nothing and doubles nothing', async () => {
    const got: Data[] = []
    await client(disabled).subscribe('/sync/todos', (data) => got.push(data))
    const ids: number[] = []
    for (let i = 0; i < 12; i++) {
      ids.push(await insert())
      if (i % 4 === 3) scene.cut()
    }
    await eventually(() => expect(created(got)).toEqual(ids.map(String)), { timeoutMs: 20_000 })
  })

  it('Y6: a restart of the server loses nothing and doubles nothing', async () => {
    const got: Data[] = []
    await client(disabled).subscribe('/sync/todos', (data) => got.push(data))
    const ids = [await insert()]
    await reach(got, 1)
    const restarted = scene.restart()
    ids.push(await insert())
    await restarted
    ids.push(await insert())
    await eventually(() => expect(created(got)).toEqual(ids.map(String)), { timeoutMs: 20_000 })
  })
})
