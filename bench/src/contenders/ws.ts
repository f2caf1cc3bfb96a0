import { createServer } from 'node:http'
import { type WebSocket, WebSocketServer } from 'ws'
import { listen } from '../load/listen.ts'
import { type Contender, messageOf } from './contender.ts'

/** The `ws` library as its manual shows a broadcast: stringify once, `send` to each. */
export async function startWs(): Promise<Contender> {
  const sockets: WebSocket[] = []
  const http = createServer()
  const server = new WebSocketServer({ server: http, perMessageDeflate: false, clientTracking: false })
  server.on('connection', (socket) => {
    socket.on('error', () => {})
    sockets.push(socket)
  })
  const port = await listen(http)
  let sent = 0
  return {
    port,
    dialect: () => ({ kind: 'plain' }),
    send(count) {
      for (let k = 0; k < count; k++) {
        const text = JSON.stringify(messageOf(sent++))
        for (let i = 0; i < sockets.length; i++) sockets[i]?.send(text)
      }
    },
    close: () => {
      for (const socket of sockets) socket.terminate()
      server.close()
      http.close()
    },
  }
}
