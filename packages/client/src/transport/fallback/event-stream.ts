import type { Runtime } from '../../runtime/runtime.ts'
import type { Transport } from '../transport.ts'
import { EventParser, type StreamEvent } from './event-parser.ts'
import { type RequestLink, requestTransport } from './request-transport.ts'
import { post, type Reply, requestBody } from './requests.ts'

/** Messages of the server in one reply that does not end, those of the client in requests beside it. */
export function eventStreamTransport(runtime: Runtime): Transport {
  return requestTransport(runtime, async (link) => {
    const { url, signal, outbox } = link
    const reply = await post(`${url}/events`, requestBody(undefined, outbox.take()), signal)
    const status = await read(reply, (event) => take(link, event))
    link.lose(1006, `status ${status}`)
  })
}

function take({ signal, outbox, message, lose }: RequestLink, { name, data }: StreamEvent): void {
  if (signal.aborted) return
  if (name === 'connection') outbox.begin(data)
  else if (name === 'ping') outbox.pong()
  else if (name === 'close') {
    const { code, reason } = JSON.parse(data)
    lose(code, reason)
  } else if (name === '') message(data)
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
