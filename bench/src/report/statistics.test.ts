import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { median, pairedRatio, quantile } from './statistics.ts'

describe('statistics', () => {
  it('takes the middle value, and the mean of the two in the middle', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(median([])).toBeNaN()
  })

  it('takes quantiles by nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)
    expect(quantile(hundred, 0.5)).toBe(50)
    expect(quantile(hundred, 0.99)).toBe(99)
    expect(quantile(hundred, 1)).toBe(100)
    expect(quantile([7], 0.01)).toBe(7)
  })

  it('has at least the share q of the values at or below the quantile', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer(), { minLength: 1 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, q) => {
          const bound = quantile(values, q)
          expect(values).toContain(bound)
          expect(values.filter((value) => value <= bound).length).toBeGreaterThanOrEqual(q * values.length)
        },
      ),
    )
  })

  it('compares rounds that ran after each other, so that one slow round changes nothing', () => {
    expect(pairedRatio([2, 2, 200], [1, 1, 100])).toBe(2)
    expect(pairedRatio(undefined, [1])).toBeNull()
  })
})
