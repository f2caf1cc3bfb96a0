import type { ServerResponse } from 'node:http'
import { LockstepError } from '@lockstep/protocol'
import type { Batch } from '../../hub/batch.ts'
import type { Carrier } from '../../hub/carrier.ts'
import type { Connection } from '../../hub/connection.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Requests } from '../../hub/requests.ts'
import type { Limits } from '../../limits.ts'
import type { Runtime, Timer } from '../../runtime/runtime.ts'

export interface FallbackParts {
  readonly hub: Hub
  readonly requests: Requests
  readonly limits: Limits
  readonly runtime: Runtime
}

/** What the carriers over plain HTTP share: a name, taking messages, and an end. */
export abstract class HttpCarrier implements Carrier {
  /** Names the connection in requests; whoever knows it may speak for it. */
  readonly id: string
  readonly connection: Connection
  protected readonly parts: FallbackParts
  readonly #onGone: (carrier: HttpCarrier) => void
  #helloTimer: Timer | undefined
  #gone = false

  /** @throws LockstepError `unavailable`, `restarting` */
  constructor(parts: FallbackParts, onGone: (carrier: HttpCarrier) => void) {
    this.parts = parts
    this.#onGone = onGone
    this.id = parts.runtime.randomText(24)
    this.connection = parts.hub.connect(this)
    this.#helloTimer = parts.runtime.timer(parts.limits.helloMs, () => {
      if (this.connection.session === undefined) this.connection.fail(new LockstepError('timeout'))
    })
  }

  /** Messages of the client, in order. */
  take(messages: readonly string[]): void {
    // A request without messages is the answer to a ping.
    this.connection.heard()
    for (const message of messages) {
      if (this.closing) return
      this.parts.requests.take(this.connection, message)
    }
    if (this.connection.session !== undefined) this.#helloTimer?.cancel()
  }

  /** The connection has ended; harmless when repeated. */
  protected gone(): void {
    if (this.#gone) return
    this.#gone = true
    this.#helloTimer?.cancel()
    this.parts.hub.disconnect(this.connection)
    this.#onGone(this)
  }

  protected abstract readonly closing: boolean
  abstract send(batch: Batch): boolean
  abstract readonly waiting: boolean
  abstract ping(): void
  abstract moved(): boolean
  abstract close(code: number, reason: string): void
  abstract terminate(): void
}

/** Tells whether a reply that waits in this process moves. */
export class ReplyProgress {
  /** Bytes that had left for the kernel at the last look, if more were waiting then; otherwise -1. */
  #passed = -1

  moved(reply: ServerResponse | undefined): boolean {
    const passed = this.#passed
    const written = reply?.socket?.bytesWritten ?? 0
    const waiting = reply?.writableLength ?? 0
    this.#passed = waiting > 0 ? written - waiting : -1
    return passed >= 0 && written - waiting > passed
  }
}
