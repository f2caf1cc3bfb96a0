import { expect, test } from 'vitest'
import { rankAt } from './rank-at.ts'

const list = [{ position: 'V' }, { position: 'W' }, { position: 'W' }, { position: 'X' }]

test('rankAt gives a rank for any place of a list', () => {
  expect(rankAt([], 0)).toBe('V')
  expect(rankAt(list, 0) < 'V').toBe(true)
  const between = rankAt(list, 1)
  expect(between > 'V' && between < 'W').toBe(true)
  expect(rankAt(list, 4) > 'X').toBe(true)
})

test('rankAt goes behind both where two have the same rank for the moment', () => {
  const behind = rankAt(list, 2)
  expect(behind > 'W' && behind < 'X').toBe(true)
})
