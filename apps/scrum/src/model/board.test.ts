import { describe, expect, test } from 'vitest'
import { byPosition, estimateCards, estimateText, readEstimate } from './board.ts'

describe('readEstimate', () => {
  test('reads back every card as it is written on it', () => {
    for (const card of [...estimateCards, null]) expect(readEstimate(estimateText(card))).toBe(card)
  })

  test.each([
    ['', null],
    [' 7 ', 7],
    ['1,5', 1.5],
    ['1000', 1000],
  ])('reads %j', (text, estimate) => {
    expect(readEstimate(text)).toBe(estimate)
  })

  test.each(['1001', '-1', 'five', '1e3', '1.25', 'Infinity'])('refuses %j', (text) => {
    expect(readEstimate(text)).toBeUndefined()
  })
})

test('rows stand in the order of the bytes of their ranks, as in the database', () => {
  const rows = ['a', 'Z', 'V1', 'V'].map((position, id) => ({ position, id }))
  expect(rows.sort(byPosition).map(({ position }) => position)).toEqual(['V', 'V1', 'Z', 'a'])
})
