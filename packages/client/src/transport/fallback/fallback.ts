import type { Runtime } from '../../runtime/runtime.ts'
import type { Link, Transport } from '../transport.ts'
import { eventStreamTransport } from './event-stream.ts'
import { longPollTransport } from './long-poll.ts'
import {
  type CarrierName,
  failed,
  firstMemory,
  firstWordMs,
  type Memory,
  probeFailed,
  probeSucceeded,
  proved,
  reasonOf,
  silenceMs,
} from './policy.ts'

/** The carriers that this transport chooses from, for tests to replace. */
export type Carriers = Readonly<Record<CarrierName, Transport>>

/**
 * Chooses a carrier for each connection by what the ones before it came to; while on a fallback, tries a
 * WebSocket beside it from time to time and moves over once one works. Begins after two that did not.
 */
export function fallbackTransport(
  runtime: Runtime,
  webSocket: Transport,
  carriers: Carriers = {
    websocket: whereThereIsOne(webSocket, runtime),
    'event-stream': eventStreamTransport(runtime),
    'long-polling': longPollTransport(runtime),
  },
): Transport {
  let memory: Memory = firstMemory(runtime.now())

  return (url, events) => {
    const { carrier } = memory
    let heardAt: number | undefined
    let over = false
    let cancelProbe = (): void => {}

    const end = (): void => {
      over = true
      cancelFirstWord()
      cancelProbe()
    }
    const lose = (code: number, reason: string): void => {
      end()
      if (heardAt === undefined) memory = failed(memory, runtime.now())
      events.closed(code, reason)
    }
    const cancelFirstWord = runtime.timer(firstWordMs, () => {
      link.close()
      lose(1006, 'nothing came')
    })
    const planProbe = (): void => {
      cancelProbe = runtime.timer(Math.max(0, memory.probeAt - runtime.now()), () => {
        cancelProbe = probe(url, runtime, carriers.websocket, (works) => {
          memory = works ? probeSucceeded(memory) : probeFailed(memory, runtime.now())
          if (!works) return planProbe()
          link.close()
          end()
          events.closed(1006, 'a WebSocket came through')
        })
      })
    }

    const link: Link = carriers[carrier](url, {
      opened: () => !over && events.opened(),
      message(text) {
        if (over) return
        if (heardAt === undefined) {
          cancelFirstWord()
          memory = proved(memory)
          if (carrier !== 'websocket') planProbe()
        }
        heardAt = runtime.now()
        events.message(text)
      },
      closed: (code, reason) => !over && lose(code, reason),
    })
    return {
      fallback: carrier === 'websocket' ? undefined : { carrier, reason: reasonOf(carrier) },
      send: (text) => link.send(text),
      close() {
        if (over) return
        end()
        link.close()
        // Given up by the connection: before the first word, or because nothing came any more.
        const now = runtime.now()
        if (heardAt === undefined || (carrier === 'event-stream' && now - heardAt >= silenceMs)) {
          memory = failed(memory, now)
        }
      },
    }
  }
}

/** A WebSocket that cannot even be made (Node before 22 has no class) fails as one that does not get through. */
function whereThereIsOne(webSocket: Transport, runtime: Runtime): Transport {
  return (url, events) => {
    try {
      return webSocket(url, events)
    } catch {
      return { send() {}, close: runtime.timer(0, () => events.closed(1006, 'no WebSocket')) }
    }
  }
}

/**
 * Whether a WebSocket gets through in both directions: what is no `hello` is answered with an error.
 * Returns what gives it up.
 */
function probe(
  url: string,
  runtime: Runtime,
  webSocket: Transport,
  done: (works: boolean) => void,
): () => void {
  const finish = (works: boolean): void => {
    cancel()
    done(works)
  }
  const link = webSocket(url, {
    opened: () => link.send('{"type":"probe"}'),
    message: () => finish(true),
    closed: () => finish(false),
  })
  const cancelTimer = runtime.timer(firstWordMs, () => finish(false))
  const cancel = (): void => {
    cancelTimer()
    link.close()
  }
  return cancel
}
