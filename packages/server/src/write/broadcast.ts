import { assertChannel, LockstepError } from '@lockstep/protocol'
import { assertOperationName } from './announce.ts'
import { type WriteRequest, webRequestOf } from './request.ts'

/** What a response is, as far as an envelope needs it. */
export interface BroadcastResponse {
  readonly status: number
  /** The header `Content-Type`, or nothing. */
  readonly contentType: string
  readonly body: Uint8Array
}

/**
 * A request whose response is told to everybody else, as the envelope of an operation. Where the request is answered
 * with a write (`server.respond`, `server.write`), what the write's function returns is that response, and the
 * operation commits with the write. @see docs/protocol.md O2
 */
export interface Broadcast {
  /** Nothing is left to tell: a write has told it, or `finish` was called. */
  readonly told: boolean
  /**
   * The request was answered without a write: tells the response in a transaction of its own, if it is a success.
   * Resolves when that has committed. Never rejects: what the request did has happened, so a fault is logged.
   */
  finish(response: BroadcastResponse): Promise<void>
}

/** What a request is to tell, and whether a write of it has. */
export class Intent {
  readonly operation: string
  readonly channel: string
  state: 'open' | 'writing' | 'told' = 'open'

  /** @throws LockstepError `bad_channel`, `bad_request` for a bad name */
  constructor(operation: string, channel: string) {
    assertOperationName(operation)
    assertChannel(channel)
    this.operation = operation
    this.channel = channel
  }
}

/** Intents by request: as long as a request is there, so is what it is to tell. */
export class Intents {
  readonly #intents = new WeakMap<object, Intent>()

  /** @throws LockstepError `conflict` where the request tells another operation already */
  add(request: WriteRequest, intent: Intent): void {
    const key = webRequestOf(request) ?? request
    if (this.#intents.has(key)) {
      throw new LockstepError('conflict', 'A request broadcasts one operation.')
    }
    this.#intents.set(key, intent)
  }

  /** The intent that a write of this request is to carry; the first write of a request takes it. */
  take(request: WriteRequest): Intent | undefined {
    const intent = this.#intents.get(webRequestOf(request) ?? request)
    if (intent?.state !== 'open') return undefined
    intent.state = 'writing'
    return intent
  }
}

/** The envelope of what a write's function returned: a text becomes `{html}`, nothing becomes null. */
export function envelopeOfValue(value: unknown): unknown {
  if (value === undefined) return null
  return typeof value === 'string' ? { html: value } : value
}

/** The envelope of a response: JSON as it is, a text as `{html}`, nothing or anything else as null. */
export function envelopeOfResponse({ contentType, body }: BroadcastResponse): unknown {
  const isJson = /^application\/(?:[\w.-]+\+)?json\s*(;|$)/i.test(contentType)
  if (body.byteLength === 0 || !(isJson || /^(text\/|$)/i.test(contentType))) return null
  const text = new TextDecoder().decode(body)
  return isJson ? JSON.parse(text) : { html: text }
}
