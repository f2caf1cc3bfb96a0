import { encodeFrame } from '@lockstep/server/stages'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FrameListener, FrameReader } from './frames.ts'

class Heard implements FrameListener {
  texts: string[] = []
  count = 0
  pings: string[] = []
  closes = 0
  wantsText: boolean

  constructor(wantsText: boolean) {
    this.wantsText = wantsText
  }

  text(text: string): void {
    this.texts.push(text)
  }
  counted(): void {
    this.count++
  }
  ping(payload: string): void {
    this.pings.push(payload)
  }
  closed(): void {
    this.closes++
  }
}

/** Feeds bytes in pieces through one buffer that is written over each time, as a socket's is. */
function feed(reader: FrameReader, bytes: Buffer, cuts: readonly number[]): void {
  const shared = Buffer.alloc(Math.max(1, bytes.length))
  const borders = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b)
  for (let i = 1; i < borders.length; i++) {
    const from = borders[i - 1] ?? 0
    const end = borders[i] ?? 0
    shared.fill(0xff)
    bytes.copy(shared, 0, from, end)
    reader.take(shared, 0, end - from)
  }
}

const texts = fc.array(
  fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('x'.repeat(125), 'y'.repeat(126), 'z'.repeat(70_000)),
  ),
)

describe('the light reader', () => {
  it('finds every frame however the stream is cut, with text and without', () => {
    fc.assert(
      fc.property(texts, fc.array(fc.nat()), fc.boolean(), (messages, cuts, wantsText) => {
        const heard = new Heard(wantsText)
        feed(new FrameReader(heard), Buffer.concat(messages.map((text) => encodeFrame(text).bytes)), cuts)
        if (wantsText) expect(heard.texts).toEqual(messages)
        else expect(heard.count).toBe(messages.length)
      }),
    )
  })

  it('counts no ping and no close as a message', () => {
    const heard = new Heard(false)
    const frames = Buffer.concat([
      Buffer.from([0x89, 2, 0x68, 0x69]),
      encodeFrame('message').bytes,
      Buffer.from([0x88, 0]),
    ])
    feed(new FrameReader(heard), frames, [1, 3])
    expect(heard).toMatchObject({ count: 1, pings: ['hi'], closes: 1 })
  })
})
