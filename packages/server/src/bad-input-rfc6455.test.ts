import { eventually } from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { frame, givesBackMemory, type RawSocket, type Scene, startScene } from './bad-input.setup.ts'

/**
 * The cases that test suites of the WebSocket protocol have, against a running server. It echoes nothing: that a
 * text arrived whole shows in the answer to the barrier that it is, or in the error about what it is not.
 * @see RFC 6455, sections 5 to 8
 */
let scene: Scene
beforeAll(async () => {
  scene = await startScene()
})
afterAll(async () => {
  await scene?.forgetsAll()
  await scene?.close()
})
afterEach(() => scene.neighbour.seesTheNextChange())

const [continuation, text, binary, close, ping, pong] = [0, 1, 2, 8, 9, 10]
const more = { fin: false }
const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(' ', ''), 'hex')
const closing = (code: number, reason: string | Buffer = ''): Buffer =>
  frame(close, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]))

/** A barrier whose JSON has so many bytes, and a text of one's own inside. */
function barrier(id: number, bytes = 0, inside = ''): string {
  const start = `{"type":"barrier","id":${id},"pad":"${inside}`
  return `${start}${'*'.repeat(Math.max(0, bytes - Buffer.byteLength(start) - 2))}"}`
}

/** Sends frames, and gives the code that the connection is closed with. */
async function codeAfter(...frames: Buffer[]): Promise<number> {
  const socket = await scene.socket('alice')
  socket.write(Buffer.concat(frames))
  const code = await socket.code()
  socket.write(frame(close, Buffer.from([code >> 8, code & 0xff])))
  await eventually(() => expect(socket.closed).toBe(true))
  expect(socket.afterClose).toBe(0)
  return code
}

/** Sends frames, and waits until the barrier among them is answered: all of it was understood. */
async function isUnderstood(...frames: Buffer[]): Promise<RawSocket> {
  const socket = await scene.socket('alice')
  socket.write(Buffer.concat(frames))
  await socket.next('barrier')
  expect(socket.closeCode).toBeUndefined()
  return socket
}

describe('5.2: a text', () => {
  it.each([0, 125, 126, 127, 128, 65_535, 65_536])('M12: of %i bytes is read', async (bytes) => {
    const content = barrier(1, bytes)
    await isUnderstood(frame(text, content))
  })

  it.each([65_537, 1_048_576, 1_114_112])(
    'L1, M12: of %i bytes is too large, and answered',
    async (bytes) => {
      const socket = await isUnderstood(frame(text, barrier(1, bytes)), frame(text, barrier(2)))
      expect(socket.messages).toContainEqual({
        type: 'error',
        id: 1,
        error: { code: 'too_large', message: expect.any(String), retryable: false },
      })
    },
  )

  it('L2, M12: of 1,114,113 bytes is too long', async () => {
    expect(await codeAfter(frame(text, barrier(1, 1_114_113)))).toBe(1009)
  })

  it.each([1, 7, 997])('M12: in packets of %i bytes is read', async (size) => {
    const socket = await scene.socket('alice')
    const bytes = frame(text, barrier(1, 2_000))
    for (let at = 0; at < bytes.length; at += size) socket.write(bytes.subarray(at, at + size))
    await socket.next('barrier')
  })

  it('E1: with a length in more bytes than needed is read: nothing in the frame is unclear', async () => {
    const content = Buffer.from(barrier(1))
    for (const head of ['81 fe 00', '81 ff 0000 0000 0000 00']) {
      const length = Buffer.from([content.length])
      const masked = content.map((byte, i) => byte ^ ((i & 3) + 1))
      const bytes = Buffer.concat([hex(head), length, hex('01020304'), masked])
      await isUnderstood(bytes)
    }
  })

  it.each(['00000000', 'ffffffff', '7b227479'])('M12: under the mask %s is read', async (mask) => {
    const key = hex(mask)
    const content = Buffer.from(barrier(1))
    const masked = content.map((byte, i) => byte ^ (key[i & 3] ?? 0))
    await isUnderstood(Buffer.concat([Buffer.from([0x81, 0x80 | content.length]), key, masked]))
  })

  it.each([0, 1, 125, 126, 65_535])('E1: of %i bytes without a mask is refused', async (bytes) => {
    expect(await codeAfter(frame(text, 'x'.repeat(bytes), { masked: false }))).toBe(1002)
  })

  it('E1: of an impossible length is refused, whatever the highest bit says', async () => {
    for (const length of [2n ** 64n - 1n, 2n ** 63n, 2n ** 63n - 1n, 2n ** 32n, 2n ** 31n]) {
      expect(await codeAfter(frame(text, '', { length }))).toBe(1009)
    }
  })
})

describe('5.2: what is reserved', () => {
  it.each([1, 2, 3, 4, 5, 6, 7])('E1: the bits %i close, on every kind of frame', async (bits) => {
    for (const opcode of [text, binary, close, ping, pong]) {
      expect(
        await codeAfter(frame(opcode, opcode === close ? hex('03e8') : 'x', { reserved: bits << 4 })),
      ).toBe(1002)
    }
    expect(await codeAfter(frame(text, '{', more), frame(continuation, '}', { reserved: bits << 4 }))).toBe(
      1002,
    )
  })

  it.each([3, 4, 5, 6, 7, 11, 12, 13, 14, 15])('E1: the kind %i closes', async (opcode) => {
    expect(await codeAfter(frame(opcode))).toBe(1002)
    expect(await codeAfter(frame(opcode, 'x'.repeat(100)))).toBe(1002)
  })

  it('E1: what comes before it has been answered, and nothing that comes after', async () => {
    const socket = await scene.socket('alice')
    socket.write(Buffer.concat([frame(text, barrier(1)), frame(3), frame(text, barrier(2))]))
    expect(await socket.code()).toBe(1002)
    await scene.server.barrier()
    expect(socket.messages.map((message) => ('id' in message ? message.id : 0))).not.toContain(2)
  })
})

describe('5.4: a text in pieces', () => {
  const pieces = (content: string | Buffer, size: number): Buffer[] => {
    const bytes = Buffer.from(content)
    const count = Math.max(1, Math.ceil(bytes.length / size))
    return Array.from({ length: count }, (_, i) =>
      frame(i === 0 ? text : continuation, bytes.subarray(i * size, (i + 1) * size), {
        fin: i === count - 1,
      }),
    )
  }

  it.each([1, 3, 64, 1_000])('M12: of %i bytes each is read', async (size) => {
    await isUnderstood(...pieces(barrier(1, size === 1 ? 80 : 2_000), size))
  })

  it('M12: with empty ones at the start, between and at the end is read', async () => {
    const [head = '', tail = ''] = [barrier(1).slice(0, 9), barrier(1).slice(9)]
    await isUnderstood(
      frame(text, '', more),
      frame(continuation, head, more),
      frame(continuation, '', more),
      frame(continuation, tail, more),
      frame(continuation, ''),
    )
  })

  it('M8: with pings and pongs in between is read, and the pings are answered', async () => {
    const socket = await isUnderstood(
      frame(text, barrier(1).slice(0, 5), more),
      frame(ping, 'one'),
      frame(pong, 'nobody asked'),
      frame(continuation, barrier(1).slice(5, 9), more),
      frame(ping, 'two'),
      frame(continuation, barrier(1).slice(9)),
    )
    expect(socket.pongs).toEqual(['one', 'two'])
  })

  it.each<[string, Buffer[]]>([
    ['a piece of nothing', [frame(continuation, 'x')]],
    ['a piece of nothing that is not the last', [frame(continuation, 'x', more)]],
    ['a piece after the last', [frame(text, '{}'), frame(continuation, 'x')]],
    ['a text within a text', [frame(text, '{', more), frame(text, '}')]],
    ['bytes within a text', [frame(text, '{', more), frame(binary, '}')]],
    ['a text within bytes', [frame(binary, '{', more), frame(text, '}')]],
    ['a piece of a ping', [frame(ping, 'x', more)]],
    ['a piece of a pong', [frame(pong, 'x', more)]],
    ['a piece of a close', [frame(close, hex('03e8'), more)]],
    ['a piece of a ping within a text', [frame(text, '{', more), frame(ping, 'x', more)]],
  ])('E1: %s closes', async (_what, frames) => {
    expect(await codeAfter(...frames)).toBe(1002)
  })

  it('E1: that is bytes closes when it is whole', async () => {
    expect(await codeAfter(frame(binary, '{', more), frame(continuation, '}'))).toBe(1003)
    expect(await codeAfter(frame(binary, ''))).toBe(1003)
  })

  it('E1: over the bound together closes, also where each is small', async () => {
    const count = 70
    const all = Array.from({ length: count }, (_, i) =>
      frame(i === 0 ? text : continuation, 'x'.repeat(16_000), { fin: i === count - 1 }),
    )
    expect(await codeAfter(...all)).toBe(1009)
  })
})

describe('5.5: pings and pongs', () => {
  it.each<[string, Buffer]>([
    ['empty', Buffer.alloc(0)],
    ['short', Buffer.from('hello')],
    ['of bytes that are no text', hex('00 ff fe fd fc fb 00 ff')],
    ['of 125 bytes', Buffer.alloc(125, 0xfe)],
  ])('M8: a ping that is %s is answered with the same', async (_what, payload) => {
    const socket = await isUnderstood(frame(ping, payload), frame(text, barrier(1)))
    expect(socket.pongs).toEqual([payload.toString('latin1')])
  })

  it('M8: ten pings in one packet are answered in their order', async () => {
    const names = Array.from({ length: 10 }, (_, i) => `ping ${i}`)
    const socket = await isUnderstood(...names.map((name) => frame(ping, name)), frame(text, barrier(1)))
    expect(socket.pongs).toEqual(names)
  })

  it('M8: a pong that nobody asked for is a sign of life and nothing else', async () => {
    const socket = await isUnderstood(frame(pong), frame(pong, 'x'.repeat(125)), frame(text, barrier(1)))
    expect(socket.pongs).toEqual([])
  })

  it.each([ping, pong])('E1: one of 126 bytes, of kind %i, closes', async (opcode) => {
    expect(await codeAfter(frame(opcode, Buffer.alloc(126)))).toBe(1002)
    expect(await codeAfter(frame(opcode, Buffer.alloc(0), { length: 65_536n }))).toBe(1002)
  })

  it('G12: 100,000 pongs cost nothing that stays', async () => {
    await givesBackMemory(async () => {
      const one = frame(pong, Buffer.alloc(125))
      const socket = await scene.socket('alice')
      socket.write(Buffer.alloc(one.length * 100_000, one), frame(text, barrier(1)))
      await socket.next('barrier')
      socket.end()
    })
  })
})

describe('5.5.1, 7.4: a close', () => {
  it.each([
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4499, 4999,
  ])('E1: with code %i is answered with it', async (code) => {
    expect(await codeAfter(closing(code))).toBe(code)
    expect(await codeAfter(closing(code, 'x'.repeat(123)))).toBe(code)
  })

  it.each([0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])(
    'E1: with code %i, which nobody may send, is refused',
    async (code) => {
      expect(await codeAfter(closing(code))).toBe(1002)
    },
  )

  it('E1: without a code is answered without one', async () => {
    const socket = await scene.socket('alice')
    socket.write(frame(close))
    await eventually(() => expect(socket.closed).toBe(true))
    expect(socket.closeCode).toBe(1005)
  })

  it('E1: of one byte, and of 126, is refused', async () => {
    expect(await codeAfter(frame(close, hex('03')))).toBe(1002)
    expect(await codeAfter(closing(1000, 'x'.repeat(124)))).toBe(1002)
  })

  it.each<[string, string]>([
    ['a lone byte', 'ff'],
    ['half a character', 'ce'],
    ['half of a surrogate pair', 'eda080'],
    ['a number beyond the last', 'f4908080'],
  ])('E1: whose reason is no UTF-8 but %s is refused', async (_what, bytes) => {
    expect(await codeAfter(closing(1000, hex(bytes)))).toBe(1007)
  })

  it('E1: is the last that is read', async () => {
    const socket = await scene.socket('alice')
    socket.write(Buffer.concat([closing(1000), frame(text, barrier(7)), frame(ping, 'x'), closing(1001)]))
    expect(await socket.code()).toBe(1000)
    await eventually(() => expect(socket.closed).toBe(true))
    expect(socket.pongs).toEqual([])
    expect(socket.messages.filter(({ type }) => type === 'barrier')).toEqual([])
  })

  it('E1: in the middle of a text in pieces closes all the same', async () => {
    expect(await codeAfter(frame(text, '{"type":', more), closing(1000))).toBe(1000)
  })
})

/** Bytes as text, and whether they are UTF-8. @see RFC 3629 */
const utf8: readonly (readonly [what: string, bytes: string, valid: boolean])[] = [
  ['Greek', 'ce ba e1 bd b9 cf 83 ce bc ce b5', true],
  ['the first of two bytes', 'c2 80', true],
  ['the last of two bytes', 'df bf', true],
  ['the first of three', 'e0 a0 80', true],
  ['the last before the surrogates', 'ed 9f bf', true],
  ['the first after the surrogates', 'ee 80 80', true],
  ['the replacement character', 'ef bf bd', true],
  ['no characters', 'ef bf be ef bf bf', true],
  ['a byte order mark', 'ef bb bf', true],
  ['the first of four', 'f0 90 80 80', true],
  ['the last of all', 'f4 8f bf bf', true],
  ['a byte that continues', '80', false],
  ['two bytes that continue', '80 bf', false],
  ['the start of two, alone', 'c2', false],
  ['the start of three, alone', 'e2 82', false],
  ['the start of four, alone', 'f0 9f 98', false],
  ['a start before a start', 'e2 ce ba', false],
  ['a slash in two bytes', 'c0 af', false],
  ['a slash in three', 'e0 80 af', false],
  ['a slash in four', 'f0 80 80 af', false],
  ['NUL in two bytes', 'c0 80', false],
  ['the longest of two that one would hold', 'c1 bf', false],
  ['the longest of three that two would hold', 'e0 9f bf', false],
  ['the longest of four that three would hold', 'f0 8f bf bf', false],
  ['the first half of a pair', 'ed a0 80', false],
  ['the second half of a pair', 'ed bf bf', false],
  ['both halves of a pair', 'ed a0 80 ed b0 80', false],
  ['beyond the last', 'f4 90 80 80', false],
  ['five bytes', 'f8 88 80 80 80', false],
  ['six bytes', 'fc 84 80 80 80 80', false],
  ['fe', 'fe', false],
  ['ff', 'ff', false],
]

describe('5.6, 8.1: UTF-8', () => {
  const around = (bytes: Buffer): Buffer => {
    const [start = '', end = ''] = barrier(1, 0, '|').split('|')
    return Buffer.concat([Buffer.from(start), bytes, Buffer.from(end)])
  }

  it.each(utf8)('M12, E1: %s', async (_what, digits, valid) => {
    const bytes = hex(digits)
    const content = around(bytes)
    const at = content.indexOf(bytes)
    // Whole, and cut at every byte of it, also into pieces of a byte.
    const ways = [[frame(text, content)]]
    for (let cut = at; cut <= at + bytes.length; cut++)
      ways.push([frame(text, content.subarray(0, cut), more), frame(continuation, content.subarray(cut))])
    ways.push([
      frame(text, content.subarray(0, at), more),
      ...Array.from(bytes, (byte) => frame(continuation, Buffer.from([byte]), more)),
      frame(ping, 'in between'),
      frame(continuation, content.subarray(at + bytes.length)),
    ])
    await Promise.all(
      ways.map(async (frames) => {
        if (valid) await isUnderstood(...frames)
        else expect(await codeAfter(...frames)).toBe(1007)
      }),
    )
  })

  it('E1: of a ping is nobody’s business', async () => {
    await isUnderstood(frame(ping, hex('ff fe 80')), frame(text, barrier(1)))
  })
})

describe('a connection that is only half there', () => {
  it.each<[string, Buffer]>([
    ['half a head', hex('81')],
    ['half a length', hex('81 fe 00')],
    ['half a mask', hex('81 85 01 02')],
    ['half a text', frame(text, 'x'.repeat(100), { length: 1_000n })],
    ['half a ping', frame(ping, 'x', { length: 100n })],
    ['half a close', hex('88 82 01 02 03 04 02')],
  ])('S2: ends after %s without a trace', async (_what, bytes) => {
    const socket = await scene.socket('alice')
    const { connections } = scene.server.status()
    socket.write(bytes)
    await scene.server.barrier()
    socket.end()
    await eventually(() => expect(scene.server.status().connections).toBeLessThan(connections))
  })
})
