import fc from 'fast-check'
import { expect, it } from 'vitest'
import { JsonBytes } from './json-bytes.ts'

it('keeps texts of any size whole while it gets new memory, and those before them', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 60 }).map((one) => one.toWellFormed()),
    fc.nat(300).map((length) => 'x'.repeat(length)),
  )
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), fc.array(fc.array(text)), (slabBytes, texts) => {
      const json = new JsonBytes(slabBytes)
      const written = texts.map((parts) => {
        json.begin()
        for (const part of parts) {
          if (part.length % 2 === 0) json.text(part)
          else {
            const bytes = Buffer.from(`<${part}>`)
            json.copy(bytes, 1, bytes.length - 1)
          }
          json.byte(33)
        }
        return json.bytes.subarray(json.start, json.length)
      })
      expect(written.map(String)).toEqual(texts.map((parts) => parts.map((part) => `${part}!`).join('')))
    }),
  )
})

it('takes back a text that was begun', () => {
  const json = new JsonBytes(8)
  json.text('kept')
  const kept = json.bytes.subarray(0, json.length)
  json.begin()
  json.text('forgotten, with new memory')
  json.cancel()
  json.text('next')
  expect(kept.toString()).toBe('kept')
  expect(json.bytes.subarray(json.start, json.length).toString()).toBe('next')
})
