import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Framer } from './framer.ts'

describe('Framer', () => {
  it('finds every message once, however the chunks are cut, in a buffer that is used again', () => {
    const body = fc.uint8Array({ maxLength: 300 })
    const large = fc.integer({ min: 60_000, max: 200_000 }).map((length) => new Uint8Array(length).fill(7))
    const bodies = fc.array(fc.oneof({ weight: 20, arbitrary: body }, { weight: 1, arbitrary: large }), {
      maxLength: 30,
    })
    fc.assert(
      fc.property(bodies, fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }), (messages, sizes) => {
        const all = Buffer.concat(
          messages.map((one) => {
            const header = Buffer.from('d....')
            header.writeUInt32BE(one.length + 4, 1)
            return Buffer.concat([header, one])
          }),
        )
        const seen: Buffer[] = []
        const framer = new Framer((bytes, start, end) =>
          seen.push(Buffer.from(bytes.subarray(start + 5, end))),
        )
        const chunk = Buffer.alloc(70_000)
        for (let at = 0, i = 0; at < all.length; i++) {
          // Large messages would take too many small chunks.
          const size = Math.min(
            (sizes[i % sizes.length] ?? 1) * (all.length > 50_000 ? 97 : 1),
            all.length - at,
          )
          all.copy(chunk, 0, at, at + size)
          framer.take(chunk, size)
          chunk.fill(0xee)
          at += size
        }
        expect(seen.length).toBe(messages.length)
        expect(Buffer.concat(seen).equals(Buffer.concat(messages))).toBe(true)
      }),
      { numRuns: 300 },
    )
  })
})
