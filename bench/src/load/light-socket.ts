import type { Dialect } from './dialect.ts'
import { RawWebSocket, type RawWebSocketOwner } from './raw-web-socket.ts'

export interface LightSocketEvents {
  ready(): void
  counted(): void
  failed(error: Error): void
}

/**
 * A subscriber that costs next to nothing: it speaks the dialect until it is subscribed, and from then on
 * counts frames without reading them.
 */
export class LightSocket implements RawWebSocketOwner {
  frames = 0
  wantsText = true
  readonly #dialect: Dialect
  readonly #events: LightSocketEvents
  readonly #subscriber: number
  readonly #socket: RawWebSocket

  constructor(port: number, subscriber: number, dialect: Dialect, events: LightSocketEvents) {
    this.#dialect = dialect
    this.#events = events
    this.#subscriber = subscriber
    this.#socket = new RawWebSocket(port, dialect.path, this)
  }

  opened(): void {
    const opening = this.#dialect.opening(this.#subscriber)
    if (opening !== undefined) this.#socket.send(opening)
    if (this.#dialect.silent) this.#ready()
  }

  text(text: string): void {
    const { say, ready } = this.#dialect.answer(text)
    if (say !== undefined) this.#socket.send(say)
    if (ready === true) this.#ready()
  }

  counted(): void {
    this.frames++
    this.#events.counted()
  }

  failed(error: Error): void {
    this.#events.failed(error)
  }

  #ready(): void {
    this.wantsText = false
    this.#events.ready()
  }
}
