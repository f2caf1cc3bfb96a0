import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { LockstepError } from '@lockstep/protocol'

export interface UpgradeRefusal {
  readonly error: LockstepError
  /** Lines of the reply's head beside the usual ones. */
  readonly headers?: readonly string[]
}

/**
 * What is wrong with a request for a WebSocket, if anything. All that the WebSocket library would refuse is
 * refused here, so that every refusal is one of ours. Takes time linear in the length of the headers.
 * @see RFC 6455, 4.2.1
 */
export function refusalOf(request: IncomingMessage): UpgradeRefusal | undefined {
  if (request.method !== 'GET') {
    return { error: new LockstepError('method_not_allowed'), headers: ['Allow: GET'] }
  }
  if (request.rawHeaders.length > 2 * headersMax) return bad('The request has too many headers.')
  if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
    return bad('The header Upgrade asks for something else than a WebSocket.')
  }
  if (!keyPattern.test(request.headers['sec-websocket-key'] ?? '')) {
    return bad('The header Sec-WebSocket-Key is not 16 bytes in base64.')
  }
  if (request.headers['sec-websocket-version'] !== '13') {
    return bad('This server speaks version 13 of the WebSocket protocol.', ['Sec-WebSocket-Version: 13'])
  }
  if (!areSubprotocols(request.headers['sec-websocket-protocol'])) {
    return bad('The header Sec-WebSocket-Protocol is not a list of different names.')
  }
  const extensions = request.headers['sec-websocket-extensions']
  if (extensions !== undefined && !extensionsPattern.test(extensions)) {
    return bad('The header Sec-WebSocket-Extensions is not a list of offers.')
  }
  return undefined
}

/**
 * Whether the head of the first request on a connection is padded beyond the bound. Node bounds what it keeps of a
 * head, and keeps nothing of blanks before a value.
 */
export function isPadded({ method, url, rawHeaders, socket }: IncomingMessage, head: Buffer): boolean {
  let kept = `${method} ${url} HTTP/1.1`.length + 4
  for (const text of rawHeaders) kept += text.length + 2
  return socket.bytesRead - head.length - kept > paddingBytesMax
}

/** Also room for what TLS has around a head. */
const paddingBytesMax = 16_384

/** Refuses an upgrade in plain HTTP, before there is a WebSocket to close. */
export function refuseUpgrade(socket: Duplex, { error, headers = [] }: UpgradeRefusal): void {
  const body = JSON.stringify({ error })
  const head = [
    `HTTP/1.1 ${error.http} ${STATUS_CODES[error.http] ?? 'Error'}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers,
  ]
  // A peer may reset the connection while it is being refused, and Node's own listener is gone by now.
  socket.on('error', ignoreError)
  socket.once('finish', () => socket.destroy())
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function ignoreError(): void {}

export function bad(message: string, headers: readonly string[] = []): UpgradeRefusal {
  return { error: new LockstepError('bad_request', message), headers }
}

/** Node leaves out those beyond 2,000, an `Origin` among them: so many are refused before. */
const headersMax = 500

const keyPattern = /^[A-Za-z0-9+/]{22}==$/

// RFC 9110, 5.6.2
const token = "[A-Za-z0-9!#$%&'*+.^_`|~-]+"
const tokenPattern = new RegExp(`^${token}$`)

// RFC 6455, 9.1. Neighbouring parts share no letter but blanks, so that there is one way to read a text.
const parameter = `[ \\t]*;[ \\t]*${token}(?:[ \\t]*=[ \\t]*(?:${token}|"(?:[^"\\\\]|\\\\.)*"))?`
const offer = `[ \\t]*${token}(?:${parameter})*[ \\t]*`
const extensionsPattern = new RegExp(`^${offer}(?:,${offer})*$`)

function areSubprotocols(header: string | undefined): boolean {
  if (header === undefined) return true
  const names = header.split(',').map((name) => name.trim())
  return names.every((name) => tokenPattern.test(name)) && new Set(names).size === names.length
}
