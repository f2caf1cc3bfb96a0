import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { listen } from '../load/listen.ts'
import { type Contender, messageOf } from './contender.ts'

/** Socket.IO 4 with a room per channel, WebSocket only. */
export async function startSocketIo(): Promise<Contender> {
  const http = createServer()
  const io = new Server(http, { transports: ['websocket'], serveClient: false, pingInterval: 3_600_000 })
  io.on('connection', (socket) => {
    void socket.join('project/1')
  })
  const port = await listen(http)
  let sent = 0
  return {
    port,
    dialect: () => ({ kind: 'socket.io' }),
    send(count) {
      for (let k = 0; k < count; k++) {
        io.to('project/1').emit('change', messageOf(sent++))
      }
    },
    close: () => void io.close(),
  }
}
