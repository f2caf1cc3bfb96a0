import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { comparePositions, encodePosition, parsePosition } from './position.ts'

const epoch = fc.stringMatching(/^[a-z0-9]{1,16}$/)
const lsn = fc.maxSafeNat()

describe('positions', () => {
  it('P3: reading and writing are inverse', () => {
    fc.assert(
      fc.property(epoch, lsn, (e, l) => {
        expect(parsePosition(encodePosition({ epoch: e, lsn: l }))).toEqual({ epoch: e, lsn: l })
      }),
    )
    expect(encodePosition({ epoch: 'k3f9a2', lsn: 0x16b3748 })).toBe('k3f9a2.16b3748')
  })

  it('P3: a text that is read is the only spelling of its position', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9.A-F]{0,20}$/), (text) => {
        let position: ReturnType<typeof parsePosition>
        try {
          position = parsePosition(text)
        } catch {
          return
        }
        expect(encodePosition(position)).toBe(text)
      }),
    )
  })

  it('P3: positions of one epoch compare by lsn, of two not at all', () => {
    fc.assert(
      fc.property(epoch, lsn, lsn, (e, a, b) => {
        const order = comparePositions({ epoch: e, lsn: a }, { epoch: e, lsn: b })
        expect(Math.sign(order ?? Number.NaN)).toBe(Math.sign(a - b))
      }),
    )
    expect(comparePositions({ epoch: 'a', lsn: 1 }, { epoch: 'b', lsn: 1 })).toBeUndefined()
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['empty', ''],
    ['a number', 17],
    ['1e400', Number.POSITIVE_INFINITY],
    ['-0', -0],
    ['the text 1e400', 'a.1e400x'],
    ['the text -0', 'a.-0'],
    ['2^53', 'a.20000000000000'],
    ['2^53 + 1', 'a.20000000000001'],
    ['sixteen digits', 'a.ffffffffffffffff'],
    ['a million digits', `a.${'1'.repeat(1_000_000)}`],
    ['a leading zero', 'a.01'],
    ['upper-case hex', 'a.1F'],
    ['no epoch', '.1'],
    ['no lsn', 'a.'],
    ['no dot', 'a1'],
    ['two dots', 'a.1.2'],
    ['a long epoch', `${'a'.repeat(17)}.1`],
    ['an upper-case epoch', 'A.1'],
    ['a blank', 'a.1 '],
    ['a line end', 'a.1\n'],
    ['NUL', 'a.1\0'],
    ['a lone surrogate', '\ud800.1'],
    ['an array', ['a.1']],
    ['an object', { epoch: 'a', lsn: 1 }],
    ['an object that prints as a position', { length: 3, toString: () => 'a.1' }],
  ])('P3: %s is bad_position', (_what, value) => {
    expect(() => parsePosition(value)).toThrow(expect.objectContaining({ code: 'bad_position' }))
  })
})
