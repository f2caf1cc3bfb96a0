import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { nodeRuntime } from '../runtime/node.ts'
import type { Timer } from '../runtime/runtime.ts'
import { Framer } from './framer.ts'
import { openSocket, type PostgresAddress } from './open-socket.ts'
import { ReadPace } from './read-pace.ts'

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

  /** @throws the last host's error. */
  async connect(address: PostgresAddress): Promise<void> {
    const buffer = Buffer.allocUnsafeSlow(readBytes)
    const take = (length: number): boolean => this.#take(buffer, length)
    const { socket, secure } = await openSocket(address, { buffer, callback: take })
    this.#socket = socket
    socket.on('error', (error) => {
      // Nobody listens any more once the connection was given up.
      if (this.listenerCount('error') > 0) this.emit('error', error)
    })
    socket.on('close', (hadError) => this.emit('close', hadError))
    socket.on('drain', () => this.emit('drain'))
    if (!secure) return
    socket.on('data', (chunk: Buffer) => {
      if (!this.#take(chunk, chunk.length)) socket.pause()
    })
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
}
