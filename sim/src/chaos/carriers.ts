import {
  automaticTransport,
  type Link,
  platformRuntime,
  type Transport,
  type WebSocketClass,
  webSocketTransport,
} from '@lockstep/client'
import type { ClientMessage, ServerMessage } from '@lockstep/protocol'
import { WebSocket } from 'ws'
import { Wire } from '../history/wire.ts'
import type { Recorder } from './recorder.ts'

export type Carrier = 'websocket' | 'event-stream' | 'long-polling'

/** What carries a client's messages: as browsers choose it where others do not get through. */
export function carrierTransport(carrier: Carrier, url: string): Transport {
  // Structurally a browser's WebSocket; only its event types differ in name.
  if (carrier === 'websocket') return webSocketTransport(WebSocket as unknown as WebSocketClass)
  if (carrier === 'long-polling') blockStreams(url)
  return automaticTransport(platformRuntime, NoWebSocket)
}

/** A network in which no WebSocket gets through. */
class NoWebSocket {
  onopen: ((event: never) => void) | null = null
  onmessage: ((event: never) => void) | null = null
  onclose: ((event: never) => void) | null = null
  onerror: ((event: never) => void) | null = null

  constructor() {
    setTimeout(() => this.onclose?.({ code: 1006, reason: '' } as never), 5) // all that is read of the event
  }

  send(): void {}
  close(): void {}
}

const blocked = new Set<string>()

/** A proxy on the way that lets no event stream through. */
function blockStreams(url: string): void {
  if (blocked.size === 0) {
    const plain = globalThis.fetch
    globalThis.fetch = (input, init) => {
      const address = String(input)
      if (!address.endsWith('/events') || !blocked.has(new URL(address).origin)) return plain(input, init)
      return Promise.reject(new TypeError('no stream gets through'))
    }
  }
  blocked.add(new URL(url).origin)
}

/** Writes down what a client says and hears, where its code says and hears it. */
export function recorded(client: string, transport: Transport, recorder: Recorder): Transport {
  const wire = new Wire(client)
  return (url, events) => {
    let open = true
    const lose = (): void => {
      if (open) recorder.put(wire.lost(recorder.now()))
      open = false
    }
    const link: Link = transport(url, {
      opened: () => events.opened(),
      message(text) {
        // The server is the one under test: what it sends is taken for what the protocol says.
        if (open) recorder.put(wire.heard(recorder.now(), JSON.parse(text) as ServerMessage))
        events.message(text)
      },
      closed(code, reason) {
        lose()
        events.closed(code, reason)
      },
    })
    return {
      get fallback() {
        return link.fallback
      },
      send(text) {
        recorder.put(wire.said(recorder.now(), JSON.parse(text) as ClientMessage)) // our own client's
        link.send(text)
      },
      close() {
        lose()
        link.close()
      },
    }
  }
}
