import { describe, expect, it } from 'vitest'
import { parseVisibility } from './visibility.ts'

describe('parseVisibility', () => {
  it('takes xids modulo 2^32', () => {
    expect(parseVisibility('4294967297:4294967300:4294967298,4294967299')).toEqual({
      xmin: 1,
      xmax: 4,
      inProgress: new Set([2, 3]),
    })
    expect(parseVisibility('5:5:')).toEqual({ xmin: 5, xmax: 5, inProgress: new Set() })
  })
})
