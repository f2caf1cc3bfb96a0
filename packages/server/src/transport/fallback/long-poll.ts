import type { ServerResponse } from 'node:http'
import type { Batch } from '../../hub/batch.ts'
import { HttpCarrier, ReplyProgress } from './http-carrier.ts'

/**
 * Carries the hub's messages in replies to polls, each held until there is something to say. What comes
 * between two polls waits here, up to the bound of the outbox. @see docs/protocol.md C3
 */
export class LongPollCarrier extends HttpCarrier {
  readonly #progress = new ReplyProgress()
  /** The poll that waits for messages. */
  #poll: ServerResponse | undefined
  /** The reply that is on its way. */
  #reply: ServerResponse | undefined
  #outbox: Batch[] = []
  #outboxBytes = 0
  #replyBytes = 0
  #answering = false
  #end: { readonly code: number; readonly reason: string } | undefined

  /** Takes the next poll. One that waits already is answered with nothing: there is one at a time. */
  poll(reply: ServerResponse): void {
    this.connection.heard()
    this.#answer()
    this.#poll = reply
    reply.on('error', () => {}) // `close` follows
    reply.once('close', () => this.#closed(reply))
    if (this.#outbox.length > 0 || this.#end !== undefined) this.#answerSoon()
  }

  send(batch: Batch): boolean {
    if (this.closing) return true
    this.#outbox.push(batch)
    this.#outboxBytes += batch.bytes.length
    this.#answerSoon()
    return this.#hasRoom
  }

  get waiting(): boolean {
    return this.#outbox.length > 0 || (this.#reply?.writableLength ?? 0) > 0
  }

  /** The next poll is the sign of life. */
  ping(): void {
    if (this.#poll !== undefined) this.#answerSoon()
  }

  moved(): boolean {
    return this.#progress.moved(this.#reply)
  }

  close(code: number, reason: string): void {
    if (this.closing) return
    this.#end = { code, reason }
    this.#answerSoon()
    // The end is told to the next poll, if one comes.
    const timer = this.parts.runtime.timer(this.parts.limits.helloMs, () => this.terminate())
    this.#poll?.once('close', () => timer.cancel())
  }

  terminate(): void {
    this.#end ??= { code: 1006, reason: '' }
    this.#outbox = []
    this.#poll?.destroy()
    this.#reply?.destroy()
    this.gone()
  }

  protected get closing(): boolean {
    return this.#end !== undefined
  }

  get #hasRoom(): boolean {
    return this.#outboxBytes + this.#replyBytes < this.parts.limits.outboxBytesMax
  }

  /** Once per turn, so that what belongs together leaves together. */
  #answerSoon(): void {
    if (this.#answering) return
    this.#answering = true
    this.parts.runtime.endOfTurn(() => {
      this.#answering = false
      this.#answer()
    })
  }

  #answer(): void {
    const poll = this.#poll
    if (poll === undefined) return
    this.#poll = undefined
    const body = this.#body()
    this.#outbox = []
    this.#outboxBytes = 0
    this.#replyBytes += body.length
    this.#reply = poll
    poll.writeHead(200, {
      'content-type': 'application/json',
      'content-length': body.length,
      'cache-control': 'no-store, no-transform',
    })
    poll.end(body, () => {
      this.#replyBytes -= body.length
      if (this.#hasRoom) this.connection.drained()
    })
  }

  #body(): Buffer {
    const parts: Buffer[] = [Buffer.from(`{"connection":"${this.id}","messages":[`)]
    for (const { frames } of this.#outbox) {
      for (const { bytes, payloadStart } of frames) {
        if (parts.length > 1) parts.push(comma)
        parts.push(bytes.subarray(payloadStart))
      }
    }
    parts.push(Buffer.from(this.#end === undefined ? ']}' : `],"close":${JSON.stringify(this.#end)}}`))
    return Buffer.concat(parts)
  }

  #closed(reply: ServerResponse): void {
    const wasPoll = this.#poll === reply
    if (wasPoll) this.#poll = undefined
    if (this.#reply === reply) this.#reply = undefined
    // The peer hung up while it waited, or did not get what it was sent: nobody knows what it has.
    if (wasPoll || !reply.writableFinished) this.terminate()
    else if (this.closing && this.#poll === undefined && this.#outbox.length === 0) this.gone()
  }
}

const comma: Buffer = Buffer.from(',')
