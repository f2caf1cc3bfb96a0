import { expect, test } from 'vitest'
import { Owner } from './owner.ts'
import { Scheduler } from './scheduler.ts'

test('what is planned happens in order of time, and at one time in the order of planning', async () => {
  const scheduler = new Scheduler()
  const seen: string[] = []
  const times = Array.from({ length: 200 }, (_, i) => (i * 7919) % 50)
  for (const [i, time] of times.entries()) scheduler.at(time, () => seen.push(`${time} ${i}`))
  await scheduler.runUntil(100)
  const order = times.map((time, i) => ({ time, i })).sort((a, b) => a.time - b.time || a.i - b.i)
  expect(seen).toEqual(order.map(({ time, i }) => `${time} ${i}`))
  expect(scheduler.now).toBe(100)
})

test('promises settle between two events, however long the chain', async () => {
  const scheduler = new Scheduler()
  const seen: string[] = []
  scheduler.at(1, async () => {
    for (let i = 0; i < 100; i++) await null
    seen.push('settled')
  })
  scheduler.at(1, () => seen.push('next'))
  await scheduler.runUntil(1)
  expect(seen).toEqual(['settled', 'next'])
})

test('what is cancelled does not happen, and what is planned meanwhile does, the past at once', async () => {
  const scheduler = new Scheduler()
  const seen: number[] = []
  const planned = scheduler.at(5, () => seen.push(5))
  scheduler.at(2, () => {
    planned.cancel()
    scheduler.at(0, () => seen.push(scheduler.now))
    scheduler.after(3, () => seen.push(scheduler.now))
  })
  await scheduler.runUntil(4)
  expect(seen).toEqual([2])
  await scheduler.runUntil(10)
  expect(seen).toEqual([2, 5])
  expect(scheduler.steps).toBe(3)
})

test('what an event throws ends the run', async () => {
  const scheduler = new Scheduler()
  scheduler.at(1, () => {
    throw new Error('broken')
  })
  await expect(scheduler.runUntil(2)).rejects.toThrow('broken')
})

test('what asks for itself again and again, at one moment, ends the run', async () => {
  const scheduler = new Scheduler()
  const again = (): void => void scheduler.after(0, again)
  scheduler.at(3, again)
  await expect(scheduler.runUntil(5)).rejects.toThrow('time stands still at 3')
})

test('nothing happens in what is dead; in what is stopped all of it happens late, in order', async () => {
  const scheduler = new Scheduler()
  const owner = new Owner(scheduler)
  const seen: string[] = []
  const note = (name: string) => () => seen.push(`${name} at ${scheduler.now}`)
  owner.after(1, note('a'))
  owner.after(5, note('b'))
  owner.after(6, note('c'))
  owner.after(30, note('d'))
  scheduler.at(2, () => owner.stop(10))
  scheduler.at(20, () => owner.kill())
  await scheduler.runUntil(40)
  expect(seen).toEqual(['a at 1', 'b at 12', 'c at 12'])
})
