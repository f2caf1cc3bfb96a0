import { EventEmitter } from 'node:events'
import { connect as connectTcp, isIP, type Socket, type SocketConnectOpts } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { nodeRuntime } from '../runtime/node.ts'
import type { Timer } from '../runtime/runtime.ts'
import { Framer } from './framer.ts'
import { ReadPace } from './read-pace.ts'

/** Where to connect, as `postgres` read it from the URL. */
export interface WireAddress {
  readonly host: readonly string[]
  readonly port: readonly number[]
  /** Unix socket. */
  readonly path: string | false
  readonly ssl: boolean | string | object | undefined
}

const connectMs = 10_000
const readBytes = 262_144
/** How long bytes gather in the kernel between two reads, while they come fast. @see ReadPace */
const gatherMs = 1
const copyData = 0x64 // d

/**
 * The socket under a replication connection. `postgres` signs in and runs commands over it as over any
 * socket; but the rows of a stream (CopyData) go straight from the read buffer, which is used again and
 * again, to `onCopyData`, and what `sendCopyData` is given goes straight out.
 */
export class Wire extends EventEmitter {
  /** Called with the content of each CopyData message, valid during the call only. */
  onCopyData: (bytes: Buffer, start: number, end: number) => void = () => {}
  #socket: Socket | undefined
  #paused = false
  readonly #framer: Framer
  readonly #pace = new ReadPace(readBytes)
  /** Runs while bytes gather. */
  #gathering: Timer | undefined

  constructor() {
    super()
    this.#framer = new Framer((bytes, start, end) => {
      if (bytes[start] === copyData) this.onCopyData(bytes, start + 5, end)
      // A copy: whoever listens may keep it, and our buffer is used again.
      else this.emit('data', Buffer.from(bytes.subarray(start, end)))
    })
  }

  /** Tries the hosts in order. @throws the last host's error. */
  async connect(address: WireAddress): Promise<void> {
    const places: SocketConnectOpts[] =
      address.path === false
        ? address.host.map((host, i) => ({ host, port: address.port[i] ?? address.port[0] ?? 5432 }))
        : [{ path: address.path }]
    let failure: unknown
    for (const place of places) {
      try {
        this.#socket = await this.#open(place, address.ssl)
        return
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  get readyState(): string {
    return this.#socket?.readyState ?? 'closed'
  }

  write(bytes: Buffer, done?: () => void): boolean {
    return this.#socket?.write(bytes, done) ?? false
  }

  end(bytes?: Buffer): this {
    if (bytes === undefined) this.#socket?.end()
    else this.#socket?.end(bytes)
    return this
  }

  destroy(): this {
    this.#socket?.destroy()
    return this
  }

  /** Closes once everything written has gone out, without waiting for the other side. */
  destroySoon(): void {
    this.#socket?.destroySoon()
  }

  setKeepAlive(on: boolean, afterMs: number): this {
    this.#socket?.setKeepAlive(on, afterMs)
    return this
  }

  pause(): this {
    this.#paused = true
    this.#socket?.pause()
    return this
  }

  resume(): this {
    this.#paused = false
    if (this.#gathering === undefined) this.#socket?.resume()
    return this
  }

  sendCopyData(content: Buffer): void {
    const bytes = Buffer.allocUnsafe(5 + content.length)
    bytes[0] = copyData
    bytes.writeUInt32BE(4 + content.length, 1)
    content.copy(bytes, 5)
    this.write(bytes)
  }

  /** @returns whether the next bytes are wanted at once. */
  #take(bytes: Buffer, length: number): boolean {
    try {
      this.#framer.take(bytes, length)
    } catch (error) {
      // Whatever comes after it cannot be read either. Thrown from here it would end the process.
      this.#socket?.destroy(error instanceof Error ? error : new Error(String(error)))
      return false
    }
    if (this.#pace.isDense(length, nodeRuntime.now())) {
      this.#gathering ??= nodeRuntime.timer(gatherMs, () => {
        this.#gathering = undefined
        if (!this.#paused) this.#socket?.resume()
      })
    }
    return !this.#paused && this.#gathering === undefined
  }

  #open(place: SocketConnectOpts, ssl: WireAddress['ssl']): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const secure = ssl !== undefined && ssl !== false && ssl !== 'disable'
      const buffer = Buffer.allocUnsafeSlow(readBytes)
      const take = (length: number): boolean => this.#take(buffer, length)
      // TLS has no such way to read: it makes a Buffer per record.
      const socket = connectTcp(secure ? place : { ...place, onread: { buffer, callback: take } })
      const timeout = nodeRuntime.timer(connectMs, () => {
        socket.destroy(Object.assign(new Error('no answer in time'), { code: 'CONNECT_TIMEOUT' }))
      })
      const opened = (ready: Socket): void => {
        timeout.cancel()
        ready.removeListener('error', failed)
        ready.on('error', (error) => {
          // Nobody listens any more once the connection was given up.
          if (this.listenerCount('error') > 0) this.emit('error', error)
        })
        ready.on('close', (hadError) => this.emit('close', hadError))
        ready.on('drain', () => this.emit('drain'))
        if (secure) {
          ready.on('data', (chunk: Buffer) => {
            if (!this.#take(chunk, chunk.length)) ready.pause()
          })
        }
        ready.setNoDelay(true)
        resolve(ready)
      }
      const failed = (error: Error): void => {
        timeout.cancel()
        socket.destroy()
        reject(error)
      }
      socket.once('error', failed)
      socket.once('connect', () => {
        if (!secure) opened(socket)
        else this.#secure(socket, place, ssl).then(opened, failed)
      })
    })
  }

  /** Asks for TLS as Postgres wants it asked for, and begins it. */
  #secure(socket: Socket, place: SocketConnectOpts, ssl: WireAddress['ssl']): Promise<Socket> {
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
}

/** An address has no name for the server to choose a certificate by. */
function serverName(place: SocketConnectOpts): ConnectionOptions {
  if (!('host' in place) || place.host === undefined) return {}
  return isIP(place.host) === 0 ? { host: place.host, servername: place.host } : { host: place.host }
}
