import fc from 'fast-check'
import { expect, test } from 'vitest'
import { distribute } from './distribute.ts'
import { firstRanks } from './rank.ts'

test('no part between two lines is larger than the velocity, unless one item is, and none could be larger', () => {
  const estimates = fc.array(fc.option(fc.constantFrom(0, 0.5, 1, 2, 3, 5, 8, 13, 20)), { maxLength: 60 })
  fc.assert(
    fc.property(estimates, fc.integer({ min: 1, max: 30 }), (list, velocity) => {
      const ranks = firstRanks(list.length)
      const items = list.map((estimate, i) => ({ estimate, position: ranks[i] ?? '' }))
      const lines = distribute(items, velocity, 500)
      expect([...lines].sort()).toEqual(lines)
      const bounds = ['', ...lines, '~']
      const parts = bounds.slice(1).map((end, i) => {
        const part = items.filter(({ position }) => position > (bounds[i] ?? '') && position < end)
        return part.map(({ estimate }) => estimate ?? 0)
      })
      const sum = (part: readonly number[]): number => part.reduce((a, b) => a + b, 0)
      for (const [i, part] of parts.entries()) {
        const sized = part.filter((estimate) => estimate > 0)
        expect(sum(part) <= velocity || sized.length === 1).toBe(true)
        const next = parts[i + 1]?.[0]
        if (next !== undefined) expect(sum(part) + next).toBeGreaterThan(velocity)
      }
    }),
  )
})

test('there are never more lines than allowed', () => {
  const items = firstRanks(50).map((position) => ({ estimate: 5, position }))
  expect(distribute(items, 5, 7)).toHaveLength(7)
})
