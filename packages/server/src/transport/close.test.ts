import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, test } from 'vitest'
import { Requests } from '../hub/requests.ts'
import { Room } from '../hub/room.setup.ts'
import { silentLogger } from '../runtime/logger.ts'
import { WebSocketTransport } from './websocket.ts'

test('a peer that does not answer the close does not hold up a server that closes', async () => {
  const { hub, runtime, limits } = new Room({ helloMs: 100 })
  const requests = new Requests({
    hub,
    runtime,
    limits,
    logger: silentLogger,
    verifyToken: () => ({ session: 's', user: { id: 1 }, expiresAt: Number.POSITIVE_INFINITY }),
  })
  const transport = new WebSocketTransport({ hub, requests, limits, runtime })
  const http = createServer()
  http.on('upgrade', (request, socket, head) => transport.upgrade(request, socket, head))
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  // The type covers pipes too; this one listens on a port.
  const peer = connect((http.address() as AddressInfo).port, '127.0.0.1')
  peer.on('error', () => {})
  peer.write(
    'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  )
  await expect.poll(() => hub.connections.size).toBe(1)
  hub.close(0)
  transport.close()
  await new Promise<void>((resolve) => http.close(() => resolve()))
  peer.destroy()
}, 5_000)
