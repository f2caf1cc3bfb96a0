import { encodeFrame } from '@lockstep/server/stages'
import { expect, test } from 'vitest'
import { Owner } from '../clock/owner.ts'
import { Scheduler } from '../clock/scheduler.ts'
import { Random } from '../random/random.ts'
import { NetworkConnection } from './connection.ts'
import { closeFrame, pingFrame } from './frames.ts'
import type { Way } from './pipe.ts'

/** A connection with a server that notes what it hears. */
function scene(seed: number, { rate = 1_000, jitterMs = 30 } = {}) {
  const scheduler = new Scheduler()
  const page = new Owner(scheduler)
  const server = new Owner(scheduler)
  const heard: string[] = []
  const arrived: string[] = []
  const down: Way = { latencyMs: 1, jitterMs, rate, heldUntil: 0 }
  const up: Way = { latencyMs: 1, jitterMs, rate: 1_000, heldUntil: 0 }
  const connection: NetworkConnection = new NetworkConnection({
    scheduler,
    up,
    down,
    bounds: { markBytes: 2_000, windowBytes: 3_000, segmentBytes: 700 },
    random: Random.named(seed, 'connection'),
    page,
    events: {
      opened: () => heard.push('opened'),
      message: (text) => heard.push(text),
      closed: (code, reason) => heard.push(`closed ${code} ${reason}`),
    },
    heard: () => {},
    server: () => ({
      owner: server,
      accept: () =>
        connection.accepted({
          message: (text) => arrived.push(text),
          pong: () => arrived.push('pong'),
          drained: () => arrived.push('drained'),
          closed: () => arrived.push('closed'),
          broken: () => arrived.push('broken'),
        }),
    }),
    ended: () => {},
  })
  const write = (text: string): boolean => connection.socket.write(encodeFrame(text).bytes, () => {})
  return { scheduler, page, server, heard, arrived, down, connection, write }
}

const texts = Array.from({ length: 40 }, (_, i) => `${i} ${'x'.repeat((i * 97) % 1_500)}`)

test('each direction keeps its order, whatever the delays', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { scheduler, heard, arrived, connection, write } = scene(seed)
    await scheduler.runUntil(100)
    for (const text of texts) {
      write(text)
      connection.send(text)
    }
    await scheduler.runUntil(10_000)
    expect(heard).toEqual(['opened', ...texts])
    expect(arrived.filter((text) => text !== 'drained')).toEqual(texts)
  }
})

test('after a cut whole messages have arrived, a beginning of all, and then the end at both sides', async () => {
  const counts = new Set<number>()
  for (let seed = 1; seed <= 60; seed++) {
    const { scheduler, heard, arrived, connection, write } = scene(seed)
    await scheduler.runUntil(100)
    for (const text of texts) write(text)
    for (const text of texts) connection.send(text)
    await scheduler.runUntil(110 + seed)
    connection.cut()
    await scheduler.runUntil(10_000)
    expect(heard.at(-1)).toBe('closed 1006 ')
    expect(heard.slice(1, -1)).toEqual(texts.slice(0, heard.length - 2))
    expect(arrived.filter((text) => text !== 'drained').at(-1)).toBe('broken')
    counts.add(heard.length)
  }
  expect(counts.size, 'cuts come at different places').toBeGreaterThan(3)
})

test('what vanishes comes to nobody, and nobody is told; the other direction goes on', async () => {
  const { scheduler, heard, arrived, connection, write } = scene(1)
  await scheduler.runUntil(100)
  connection.vanish('down')
  for (const text of texts) write(text)
  connection.send('up')
  await scheduler.runUntil(10_000)
  expect(heard).toEqual(['opened'])
  expect(arrived).toEqual(['up'])
  expect(connection.socket.writableLength, 'the kernel takes no more than its window').toBeGreaterThan(0)
})

test('a slow reader fills the server’s socket, which says so, and says when there is room', async () => {
  const { scheduler, heard, arrived, write, connection, down } = scene(1, { rate: 1, jitterMs: 0 })
  await scheduler.runUntil(100)
  const room = texts.map((text) => write(text))
  expect(room[0]).toBe(true)
  expect(room.at(-1)).toBe(false)
  await scheduler.runUntil(5_000)
  expect(arrived).toEqual([])
  expect(heard.length).toBeLessThan(texts.length)
  down.rate = 1_000
  connection.replan()
  await scheduler.runUntil(6_000)
  expect(arrived).toEqual(['drained'])
  expect(heard).toHaveLength(1 + texts.length)
})

test('a ping is answered by the browser, a close with a close', async () => {
  const { scheduler, heard, arrived, connection } = scene(1)
  await scheduler.runUntil(100)
  connection.socket.write(pingFrame, () => {})
  connection.socket.write(closeFrame(4503, 'restarting'), () => {})
  connection.socket.write(encodeFrame('late').bytes, () => {})
  await scheduler.runUntil(1_000)
  expect(heard).toEqual(['opened', 'closed 4503 restarting'])
  expect(arrived).toEqual(['pong', 'closed'])
})

test('a page that sleeps hears all of it when it wakes, in order', async () => {
  const { scheduler, page, heard, write } = scene(3)
  await scheduler.runUntil(100)
  page.stop(500)
  for (const text of texts) write(text)
  await scheduler.runUntil(590)
  expect(heard).toEqual(['opened'])
  await scheduler.runUntil(10_000)
  expect(heard).toEqual(['opened', ...texts])
})
