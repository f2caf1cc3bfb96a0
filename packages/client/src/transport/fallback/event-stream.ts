import type { Runtime } from '../../runtime/runtime.ts'
import type { Transport } from '../transport.ts'
import { EventParser, type StreamEvent } from './event-parser.ts'
import { Outbox, post, type Reply, requestBody } from './requests.ts'

/** Messages of the server in one reply that does not end, those of the client in requests beside it. */
export function eventStreamTransport(runtime: Runtime): Transport {
  return (url, events) => {
    const ending = new AbortController()
    const { signal } = ending
    const lose = (code: number, reason: string): void => {
      if (signal.aborted) return
      ending.abort()
      events.closed(code, reason)
    }
    const outbox = new Outbox(url, signal, (status) => lose(1006, `status ${status}`))
    const take = ({ name, data }: StreamEvent): void => {
      if (signal.aborted) return
      if (name === 'connection') outbox.begin(data)
      else if (name === 'ping') outbox.pong()
      else if (name === 'close') {
        const { code, reason } = JSON.parse(data)
        lose(code, reason)
      } else if (name === '') events.message(data)
    }
    // What is sent on opening goes with the request that opens.
    const cancelOpening = runtime.timer(0, () => {
      events.opened()
      post(`${url}/events`, requestBody(undefined, outbox.take()), signal)
        .then((reply) => read(reply, take))
        .then(
          (status) => lose(1006, `status ${status}`),
          () => lose(1006, 'broke off'),
        )
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

/** Reads to the end. */
async function read(reply: Reply, take: (event: StreamEvent) => void): Promise<number> {
  if (reply.status !== 200 || reply.body === null) return reply.status
  const parser = new EventParser(take)
  const decoder = new TextDecoder()
  const reader = reply.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return reply.status
    parser.push(decoder.decode(value, { stream: true }))
  }
}
