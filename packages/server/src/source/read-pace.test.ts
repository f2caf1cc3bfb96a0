import { createServer, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { eventually } from '@lockstep/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { ReadPace } from './read-pace.ts'
import { Wire } from './wire.ts'

describe('ReadPace', () => {
  const full = 100_000

  it('has every read made at once while few come in a millisecond', () => {
    const pace = new ReadPace(full)
    for (let ms = 0; ms < 100; ms++) {
      for (let read = 0; read < 32; read++) expect(pace.isDense(300, ms)).toBe(false)
    }
  })

  it('lets bytes gather once reads are dense, until little has gathered', () => {
    const pace = new ReadPace(full)
    for (let read = 0; read < 32; read++) expect(pace.isDense(300, 1)).toBe(false)
    expect(pace.isDense(300, 1)).toBe(true)
    for (let ms = 2; ms < 50; ms++) expect(pace.isDense(40_000, ms)).toBe(true)
    expect(pace.isDense(300, 50)).toBe(false)
    expect(pace.isDense(300, 51)).toBe(false)
  })

  it('waits for nothing where a read was full: more is there already', () => {
    const pace = new ReadPace(full)
    for (let read = 0; read < 33; read++) pace.isDense(300, 1)
    expect(pace.isDense(full, 2)).toBe(false)
    expect(pace.isDense(40_000, 2)).toBe(true)
  })
})

describe('the wire', () => {
  const open: { close(): unknown }[] = []
  afterEach(() => {
    for (const one of open.splice(0)) one.close()
  })

  it('gives every message of a dense stream once and in order, paused and resumed meanwhile', async () => {
    const count = 20_000
    const server = createServer((socket) => void send(socket, count))
    open.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const wire = new Wire()
    open.push({ close: () => wire.destroy() })
    let seen = 0
    let outOfOrder = 0
    wire.onCopyData = (bytes, start) => {
      if (bytes.readUInt32BE(start) !== seen) outOfOrder++
      if (seen++ % 997 !== 0) return
      wire.pause()
      setTimeout(() => wire.resume(), seen % 3)
    }
    const { port } = Object(server.address())
    await wire.connect({ host: ['127.0.0.1'], port: [port], path: false, ssl: false })
    await eventually(() => seen === count)
    expect(outOfOrder).toBe(0)
  })
})

/** CopyData messages that hold their number, each in a write of its own, as a walsender sends rows. */
async function send(socket: Socket, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const message = Buffer.alloc(300)
    message[0] = 0x64
    message.writeUInt32BE(299, 1)
    message.writeUInt32BE(i, 5)
    if (!socket.write(message)) await new Promise((resolve) => socket.once('drain', resolve))
    if (i % 4 === 0) await turn()
  }
}
