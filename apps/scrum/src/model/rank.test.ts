import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { firstRanks, isRank, rankBetween, rankLengthMax } from './rank.ts'

const rank = fc.stringMatching(/^[0-9A-Za-z]{0,8}[1-9A-Za-z]$/)

describe('rankBetween', () => {
  test('gives a rank strictly between any two', () => {
    fc.assert(
      fc.property(rank, rank, (a, b) => {
        fc.pre(a !== b)
        const [low, high] = a < b ? [a, b] : [b, a]
        const between = rankBetween(low, high)
        expect(between > low && between < high).toBe(true)
        expect(isRank(between)).toBe(true)
      }),
    )
  })

  test('gives a rank after any one, and before any one', () => {
    fc.assert(
      fc.property(rank, (one) => {
        const after = rankBetween(one, null)
        const before = rankBetween(null, one)
        expect(after > one && isRank(after)).toBe(true)
        expect(before < one && isRank(before)).toBe(true)
      }),
    )
  })

  test('keeps any series of moves in order, as a list does', () => {
    const move = fc.record({ from: fc.nat(), to: fc.nat() })
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 12 }), fc.array(move, { maxLength: 60 }), (size, moves) => {
        const expected = [...Array(size).keys()]
        const ranks = new Map(firstRanks(size).map((text, row) => [row, text]))
        const of = (row: number | undefined) => (row === undefined ? null : (ranks.get(row) ?? null))
        for (const { from, to } of moves) {
          const [row] = expected.splice(from % size, 1)
          if (row === undefined) continue
          const index = to % size
          ranks.set(row, rankBetween(of(expected[index - 1]), of(expected[index])))
          expected.splice(index, 0, row)
        }
        const sorted = [...ranks].sort(([, a], [, b]) => (a < b ? -1 : 1)).map(([row]) => row)
        expect(sorted).toEqual(expected)
      }),
    )
  })

  test('stays short where rows are appended or put on top, thousands of times', () => {
    let [top, bottom] = ['V', 'V']
    for (let i = 0; i < 20_000; i++) {
      top = rankBetween(null, top)
      bottom = rankBetween(bottom, null)
    }
    expect(top.length).toBeLessThanOrEqual(4)
    expect(bottom.length).toBeLessThanOrEqual(4)
  })

  test('fits 4,900 moves into ever the same gap, the worst case', () => {
    let high = rankBetween('V', null)
    for (let i = 0; i < 4900; i++) high = rankBetween('V', high)
    expect(high.length).toBeLessThanOrEqual(rankLengthMax)
  })

  test('refuses what is not in order', () => {
    expect(() => rankBetween('b', 'a')).toThrow(RangeError)
    expect(() => rankBetween('a', 'a')).toThrow(RangeError)
  })
})

describe('isRank', () => {
  test.each(['', '0', 'V0', 'a b', 'ä', '-', 'V'.repeat(rankLengthMax + 1)])('refuses %j', (text) => {
    expect(isRank(text)).toBe(false)
  })
})
