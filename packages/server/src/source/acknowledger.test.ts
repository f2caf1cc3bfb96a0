import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Acknowledger } from './acknowledger.ts'

describe('Acknowledger', () => {
  it('acknowledges nothing that was given less than the retention ago', () => {
    const acknowledger = new Acknowledger(60_000, 100)
    acknowledger.given(200, 1_000)
    expect(acknowledger.acknowledge(60_999)).toBe(100)
    expect(acknowledger.acknowledge(61_000)).toBe(200)
  })

  it('acknowledges nothing from where it is held, however long and also in a hurry', () => {
    const acknowledger = new Acknowledger(60_000, 0)
    acknowledger.hold(150)
    for (let at = 0; at <= 1_000_000; at += 500) acknowledger.given(100 + at / 500, at)
    expect(acknowledger.acknowledge(1_000_000)).toBeLessThanOrEqual(150)
    expect(acknowledger.acknowledge(1_000_000)).toBeGreaterThan(140)
    acknowledger.hurry()
    expect(acknowledger.acknowledge(1_000_000)).toBe(150)
    acknowledger.hold(Number.POSITIVE_INFINITY)
    acknowledger.given(3_000, 1_000_500)
    expect(acknowledger.acknowledge(1_060_500)).toBe(3_000)
  })

  it('never falls, never passes what was given, and keeps the retention, for any history', () => {
    const step = fc.record({ afterMs: fc.nat(5_000), bytes: fc.nat(1_000) })
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 300 }),
        fc.integer({ min: 1, max: 60_000 }),
        (steps, retentionMs) => {
          const acknowledger = new Acknowledger(retentionMs, 0)
          const history: { at: number; lsn: number }[] = []
          let now = 0
          let lsn = 0
          let before = 0
          for (const { afterMs, bytes } of steps) {
            now += afterMs
            lsn += bytes
            acknowledger.given(lsn, now)
            history.push({ at: now, lsn })
            const told = acknowledger.acknowledge(now)
            const oldEnough = history.filter(({ at }) => now - at >= retentionMs).at(-1)?.lsn ?? 0
            expect(told).toBeGreaterThanOrEqual(before)
            expect(told).toBeLessThanOrEqual(oldEnough)
            before = told
          }
        },
      ),
    )
  })

  it('catches up when nothing more is written', () => {
    const acknowledger = new Acknowledger(1_000, 0)
    for (let lsn = 1; lsn <= 100; lsn++) acknowledger.given(lsn, lsn)
    acknowledger.given(100, 5_000)
    expect(acknowledger.acknowledge(6_000)).toBe(100)
  })

  it('gives up the retention when the database needs the room', () => {
    const acknowledger = new Acknowledger(60_000, 0)
    acknowledger.given(100, 0)
    acknowledger.hurry()
    expect(acknowledger.acknowledge(1)).toBe(100)
    acknowledger.given(200, 2)
    expect(acknowledger.acknowledge(3)).toBe(100)
  })
})
