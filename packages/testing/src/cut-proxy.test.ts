import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CutProxy, cutProxy } from './cut-proxy.ts'
import { eventually } from './eventually.ts'

let target: Server
let targetSockets: Socket[]
let proxy: CutProxy
let clients: Client[]

/** A client that remembers what it got and how it ended. */
interface Client {
  readonly socket: Socket
  received: number
  ended: 'open' | 'reset' | 'closed'
}

beforeEach(async () => {
  targetSockets = []
  clients = []
  target = createServer((socket) => {
    targetSockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', (chunk) => socket.write(chunk)) // an echo
  })
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
  const address = target.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  proxy = await cutProxy({ targetPort: address.port })
})

afterEach(async () => {
  for (const client of clients) client.socket.destroy()
  await proxy.close()
  for (const socket of targetSockets) socket.destroy()
  await new Promise((resolve) => target.close(resolve))
})

function join(): Client {
  const client: Client = {
    socket: connect({ port: proxy.port, host: '127.0.0.1' }),
    received: 0,
    ended: 'open',
  }
  client.socket.on('data', (chunk) => {
    client.received += chunk.length
  })
  client.socket.on('error', (error) => {
    if ('code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE')) client.ended = 'reset'
  })
  client.socket.on('close', () => {
    if (client.ended === 'open') client.ended = 'closed'
  })
  clients.push(client)
  return client
}

describe('cutProxy', () => {
  it('carries bytes both ways', async () => {
    const client = join()
    client.socket.write('x'.repeat(200_000))
    await eventually(() => expect(client.received).toBe(200_000))
    expect(proxy.connections).toBe(1)
    expect(proxy.bytesDown).toBe(200_000)
  })

  it('carries a clean end', async () => {
    const client = join()
    client.socket.end('bye')
    await eventually(() => expect(client.received).toBe(3))
    await eventually(() => expect(client.ended).toBe('closed'))
    await eventually(() => expect(proxy.connections).toBe(0))
  })

  it('resets every connection on cut and accepts new ones', async () => {
    const [a, b] = [join(), join()]
    await eventually(() => expect(targetSockets).toHaveLength(2))
    proxy.cut()
    await eventually(() => expect([a.ended, b.ended]).toEqual(['reset', 'reset']))
    await eventually(() => expect(targetSockets.every((socket) => socket.destroyed)).toBe(true))
    const c = join()
    c.socket.write('hello')
    await eventually(() => expect(c.received).toBe(5))
  })

  it('lets exactly the given bytes pass, then cuts once', async () => {
    const client = join()
    proxy.cutAfterBytes(1_234)
    client.socket.write('x'.repeat(5_000))
    // A reset that arrives together with bytes may look like an end to the reader.
    await eventually(() => expect(client.ended).not.toBe('open'))
    expect(proxy.bytesDown).toBe(1_234)
    expect(client.received).toBeLessThanOrEqual(1_234)
    const next = join()
    next.socket.write('x'.repeat(5_000))
    await eventually(() => expect(next.received).toBe(5_000))
  })

  it('holds every byte while paused and lets it go on resume', async () => {
    const client = join()
    client.socket.write('before')
    await eventually(() => expect(client.received).toBe(6))
    proxy.pause()
    client.socket.write('after')
    const late = join()
    late.socket.write('late')
    await eventually(() => expect(proxy.connections).toBe(2))
    expect([client.received, late.received, client.ended]).toEqual([6, 0, 'open'])
    proxy.resume()
    await eventually(() => expect([client.received, late.received]).toEqual([11, 4]))
  })

  it('holds one direction only where that is asked for', async () => {
    const client = join()
    await eventually(() => expect(targetSockets).toHaveLength(1))
    let arrived = 0
    targetSockets[0]?.on('data', (chunk: Buffer) => {
      arrived += chunk.length
    })
    proxy.pause('down')
    client.socket.write('up')
    await eventually(() => expect(arrived).toBe(2))
    expect(client.received).toBe(0)
    proxy.pause('up')
    await eventually(() => expect(client.received).toBe(2))
    client.socket.write('more')
    targetSockets[0]?.write('down')
    await eventually(() => expect(client.received).toBe(6))
    expect(arrived).toBe(2)
    proxy.resume()
    await eventually(() => expect(client.received).toBe(10))
  })

  it('hands bytes on later, in their order, for as long as it is told to', async () => {
    const client = join()
    proxy.delay(60)
    const from = performance.now()
    client.socket.write('slow')
    await eventually(() => expect(client.received).toBe(4))
    expect(performance.now() - from).toBeGreaterThanOrEqual(119)
    client.socket.write('held')
    proxy.delay(0)
    await eventually(() => expect(client.received).toBe(8))
  })

  it.each(['up', 'down'] as const)('ends one direction, %s, and carries the other on', async (direction) => {
    const halves: { readonly socket: Socket; received: number; ended: boolean }[] = []
    const watch = (socket: Socket): void => {
      const half = { socket, received: 0, ended: false }
      halves.push(half)
      socket.on('error', () => {})
      socket.on('end', () => {
        half.ended = true
      })
      socket.on('data', (chunk: Buffer) => {
        half.received += chunk.length
      })
    }
    const patient = createServer({ allowHalfOpen: true }, watch)
    await new Promise<void>((resolve) => patient.listen(0, '127.0.0.1', resolve))
    const address = patient.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const between = await cutProxy({ targetPort: address.port })
    watch(connect({ port: between.port, host: '127.0.0.1', allowHalfOpen: true }))
    await eventually(() => expect(halves).toHaveLength(2))
    const [client, served] = halves
    between.halfClose(direction)
    const [ended, open] = direction === 'up' ? [served, client] : [client, served]
    await eventually(() => expect(ended?.ended).toBe(true))
    ended?.socket.write('still')
    await eventually(() => expect(open?.received).toBe(5))
    open?.socket.write('lost')
    expect([open?.ended, ended?.received]).toEqual([false, 0])
    await between.close()
    for (const { socket } of halves) socket.destroy()
    await new Promise((resolve) => patient.close(resolve))
  })

  it('slows to the given rate', async () => {
    const client = join()
    await eventually(() => expect(targetSockets).toHaveLength(1))
    proxy.throttle(100_000)
    const from = performance.now()
    targetSockets[0]?.write('x'.repeat(20_000))
    await eventually(() => expect(client.received).toBe(20_000))
    expect(performance.now() - from).toBeGreaterThan(150)
  })

  it('resets new connections while refusing and keeps the open one', async () => {
    const open = join()
    await eventually(() => expect(proxy.connections).toBe(1))
    proxy.refuse(true)
    const refused = join()
    await eventually(() => expect(refused.ended).not.toBe('open'))
    open.socket.write('still')
    await eventually(() => expect(open.received).toBe(5))
    proxy.refuse(false)
    let accepted = 0
    proxy.onConnection(() => accepted++)
    const back = join()
    back.socket.write('back')
    await eventually(() => expect(back.received).toBe(4))
    expect(accepted).toBe(1)
  })
})
