import type { Runtime } from '../runtime/runtime.ts'
import type { Link, Transport } from './transport.ts'
import { type WebSocketClass, webSocketTransport } from './websocket.ts'

/**
 * WebSockets; where two tries in a row brought nothing from the server, whatever gets through: an event
 * stream or long-polling, whose code is loaded then. `implementation` is for Node before 22.
 */
export function automaticTransport(runtime: Runtime, implementation?: WebSocketClass): Transport {
  const webSocket = webSocketTransport(implementation)
  // Without a class nothing is to be tried.
  let failures = (implementation ?? globalThis.WebSocket) ? 0 : 2
  const plain: Transport = (url, events) =>
    webSocket(url, {
      ...events,
      message(text) {
        failures = 0
        events.message(text)
      },
    })
  let chosen = plain
  return (url, events) => {
    if (chosen !== plain || failures++ < 2) return chosen(url, events)
    let wanted = true
    // Nothing is sent before `opened`: by then it is the link that carries.
    const link: Link = {
      send() {},
      close() {
        wanted = false
      },
    }
    import('./fallback/fallback.ts')
      .then(
        (loaded) => {
          chosen = loaded.fallbackTransport(runtime, webSocket)
        },
        () => {}, // without a network the code cannot be had either
      )
      .then(() => wanted && Object.assign(link, chosen(url, events)))
    return link
  }
}
