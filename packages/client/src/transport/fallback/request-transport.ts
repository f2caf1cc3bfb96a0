import type { Runtime } from '../../runtime/runtime.ts'
import type { Transport } from '../transport.ts'
import { Outbox } from './requests.ts'

/** One connection over requests: what its carrier needs of it. */
export interface RequestLink {
  readonly url: string
  /** Aborted once the connection has ended. */
  readonly signal: AbortSignal
  readonly outbox: Outbox
  message(text: string): void
  /** Tells the end, once. */
  lose(code: number, reason: string): void
}

/** A transport of requests: `carry` makes them until the connection ends; that it rejects is an end too. */
export function requestTransport(runtime: Runtime, carry: (link: RequestLink) => Promise<void>): Transport {
  return (url, events) => {
    const ending = new AbortController()
    const { signal } = ending
    const lose = (code: number, reason: string): void => {
      if (signal.aborted) return
      ending.abort()
      events.closed(code, reason)
    }
    const outbox = new Outbox(url, signal, (status) => lose(1006, `status ${status}`))
    const message = (text: string): void => {
      if (!signal.aborted) events.message(text)
    }
    // What is sent on opening goes with the request that opens.
    const cancelOpening = runtime.timer(0, () => {
      events.opened()
      carry({ url, signal, outbox, message, lose }).catch(() => lose(1006, 'broke off'))
    })
    return {
      send: (text) => outbox.push(text),
      close() {
        cancelOpening()
        ending.abort()
      },
    }
  }
}
