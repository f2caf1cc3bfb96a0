import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { joinKey } from './key.ts'

describe('joinKey', () => {
  it('P5: the key of one column is its text as it stands', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(joinKey([text])).toBe(text)
      }),
    )
  })

  it('P5: two keys of the same columns never share a text', () => {
    const parts = fc.array(fc.string({ unit: fc.constantFrom('a', ',', '%', '2', 'C', '5') }), {
      minLength: 2,
      maxLength: 3,
    })
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        fc.pre(a.length === b.length && a.some((part, i) => part !== b[i]))
        expect(joinKey(a)).not.toBe(joinKey(b))
      }),
    )
    expect(joinKey(['a,b', '10%'])).toBe('a%2Cb,10%25')
  })
})
