import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Slots } from './slots.ts'

test('no more than so many run at once, everybody has a turn, in order, also after those that fail', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.record({ turns: fc.nat(5), fails: fc.boolean() }), { maxLength: 30 }),
      async (max, jobs) => {
        const slots = new Slots(max)
        const begun: number[] = []
        let running = 0
        let most = 0
        const results = await Promise.allSettled(
          jobs.map(({ turns, fails }, i) =>
            slots.run(async () => {
              begun.push(i)
              most = Math.max(most, ++running)
              for (let turn = 0; turn < turns; turn++) await Promise.resolve()
              running--
              if (fails) throw new Error('failed')
              return i
            }),
          ),
        )
        expect(most).toBeLessThanOrEqual(max)
        expect(begun).toEqual(jobs.map((_, i) => i))
        expect(results.map(({ status }) => status === 'rejected')).toEqual(jobs.map(({ fails }) => fails))
      },
    ),
  )
})
