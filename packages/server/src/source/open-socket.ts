import { connect as connectTcp, isIP, type OnReadOpts, type Socket, type SocketConnectOpts } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { nodeRuntime } from '../runtime/node.ts'

/** Where to connect, as `postgres` read it from the URL. */
export interface PostgresAddress {
  readonly host: readonly string[]
  readonly port: readonly number[]
  /** Unix socket. */
  readonly path: string | false
  readonly ssl: boolean | string | object | undefined
}

export interface OpenSocket {
  readonly socket: Socket
  /** It is TLS: `onread` was not used. */
  readonly secure: boolean
}

const connectMs = 10_000

/** Connects, with TLS where that is wanted. Tries the hosts in order. @throws the last host's error. */
export async function openSocket(address: PostgresAddress, onread?: OnReadOpts): Promise<OpenSocket> {
  const places: SocketConnectOpts[] =
    address.path === false
      ? address.host.map((host, i) => ({ host, port: address.port[i] ?? address.port[0] ?? 5432 }))
      : [{ path: address.path }]
  let failure: unknown
  for (const place of places) {
    try {
      return await open(place, address.ssl, onread)
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

function open(
  place: SocketConnectOpts,
  ssl: PostgresAddress['ssl'],
  onread: OnReadOpts | undefined,
): Promise<OpenSocket> {
  return new Promise((resolve, reject) => {
    const secure = ssl !== undefined && ssl !== false && ssl !== 'disable'
    // TLS has no such way to read: it makes a Buffer per record.
    const socket = connectTcp(secure || onread === undefined ? place : { ...place, onread })
    const timeout = nodeRuntime.timer(connectMs, () => {
      socket.destroy(Object.assign(new Error('no answer in time'), { code: 'CONNECT_TIMEOUT' }))
    })
    const opened = (ready: Socket): void => {
      timeout.cancel()
      ready.removeListener('error', failed)
      ready.on('error', () => {}) // whoever takes it listens a moment later
      ready.setNoDelay(true)
      resolve({ socket: ready, secure })
    }
    const failed = (error: Error): void => {
      timeout.cancel()
      socket.destroy()
      reject(error)
    }
    socket.once('error', failed)
    socket.once('connect', () => {
      if (!secure) opened(socket)
      else beginTls(socket, place, ssl).then(opened, failed)
    })
  })
}

/** Asks for TLS as Postgres wants it asked for, and begins it. */
function beginTls(socket: Socket, place: SocketConnectOpts, ssl: PostgresAddress['ssl']): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const request = Buffer.alloc(8)
    request.writeUInt32BE(8, 0)
    request.writeUInt32BE(80_877_103, 4)
    socket.write(request)
    socket.once('close', () => reject(Object.assign(new Error('closed'), { code: 'CONNECTION_CLOSED' })))
    socket.once('data', (answer: Buffer) => {
      if (answer[0] !== 0x53) {
        if (ssl === 'prefer' || ssl === 'allow') resolve(socket)
        else reject(Object.assign(new Error('the server does not do SSL'), { code: 'CONNECTION_CLOSED' }))
        return
      }
      const verify = ssl !== 'require' && ssl !== 'allow' && ssl !== 'prefer'
      const options: ConnectionOptions = {
        socket,
        rejectUnauthorized: verify,
        ...serverName(place),
        ...(typeof ssl === 'object' ? ssl : {}),
      }
      const secured = connectTls(options, () => resolve(secured))
      secured.once('error', reject)
    })
  })
}

/** An address has no name for the server to choose a certificate by. */
function serverName(place: SocketConnectOpts): ConnectionOptions {
  if (!('host' in place) || place.host === undefined) return {}
  return isIP(place.host) === 0 ? { host: place.host, servername: place.host } : { host: place.host }
}
