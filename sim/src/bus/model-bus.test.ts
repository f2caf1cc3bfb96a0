import type { BusEntry } from '@lockstep/server/stages'
import { expect, it } from 'vitest'
import { Owner } from '../clock/owner.ts'
import { Scheduler } from '../clock/scheduler.ts'
import { Random } from '../random/random.ts'
import { Broker, ModelBus } from './model-bus.ts'

function start(seed = 1) {
  const scheduler = new Scheduler()
  const owner = new Owner(scheduler)
  const pace = { appendMs: 20, deliverMs: 50, burstMs: 100 }
  const broker = new Broker(scheduler, Random.named(seed, 'bus'), pace)
  const bus = new ModelBus(broker, owner)
  const came: number[] = []
  const at: number[] = []
  bus.subscribe((entry) => {
    if (entry.kind === 'progress') came.push(entry.lsn)
    at.push(scheduler.now)
  })
  const refused: number[] = []
  const taken: number[] = []
  const give = (lsn: number): void => {
    bus.append({ kind: 'progress', lsn }).then(
      () => taken.push(lsn),
      () => refused.push(lsn),
    )
  }
  return { scheduler, owner, broker, bus, came, at, refused, taken, give }
}

it('gives what it took in order, later and in bursts', async () => {
  const { scheduler, came, at, taken, give } = start()
  for (let lsn = 1; lsn <= 50; lsn++) give(lsn)
  await scheduler.runUntil(1_000)
  const all = Array.from({ length: 50 }, (_, i) => i + 1)
  expect(came).toEqual(all)
  expect([...taken].sort((a, b) => a - b)).toEqual(all)
  expect(at.every((ms) => ms % 100 === 0)).toBe(true)
})

it('refuses everything while it is away', async () => {
  const { scheduler, broker, came, refused, give } = start()
  broker.leave(500)
  give(1)
  await scheduler.runUntil(600)
  give(2)
  await scheduler.runUntil(1_000)
  expect(refused).toEqual([1])
  expect(came).toEqual([2])
})

it('loses nothing that it has promised, and at times what it has not, when it begins anew', async () => {
  let lost = 0
  let kept = 0
  for (let seed = 1; seed <= 50; seed++) {
    const { scheduler, broker, came, taken, refused, give } = start(seed)
    for (let lsn = 1; lsn <= 5; lsn++) give(lsn)
    await scheduler.runUntil(18)
    broker.restart(0)
    await scheduler.runUntil(1_000)
    expect(came).toEqual(expect.arrayContaining(taken))
    for (const lsn of refused) came.includes(lsn) ? kept++ : lost++
  }
  expect(lost).toBeGreaterThan(0)
  expect(kept).toBeGreaterThan(0)
})

it('has copies of the bytes, as they are when an entry arrives', async () => {
  const { scheduler, bus } = start()
  const bytes = Buffer.from('{}')
  const seen: BusEntry[] = []
  bus.subscribe((entry) => seen.push(entry))
  const channels = [{ channel: 'a/1', views: [[bytes], undefined] }]
  void bus.append({ kind: 'transaction', transaction: { xid: 1, lsn: 1, at: 1, channels } })
  await scheduler.runUntil(20)
  bytes.fill(0)
  await scheduler.runUntil(1_000)
  expect(seen).toMatchObject([{ transaction: { channels: [{ views: [[Buffer.from('{}')], undefined] }] } }])
})

it('says nothing to a process that has died', async () => {
  const { scheduler, owner, came, taken, give } = start()
  give(1)
  owner.kill()
  await scheduler.runUntil(1_000)
  expect(came).toEqual([])
  expect(taken).toEqual([])
})
