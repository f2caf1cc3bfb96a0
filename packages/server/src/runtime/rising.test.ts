import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Block, Rising } from './rising.ts'

test('K4: numbers rise while the clock stands still or goes back, and are at least the time', () => {
  const rising = new Rising()
  expect([100, 100, 100, 90, 5_000, 10].map((now) => rising.next(now))).toEqual([
    100, 101, 102, 103, 5_000, 5_001,
  ])
  rising.exceed(7_000)
  expect(rising.next(6_000)).toBe(7_001)
})

/** What happens to servers that share one record of what is reserved. */
const steps = fc.array(
  fc.record({
    server: fc.integer({ min: 0, max: 2 }),
    kind: fc.constantFrom('next', 'next', 'next', 'restart', 'reserve', 'clock'),
    by: fc.integer({ min: -3_000, max: 3_000 }),
  }),
  { maxLength: 200 },
)

test('K4, S5: whatever the clock does, numbers rise over restarts, and no two servers give out the same', () => {
  fc.assert(
    fc.property(steps, (schedule) => {
      const size = 100_000
      let kept = 0
      let now = 1_000_000
      const reserve = (): Block => {
        const from = Math.max(kept, now)
        kept = from + size
        return { from, to: kept }
      }
      const start = (): Rising => {
        const rising = new Rising()
        rising.reserved(reserve())
        return rising
      }
      const servers = [start(), start(), start()]
      const last = [0, 0, 0]
      const given = new Set<number>()
      for (const { server, kind, by } of schedule) {
        const rising = servers[server] ?? start()
        if (kind === 'restart') servers[server] = start()
        else if (kind === 'clock') now = Math.max(0, now + 30 * by)
        else if (kind === 'reserve' || rising.left(now) < size / 2) rising.reserved(reserve())
        if (kind !== 'next') continue
        const number = rising.next(now)
        expect(number).toBeGreaterThan(last[server] ?? 0)
        expect(given.has(number)).toBe(false)
        last[server] = number
        given.add(number)
      }
    }),
    { numRuns: 500 },
  )
})
