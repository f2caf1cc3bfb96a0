import { createServer } from 'node:http'
import { eventually } from '@lockstep/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import { listen } from './listen.ts'
import { RawWebSocket, type RawWebSocketOwner } from './raw-web-socket.ts'

const http = createServer()
const server = new WebSocketServer({ server: http })
afterAll(() => {
  for (const socket of server.clients) socket.terminate()
  http.close()
})

class Owner implements RawWebSocketOwner {
  readonly wantsText = true
  texts: string[] = []
  failures: Error[] = []
  open = false

  opened(): void {
    this.open = true
  }
  text(text: string): void {
    this.texts.push(text)
  }
  counted(): void {}
  failed(error: Error): void {
    this.failures.push(error)
  }
}

describe('the raw WebSocket', () => {
  it('speaks with a server that follows the standard, in both directions', async () => {
    let pongs = 0
    server.once('connection', (socket) => {
      socket.on('message', (data) => socket.send(data.toString()))
      socket.on('pong', () => pongs++)
      socket.ping('there?')
    })
    const owner = new Owner()
    const socket = new RawWebSocket(await listen(http), '/', owner)
    await eventually(() => owner.open)
    const texts = ['', 'ä', 'x'.repeat(125), 'x'.repeat(126), 'y'.repeat(66_000)]
    socket.send(...texts)
    await eventually(() => owner.texts.length === texts.length)
    expect(owner.texts).toEqual(texts)
    expect(pongs).toBe(1)
    expect(owner.failures).toEqual([])
    socket.end()
  })

  it('tells once that the server has ended it', async () => {
    server.once('connection', (socket) => socket.close(4503, 'restarting'))
    const owner = new Owner()
    const socket = new RawWebSocket(Number(Object(http.address()).port), '/', owner)
    await eventually(() => owner.failures.length > 0)
    expect(owner.failures.map(({ message }) => message)).toEqual(['the server sent a close frame'])
    socket.end()
  })
})
