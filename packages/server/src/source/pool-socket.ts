import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { nodeRuntime } from '../runtime/node.ts'
import { openSocket, type PostgresAddress } from './open-socket.ts'

/** Sockets whose end the client has not been told of. */
const open = new Set<PoolSocket>()

/**
 * A socket for a pool of `postgres`, which tells of an error and of the end at one moment. The client fails its queries
 * at the error, and gives up the connection at the end: what is asked in between goes to a connection that is gone,
 * hangs for good, and leaves its place in the pool useless. The same where several connections end together and whoever
 * asks again at the first end is given another of them: so all that are gone are told of at once. Over TLS too, which
 * begins in here.
 */
export class PoolSocket extends EventEmitter {
  #socket: Socket | undefined
  #failure: unknown
  #ended = false

  /** Never rejects: the client tries again after an end, and not where there was no socket. */
  static async open(address: PostgresAddress): Promise<PoolSocket> {
    const made = new PoolSocket()
    try {
      made.#take((await openSocket(address)).socket)
    } catch (error) {
      made.#failure = error
      made.#endSoon()
    }
    return made
  }

  #take(socket: Socket): void {
    this.#socket = socket
    socket.on('data', (bytes: Buffer) => this.emit('data', bytes))
    socket.on('drain', () => this.emit('drain'))
    socket.on('error', (error) => {
      this.#failure ??= error
    })
    socket.on('close', () => {
      for (const each of open) if (each.#socket?.destroyed) each.#end()
    })
    open.add(this)
    if (socket.destroyed) this.#endSoon()
  }

  /** Once the client listens, and has written its first message: one that still waits would be in the way for good. */
  #endSoon(): void {
    nodeRuntime.timer(1, () => this.#end())
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    open.delete(this)
    const failure = this.#failure
    if (failure !== undefined && this.listenerCount('error') > 0) this.emit('error', failure)
    this.emit('close', failure !== undefined)
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

  destroy(error?: Error): this {
    this.#socket?.destroy(error)
    return this
  }

  setKeepAlive(on: boolean, afterMs: number): this {
    this.#socket?.setKeepAlive(on, afterMs)
    return this
  }

  pause(): this {
    this.#socket?.pause()
    return this
  }

  resume(): this {
    this.#socket?.resume()
    return this
  }
}
