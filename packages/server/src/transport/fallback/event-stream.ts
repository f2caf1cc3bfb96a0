import type { ServerResponse } from 'node:http'
import type { Batch } from '../../hub/batch.ts'
import { batchEvents, eventText } from './event-text.ts'
import { type FallbackParts, HttpCarrier, ReplyProgress } from './http-carrier.ts'

/** Carries the hub's messages in one reply that does not end, as an event stream. @see docs/protocol.md C2 */
export class EventStreamCarrier extends HttpCarrier {
  readonly #reply: ServerResponse
  readonly #progress = new ReplyProgress()
  protected closing = false

  constructor(reply: ServerResponse, parts: FallbackParts, onGone: (carrier: HttpCarrier) => void) {
    super(parts, onGone)
    this.#reply = reply
    reply.writeHead(200, {
      'content-type': 'text/event-stream',
      // Whoever is in between must neither keep nor gather it.
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    })
    reply.on('drain', () => this.connection.drained())
    reply.on('close', () => this.gone())
    reply.on('error', () => {}) // `close` follows
    reply.write(eventText(this.id, 'connection'))
  }

  send(batch: Batch): boolean {
    if (this.closing) return true
    return (
      this.#reply.write(batchEvents(batch)) || this.#reply.writableLength < this.parts.limits.outboxBytesMax
    )
  }

  get waiting(): boolean {
    return this.#reply.writableLength > 0
  }

  ping(): void {
    if (!this.closing) this.#reply.write(eventText('', 'ping'))
  }

  moved(): boolean {
    return this.#progress.moved(this.#reply)
  }

  close(code: number, reason: string): void {
    if (this.closing) return
    this.closing = true
    this.#reply.end(eventText(JSON.stringify({ code, reason }), 'close'))
    // A peer that does not read would hold it for ever.
    const { runtime, limits } = this.parts
    const timer = runtime.timer(limits.helloMs, () => this.#reply.destroy())
    this.#reply.once('close', () => timer.cancel())
  }

  terminate(): void {
    this.closing = true
    this.#reply.destroy()
    this.gone()
  }
}
