import { comparePositions, encodePosition, parsePosition } from '@lockstep/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isBeyond } from './position.ts'

const position = fc.record({
  epoch: fc.constantFrom('a', 'b', 'ab'),
  lsn: fc.oneof(fc.nat(300), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })),
})

test('P3, P4: the order of the texts is the order of the positions; across epochs there is none', () => {
  fc.assert(
    fc.property(position, position, (a, b) => {
      const order = comparePositions(a, b)
      expect(isBeyond(encodePosition(a), encodePosition(b))).toBe(order === undefined ? undefined : order > 0)
    }),
  )
  expect(parsePosition('a.10').lsn).toBe(16)
  expect(isBeyond('a.10', 'a.f')).toBe(true)
  expect(isBeyond('a.f', 'a.f')).toBe(false)
})
