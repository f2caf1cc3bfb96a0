import { deflateRawSync } from 'node:zlib'
import { eventually } from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { frame, givesBackMemory, heapMb, type Scene, startScene, upgradeRequest } from './bad-input.setup.ts'

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
const closing = (code: number, reason: Buffer = Buffer.alloc(0)): Buffer =>
  Buffer.concat([Buffer.from([code >> 8, code & 0xff]), reason])
const notUtf8 = Buffer.from([0x61, 0xc0, 0xaf])

describe('a frame', () => {
  it.each<[string, number, Buffer[]]>([
    ['without a mask', 1002, [frame(text, '{}', { masked: false })]],
    ['with reserved bit 2', 1002, [frame(text, '{}', { reserved: 0x20 })]],
    ['with reserved bit 3', 1002, [frame(text, '{}', { reserved: 0x10 })]],
    ['that says it is compressed, which nobody agreed on', 1002, [frame(text, '{}', { reserved: 0x40 })]],
    ['of an unknown kind', 1002, [frame(3, '{}')]],
    ['of an unknown control kind', 1002, [frame(11)]],
    ['that is a ping of 126 bytes', 1002, [frame(ping, Buffer.alloc(126))]],
    ['that is a piece of a ping', 1002, [frame(ping, '', { fin: false })]],
    ['that continues nothing', 1002, [frame(continuation, '{}')]],
    ['with a text inside of a text in pieces', 1002, [frame(text, '{', { fin: false }), frame(text, '}')]],
    ['that closes with 1005', 1002, [frame(close, closing(1005))]],
    ['that closes with 999', 1002, [frame(close, closing(999))]],
    ['that closes with one byte', 1002, [frame(close, Buffer.from([3]))]],
    ['that closes with a reason that is not UTF-8', 1007, [frame(close, closing(1000, notUtf8))]],
    ['that is not UTF-8', 1007, [frame(text, notUtf8)]],
    [
      'that is not UTF-8 over two pieces',
      1007,
      [frame(text, Buffer.from([0xc3]), { fin: false }), frame(continuation, Buffer.from([0xc3]))],
    ],
    ['of 2^63 bytes', 1009, [frame(text, '', { length: 2n ** 63n })]],
    ['of 2^53 bytes', 1009, [frame(text, '', { length: 2n ** 53n })]],
    ['of one byte more than may be', 1009, [frame(text, '', { length: 1_114_113n })]],
    [
      'that goes over the bound with its second piece',
      1009,
      [frame(text, 'x'.repeat(1_100_000), { fin: false }), frame(continuation, 'x'.repeat(60_000))],
    ],
    ['of bytes', 1003, [frame(binary, '{}')]],
  ])('E1: %s closes with %i', async (_what, code, frames) => {
    const socket = await scene.socket('alice')
    socket.write(...frames)
    expect(await socket.code()).toBe(code)
  })

  it('E1: after a bad one is not read any more', async () => {
    const socket = await scene.socket('alice')
    socket.write(Buffer.concat([frame(text, notUtf8), frame(text, '{"type":"barrier","id":1}')]))
    expect(await socket.code()).toBe(1007)
    await scene.server.barrier()
    expect(socket.messages.filter(({ type }) => type === 'barrier')).toEqual([])
  })

  it('is read when it comes byte by byte', async () => {
    const socket = await scene.socket('alice')
    for (const byte of frame(text, '{"type":"barrier","id":1}')) socket.write(Buffer.from([byte]))
    await socket.next('barrier')
  })

  it('E1, G12: a million empty pieces of one text close with 1008', async () => {
    await givesBackMemory(async () => {
      const socket = await scene.socket('alice')
      const piece = frame(continuation, '', { fin: false })
      socket.write(frame(text, '', { fin: false }), Buffer.alloc(piece.length * 1_000_000, piece))
      expect(await socket.code()).toBe(1008)
      socket.end()
    })
  })

  it('G12: 200 connections that each send most of a message of a megabyte take no more than 16 MB together', async () => {
    await givesBackMemory(async () => {
      const sockets = await Promise.all(Array.from({ length: 200 }, () => scene.socket()))
      const before = heapMb()
      const most = frame(text, 'x'.repeat(900_000), { length: 1_000_000n })
      for (const socket of sockets) socket.write(most)
      const refused = (): number => sockets.filter(({ closeCode }) => closeCode === 1009).length
      // Each takes its first 64 kB for granted, 13 MB together, and a packet more.
      await eventually(() => expect(refused()).toBeGreaterThan(150))
      await scene.neighbour.seesTheNextChange()
      expect(heapMb() - before).toBeLessThan(64)
      for (const socket of sockets) socket.end()
    })
    // The room is there for others again.
    const socket = await scene.socket('alice')
    socket.say({ type: 'barrier', id: 1, more: 'x'.repeat(1_000_000) })
    expect((await socket.next('error')).error.code).toBe('too_large')
  })

  it('G12: 200 connections that each announce the largest text and send half of it take no more than that', async () => {
    await givesBackMemory(async () => {
      const sockets = await Promise.all(Array.from({ length: 200 }, () => scene.socket()))
      for (const socket of sockets) socket.write(frame(text, 'x'.repeat(32_768), { length: 65_536n }))
      await scene.neighbour.seesTheNextChange()
      for (const socket of sockets) socket.end()
    })
  })

  it('E1, G12: a bomb of compressed zeros is refused by its first bits, and nothing is inflated', async () => {
    const bomb = deflateRawSync(Buffer.alloc(64 * 1_048_576))
    await givesBackMemory(async () => {
      for (const bytes of [frame(text, bomb, { reserved: 0x40 }), Buffer.concat(halves(bomb))]) {
        const socket = scene.bytes()
        socket.write(
          upgradeRequest({ 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' }),
        )
        expect(await socket.head()).not.toMatch(/permessage-deflate/i)
        socket.write(bytes)
        expect(await socket.code()).toBe(1002)
      }
    })
    function halves(all: Buffer): Buffer[] {
      const [first, rest] = [all.subarray(0, 1_000), all.subarray(1_000)]
      return [frame(text, first, { reserved: 0x40, fin: false }), frame(continuation, rest)]
    }
  })

  it('E1: compressed bytes that are broken are refused by their first bits too', async () => {
    const socket = await scene.socket('alice')
    socket.write(frame(text, Buffer.from('ffffffff00', 'hex'), { reserved: 0x40 }))
    expect(await socket.code()).toBe(1002)
  })

  it('E1: a flood of pings closes with 4429', async () => {
    await givesBackMemory(async () => {
      const socket = await scene.socket('alice')
      const one = frame(ping, Buffer.alloc(125))
      socket.write(Buffer.alloc(one.length * 100_000, one))
      expect(await socket.code()).toBe(4429)
      socket.end()
    })
  })

  it('nothing follows the one with which a connection is closed', async () => {
    const socket = await scene.socket('alice')
    socket.say({ type: 'subscribe', id: 1, channel: 'project/1' })
    await socket.next('live')
    socket.write(frame(binary))
    expect(await socket.code()).toBe(1003)
    await scene.neighbour.seesTheNextChange()
    await scene.neighbour.seesTheNextChange()
    expect(socket.afterClose).toBe(0)
  })
})

describe('a connection', () => {
  let hasty: Scene
  beforeAll(async () => {
    hasty = await startScene({ limits: { helloMs: 400, heartbeatMs: 400, connectionsMax: 3 } })
  })
  afterAll(() => hasty?.close())

  it('M8, L2: that only answers pings takes no room of those with large messages', async () => {
    const tight = await startScene({ limits: { messageBytesMax: 400, oversizeBytesMax: 100 } })
    try {
      const socket = await tight.socket('alice')
      for (let i = 0; i < 8; i++) {
        socket.write(frame(pong, 'x'.repeat(100)))
        await tight.neighbour.seesTheNextChange()
      }
      socket.say({ type: 'barrier', id: 1 })
      await socket.next('barrier')
      const large = frame(text, 'x'.repeat(1_000))
      for (const part of [large.subarray(0, 600), large.subarray(600, 700)]) {
        socket.write(part)
        await tight.neighbour.seesTheNextChange()
      }
      expect(await socket.code()).toBe(1009)
    } finally {
      await tight.close()
    }
  })

  it('M1: on which nothing is said in time closes with 4408', async () => {
    const socket = await hasty.socket()
    expect(await socket.code()).toBe(4408)
    socket.end()
  })

  it('M1: on which only pings and half a text come in time closes with 4408', async () => {
    const socket = await hasty.socket()
    socket.write(frame(ping), frame(text, '{"type":', { fin: false }), frame(ping))
    expect(await socket.code()).toBe(4408)
    socket.end()
  })

  it('M8: whose peer gives no sign of life ends within two heartbeats', async () => {
    const socket = await hasty.socket('alice')
    await socket.next('heartbeat')
    socket.write(frame(pong))
    const count = socket.messages.length
    await eventually(() => expect(socket.closed).toBe(true))
    expect(socket.messages.length - count).toBeLessThanOrEqual(2)
    await hasty.neighbour.seesTheNextChange()
  })

  it('L2: over the bound closes with 4503, whatever else it sends', async () => {
    const sockets = [await hasty.socket('alice'), await hasty.socket('olivia')]
    const over = hasty.bytes()
    over.write(Buffer.concat([Buffer.from(upgradeRequest()), frame(text, notUtf8), frame(3)]))
    expect(await over.code()).toBe(4503)
    over.write(frame(3), frame(text, notUtf8))
    over.end()
    for (const socket of sockets) socket.end()
    await hasty.neighbour.seesTheNextChange()
  })
})
