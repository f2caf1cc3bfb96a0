import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeArray } from './array.ts'
import { encoderOfBuiltin, encodeText } from './encoder.ts'
import { formatLsn, parseLsn } from './lsn.ts'
import { encodeTimestamp } from './timestamp.ts'

describe('encodeText', () => {
  it('equals JSON.stringify for every text that UTF-8 can carry', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const carried = text.toWellFormed()
        expect(encodeText(carried)).toBe(JSON.stringify(carried))
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('encodeTimestamp', () => {
  it.each([
    ['2024-02-29 12:30:00+00', 'Z', '2024-02-29T12:30:00.000000Z'],
    ['2024-02-29 12:30:00.25+00', 'Z', '2024-02-29T12:30:00.250000Z'],
    ['2024-02-29 12:30:00.123456+00', 'Z', '2024-02-29T12:30:00.123456Z'],
    ['2024-02-29 12:30:00.1', '', '2024-02-29T12:30:00.100000'],
    ['0044-03-15 12:00:00+00 BC', 'Z', '-000043-03-15T12:00:00.000000Z'],
    ['0001-01-01 00:00:00 BC', '', '0000-01-01T00:00:00.000000'],
    ['10000-01-01 00:00:00+00', 'Z', '+010000-01-01T00:00:00.000000Z'],
    ['294276-12-31 23:59:59.999999', '', '+294276-12-31T23:59:59.999999'],
    ['infinity', 'Z', 'infinity'],
    ['-infinity', '', '-infinity'],
  ] as const)('makes of %s (%s) %s', (text, zone, expected) => {
    expect(encodeTimestamp(text, zone)).toBe(JSON.stringify(expected))
  })
})

describe('floats', () => {
  it.each([
    ['1.5', '1.5'],
    ['1e+30', '1e+30'],
    ['-0', '-0'],
    ['NaN', '"NaN"'],
    ['Infinity', '"Infinity"'],
    ['-Infinity', '"-Infinity"'],
  ])('makes of %s %s', (text, expected) => {
    expect(encoderOfBuiltin(701)(text)).toBe(expected)
  })
})

describe('encodeArray', () => {
  it.each([
    ['{}', []],
    ['{a,NULL,"NULL","",null}', ['a', null, 'NULL', '', null]],
    ['{"a \\"b\\" \\\\","{x,y}"}', ['a "b" \\', '{x,y}']],
    [
      '{{a,b},{c,d}}',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['[0:1]={a,b}', ['a', 'b']],
    ['[1:1][-2:-1]={{a,b}}', [['a', 'b']]],
  ])('reads %s', (text, expected) => {
    // Postgres writes NULL in capitals only; `null` without quotes is a text that it would have quoted.
    const wanted = text.includes(',null}') ? [...expected.slice(0, -1), 'null'] : expected
    expect(JSON.parse(encodeArray(text, encodeText, ','))).toEqual(wanted)
  })

  it.each([
    '',
    '{',
    '}',
    '{a',
    '{"a}',
    '{a}}',
    '{{{{{{{1}}}}}}}',
    '{,}',
    '{a"b}',
    '[0:1]',
    'a',
    '{"a"b}',
    '{"\\',
  ])('refuses %s', (text) => {
    expect(() => encodeArray(text, encodeText, ',')).toThrow(/not an array/)
  })

  it('reads back any array that is written by the rules, and ends on any text at all', () => {
    const value = fc.oneof(fc.constant(null), fc.string({ unit: 'grapheme' }))
    fc.assert(
      fc.property(fc.array(value), (values) => {
        const text = `{${values.map((one) => (one === null ? 'NULL' : `"${one.replace(/[\\"]/g, '\\$&')}"`)).join(',')}}`
        expect(JSON.parse(encodeArray(text, encodeText, ','))).toEqual(values)
      }),
    )
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('{', '}', '"', '\\', ',', 'a', '[', '=', 'N') }),
        (text) => {
          try {
            JSON.parse(encodeArray(text, encodeText, ','))
          } catch (error) {
            expect(String(error)).toMatch(/not an array/)
          }
        },
      ),
      { numRuns: 5_000 },
    )
  })
})

describe('LSNs', () => {
  it('are read and written as Postgres does', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (lsn) => {
        expect(parseLsn(formatLsn(lsn))).toBe(lsn)
      }),
    )
    expect(formatLsn(0x16_b374d848)).toBe('16/B374D848')
    expect(() => parseLsn('16-B')).toThrow(/not an LSN/)
  })
})
