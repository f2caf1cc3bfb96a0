import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { listen } from '../load/listen.ts'
import { type Contender, messageOf } from './contender.ts'

/**
 * The control: a loop of `socket.write` of a ready frame, the least that a Node server can do. With
 * `framesPerWrite` > 1, that many ready frames leave in each write.
 */
export async function startBare(framesPerWrite: number): Promise<Contender> {
  const sockets: Duplex[] = []
  const server = createServer()
  server.on('upgrade', (request, socket) => {
    const key = String(request.headers['sec-websocket-key'])
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    socket.on('error', () => {})
    socket.on('data', () => {})
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    sockets.push(socket)
  })
  const port = await listen(server)
  const frame = readyFrame()
  const frames = Buffer.concat(new Array<Buffer>(framesPerWrite).fill(frame))
  return {
    port,
    dialect: () => ({ kind: 'plain' }),
    send(count) {
      for (let sent = 0; sent < count; sent += framesPerWrite) {
        for (let i = 0; i < sockets.length; i++) sockets[i]?.write(frames)
      }
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

/** As long as the frame that Lockstep sends for the same change. */
function readyFrame(): Buffer {
  const payload = JSON.stringify(messageOf(0))
  const frame = Buffer.allocUnsafeSlow(4 + payload.length)
  frame[0] = 0x81
  frame[1] = 126
  frame.writeUInt16BE(payload.length, 2)
  frame.write(payload, 4)
  return frame
}
