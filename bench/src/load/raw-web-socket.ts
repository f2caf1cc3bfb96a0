import { connect, type Socket } from 'node:net'
import { type FrameListener, FrameReader, maskedFrame } from './frames.ts'

/** One read buffer for all sockets of the process: what is read is looked at and not kept. */
const shared = Buffer.allocUnsafeSlow(262_144)

export interface RawWebSocketOwner {
  /** Whether texts are to be read; otherwise frames are only counted. */
  readonly wantsText: boolean
  opened(): void
  text(text: string): void
  counted(): void
  /** Once, unless it was `end` that ended it. */
  failed(error: Error): void
}

/** The client's side of a WebSocket on a plain TCP socket, as cheap as it can be. Answers pings. */
export class RawWebSocket implements FrameListener {
  readonly #owner: RawWebSocketOwner
  readonly #socket: Socket
  readonly #reader: FrameReader
  #open = false
  #answer = ''
  #ended = false

  constructor(port: number, path: string, owner: RawWebSocketOwner) {
    this.#owner = owner
    this.#reader = new FrameReader(this)
    this.#socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: shared,
        callback: (size) => {
          this.#take(size)
          return true
        },
      },
    })
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('close', () => this.#fail(new Error('the server closed a connection')))
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n\r\n',
    )
  }

  get wantsText(): boolean {
    return this.#owner.wantsText
  }

  send(...texts: readonly string[]): void {
    this.#socket.write(Buffer.concat(texts.map((text) => maskedFrame(text))))
  }

  /** Cuts the connection with a reset, as a broken network does. */
  end(): void {
    this.#ended = true
    this.#socket.resetAndDestroy()
  }

  text(text: string): void {
    if (!this.#ended) this.#owner.text(text)
  }

  counted(): void {
    this.#owner.counted()
  }

  ping(payload: string): void {
    if (!this.#ended) this.#socket.write(maskedFrame(payload, 10))
  }

  closed(): void {
    this.#fail(new Error('the server sent a close frame'))
  }

  #take(size: number): void {
    if (this.#ended) return
    try {
      if (this.#open) this.#reader.take(shared, 0, size)
      else this.#handshake(size)
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #handshake(size: number): void {
    const had = this.#answer.length
    this.#answer += shared.toString('latin1', 0, size)
    const end = this.#answer.indexOf('\r\n\r\n')
    if (end < 0) return
    if (!this.#answer.startsWith('HTTP/1.1 101')) throw new Error(`no upgrade: ${this.#answer.slice(0, 200)}`)
    this.#open = true
    this.#answer = ''
    this.#owner.opened()
    this.#reader.take(shared, end + 4 - had, size)
  }

  #fail(error: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#socket.destroy()
    this.#owner.failed(error)
  }
}
