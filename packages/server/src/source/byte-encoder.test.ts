import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { arrayEncoder } from './array.ts'
import { byteEncoderOf } from './byte-encoder.ts'
import { type Encoder, encoderOfBuiltin, encodeText } from './encoder.ts'
import { JsonBytes } from './json-bytes.ts'

/** What the byte encoder writes, between other bytes, into memory that is too small for it. */
function written(encoder: Encoder, bytes: Buffer): string {
  const from = Buffer.concat([Buffer.from('"\\'), bytes, Buffer.from('"\\é')])
  const json = new JsonBytes(4)
  json.text('ab')
  byteEncoderOf(encoder)(from, 2, 2 + bytes.length, json)
  json.byte(33)
  expect(json.bytes.toString('utf8', json.start, json.start + 2)).toBe('ab')
  expect(json.bytes[json.length - 1]).toBe(33)
  return json.bytes.toString('utf8', json.start + 2, json.length - 1)
}

function expectSame(encoder: Encoder, text: string): void {
  expect(written(encoder, Buffer.from(text))).toBe(encoder(text))
}

const text = fc.oneof(
  fc.string({ unit: 'binary' }).map((one) => one.toWellFormed()),
  fc.string({ unit: fc.constantFrom('a', '"', '\\', '\n', '\u007f', 'é', '\u2028', '😀', ' ') }),
)

describe('byte encoders', () => {
  it('write of any text what the encoder makes of it', () => {
    fc.assert(
      fc.property(text, (one) => {
        expectSame(encodeText, one)
        expectSame(encoderOfBuiltin(114), JSON.stringify(one))
      }),
      { numRuns: 1_000 },
    )
    expectSame(encodeText, 'x'.repeat(100_000))
    expectSame(encodeText, `${'x'.repeat(100_000)}"é`)
  })

  it('write UTF-8 also where the database holds other bytes', () => {
    expect(written(encodeText, Buffer.from([97, 0xff, 98]))).toBe('"a\ufffdb"')
    expect(written(encodeText, Buffer.from([97, 0xc3]))).toBe('"a\ufffd"')
  })

  it.each([
    [16, ['t', 'f']],
    [17, ['\\x', '\\x00ff68']],
    [20, ['9223372036854775807', '-1']],
    [23, ['0', '-2147483648']],
    [701, ['1.5', '1e-300', '-0', 'NaN', 'Infinity', '-Infinity']],
    [1700, ['NaN', `${'1'.repeat(200)}.5`]],
    [2950, ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']],
    [1114, ['2024-02-29 12:30:00', '2024-02-29 12:30:00.1', '0044-03-15 12:00:00 BC', 'infinity']],
    [1114, ['2024-02-29 12:30:00.123456', '10000-01-01 00:00:00', '0044-03-15 12:00:00.25 BC', '']],
    [1184, ['2024-02-29 12:30:00+00', '2024-02-29 12:30:00.25+00', '0044-03-15 12:00:00+00 BC']],
    [1184, ['2024-02-29 12:30:00.123456+00', '294276-12-31 23:59:59.999999+00', '-infinity']],
  ])('write of type %s what the encoder makes of %j', (oid, texts) => {
    for (const one of texts) expectSame(encoderOfBuiltin(oid), one)
  })

  it('write any time of the calendar as the encoder does', () => {
    const micros = fc.option(fc.integer({ min: 1, max: 999_999 }))
    const year = fc.integer({ min: 1, max: 294_275 })
    fc.assert(
      fc.property(year, micros, fc.boolean(), fc.boolean(), (y, us, zoned, bc) => {
        const fraction = us === null ? '' : `.${String(us).padStart(6, '0').replace(/0+$/, '')}`
        const day = `${String(y).padStart(4, '0')}-02-03 04:05:06${fraction}`
        expectSame(encoderOfBuiltin(zoned ? 1184 : 1114), `${day}${zoned ? '+00' : ''}${bc ? ' BC' : ''}`)
      }),
    )
  })

  it('write of any array what the encoder makes of it', () => {
    const quoted = (one: string) => `"${one.replace(/[\\"]/g, '\\$&')}"`
    const word = fc.oneof(
      fc.stringMatching(/^[a-zA-Z0-9 .:;-]+$/),
      fc.constantFrom('NULL', 'null', 'é', 'NULLS'),
    )
    const element = fc.oneof({ weight: 5, arbitrary: word }, text.map(quoted))
    fc.assert(
      fc.property(
        fc.array(element),
        fc.constantFrom(',', ';'),
        fc.boolean(),
        (elements, delimiter, nested) => {
          const kept = delimiter === ';' ? elements.filter((one) => !one.includes(';')) : elements
          const list = `{${kept.join(delimiter)}}`
          expectSame(arrayEncoder(encodeText, delimiter), nested ? `{${list}${delimiter}${list}}` : list)
        },
      ),
    )
    const floats = arrayEncoder(encoderOfBuiltin(701), ',')
    for (const one of ['{}', '{1}', '{1,NaN,NULL,-Infinity}', '[0:1]={1,2}', '{{1},{2}}'])
      expectSame(floats, one)
  })

  it.each(['', '{', '}', '{a', '{,}', '{a,}', '{,a}', '{a}}', '{a}b', 'a'])(
    'refuse %s as the encoder does',
    (one) => {
      const texts = arrayEncoder(encodeText, ',')
      expect(() => written(texts, Buffer.from(one))).toThrow(/not an array/)
    },
  )
})
