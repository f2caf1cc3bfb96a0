import type { Transport } from './transport.ts'

/** A WebSocket class as browsers have it, and `ws` for Node. */
export type WebSocketClass = new (
  url: string,
) => {
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  send(text: string): void
  close(): void
}

/** Messages as text frames of a WebSocket, one each. `implementation` is for Node before 22. */
export function webSocketTransport(implementation?: WebSocketClass): Transport {
  return (url, events) => {
    const Socket = implementation ?? WebSocket
    const address = new URL(url, globalThis.location?.href)
    address.protocol = address.protocol.replace('http', 'ws')
    const socket = new Socket(address.href)
    socket.onopen = () => events.opened()
    socket.onmessage = (event: MessageEvent) => events.message(String(event.data))
    socket.onclose = (event: CloseEvent) => events.closed(event.code, event.reason)
    // Every failure is followed by a close event; without a listener `ws` would throw it.
    socket.onerror = () => {}
    return {
      send: (text) => socket.send(text),
      close() {
        socket.onopen = socket.onmessage = socket.onclose = null
        socket.close()
      },
    }
  }
}
