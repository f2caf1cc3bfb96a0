import { expect, test } from 'vitest'
import { TestTime } from './time.ts'

test('a leap runs what is due in order, at its time, and what that plans too', async () => {
  const time = new TestTime()
  const begun = time.now()
  const ran: string[] = []
  const at = (name: string) => ran.push(`${name} ${Math.round((time.now() - begun) / 1000)}`)
  time.timer(20_000, () => at('second'))
  time.timer(10_000, () => {
    at('first')
    time.timer(15_000, () => at('third'))
  })
  time.timer(61_000, () => at('too late'))
  time.timer(30_000, () => at('cancelled')).cancel()
  await time.advance(60_000)
  expect(ran).toEqual(['first 10', 'second 20', 'third 25'])
  expect(Math.round((time.now() - begun) / 1000)).toBe(60)
  await time.advance(2_000)
  expect(ran.at(-1)).toBe('too late 61')
})

test('between two moments all is settled', async () => {
  const order: string[] = []
  const time = new TestTime(async () => {
    await new Promise(setImmediate)
    order.push('settled')
  })
  for (const ms of [10, 20]) time.timer(ms, () => order.push(`at ${ms}`))
  await time.advance(1_000)
  expect(order).toEqual(['at 10', 'settled', 'at 20', 'settled'])
})

test('without a leap it is the time of the wall, and timers come by themselves', async () => {
  const time = new TestTime()
  expect(Math.abs(time.now() - Date.now())).toBeLessThan(50)
  await new Promise<void>((resolve) => time.timer(5, resolve))
})

test('a leap of the clock alone puts off nothing and brings nothing on', async () => {
  const time = new TestTime()
  const before = time.now()
  const ran: number[] = []
  time.timer(1_000, () => ran.push(time.now()))
  time.leap(60_000)
  expect(ran).toEqual([])
  expect(time.now() - before).toBeGreaterThanOrEqual(60_000)
  await time.advance(999)
  await time.advance(10)
  expect(ran.length).toBe(1)
})

test('a client on the same clock is brought on with it', async () => {
  const time = new TestTime()
  const runtime = time.of({
    now: () => 0,
    timer: (_afterMs: number, _run: () => void) => () => {},
    other: 'kept',
  })
  let ran = 0
  runtime.timer(5_000, () => ran++)
  runtime.timer(5_000, () => ran++)()
  await time.advance(6_000)
  expect(ran).toBe(1)
  expect(runtime.other).toBe('kept')
  expect(Math.abs(runtime.now() - time.now())).toBeLessThan(50)
})
