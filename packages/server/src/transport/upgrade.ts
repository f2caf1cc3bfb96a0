import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { LockstepError } from '@lockstep/protocol'

/** Refuses an upgrade in plain HTTP, before there is a WebSocket to close. */
export function refuseUpgrade(socket: Duplex, error: LockstepError): void {
  const body = JSON.stringify({ error })
  const head = [
    `HTTP/1.1 ${error.http} ${STATUS_CODES[error.http] ?? 'Error'}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  socket.once('finish', () => socket.destroy())
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
