import { encodeFrame } from '@lockstep/server/stages'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { closeFrame, closeOpcode, FrameReader, readClose } from './frames.ts'

test('frames are put together from any pieces, and part of one is none', () => {
  const text = fc.oneof(fc.string({ maxLength: 300 }), fc.string({ minLength: 66_000, maxLength: 66_000 }))
  fc.assert(
    fc.property(fc.array(text, { maxLength: 6 }), fc.integer({ min: 1, max: 5_000 }), (texts, size) => {
      const bytes = Buffer.concat(texts.map((one) => encodeFrame(one).bytes))
      const reader = new FrameReader()
      const got: string[] = []
      for (let at = 0; at < bytes.length; at += size)
        got.push(...reader.take(bytes.subarray(at, at + size)).map(({ payload }) => payload.toString()))
      expect(got).toEqual(texts.map((one) => Buffer.from(one).toString()))
    }),
    { numRuns: 60 },
  )
})

test('a close carries code and reason', () => {
  const [frame] = new FrameReader().take(closeFrame(4409, 'replaced'))
  expect(frame?.opcode).toBe(closeOpcode)
  expect(readClose(frame?.payload ?? Buffer.alloc(0))).toEqual({ code: 4409, reason: 'replaced' })
  expect(() => new FrameReader().take(Buffer.from([0x81, 0x80, 0, 0, 0, 0]))).toThrow('masked')
})
