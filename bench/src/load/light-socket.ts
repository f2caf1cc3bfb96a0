import { connect, type Socket } from 'node:net'
import type { Dialect } from './dialect.ts'
import { type FrameListener, FrameReader, maskedFrame } from './frames.ts'

/** One read buffer for all sockets of the process: what is read is counted, not kept. */
const shared = Buffer.allocUnsafeSlow(262_144)

export interface LightSocketEvents {
  ready(): void
  counted(): void
  failed(error: Error): void
}

/**
 * A subscriber that costs next to nothing: a plain TCP socket that completes the WebSocket handshake by
 * hand, speaks the dialect until it is subscribed, and from then on counts frames without reading them.
 */
export class LightSocket implements FrameListener {
  frames = 0
  wantsText = true
  readonly #dialect: Dialect
  readonly #events: LightSocketEvents
  readonly #subscriber: number
  readonly #socket: Socket
  readonly #reader: FrameReader
  #open = false
  #answer = ''
  #ended = false

  constructor(port: number, subscriber: number, dialect: Dialect, events: LightSocketEvents) {
    this.#dialect = dialect
    this.#events = events
    this.#subscriber = subscriber
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
      `GET ${dialect.path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n\r\n',
    )
  }

  end(): void {
    this.#ended = true
    this.#socket.destroy()
  }

  text(text: string): void {
    const { say, ready } = this.#dialect.answer(text)
    if (say !== undefined) this.#socket.write(maskedFrame(say))
    if (ready === true) this.#ready()
  }

  counted(): void {
    this.frames++
    this.#events.counted()
  }

  ping(payload: string): void {
    this.#socket.write(maskedFrame(payload, 10))
  }

  closed(): void {
    this.#fail(new Error('the server sent a close frame'))
  }

  #take(size: number): void {
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
    const opening = this.#dialect.opening(this.#subscriber)
    if (opening !== undefined) this.#socket.write(maskedFrame(opening))
    if (this.#dialect.silent) this.#ready()
    this.#reader.take(shared, end + 4 - had, size)
  }

  #ready(): void {
    this.wantsText = false
    this.#events.ready()
  }

  #fail(error: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#socket.destroy()
    this.#events.failed(error)
  }
}
