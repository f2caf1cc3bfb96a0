import type { IncomingMessage, ServerResponse } from 'node:http'
import { LockstepError } from '@lockstep/protocol'
import { join } from './answers.ts'
import type { Bayeux } from './bayeux.ts'
import type { Outlet } from './client.ts'
import type { Parcel } from './parcel.ts'

/** Bytes that wait in a stream before it wants no more. */
const outboxBytesMax = 262_144
/** Time between two comments that keep proxies from closing a quiet stream. */
const commentMs = 15_000

/**
 * Faye's EventSource carrier: the client asks for its stream by its id, and sends everything by POST.
 * @throws LockstepError `not_found` where no client has this id
 */
export function openStream(
  bayeux: Bayeux,
  clientId: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): void {
  const client = bayeux.find(clientId)
  if (client === undefined) {
    throw new LockstepError(bayeux.mayGuess(bayeux.parts.addressOf(incoming)) ? 'not_found' : 'too_fast')
  }
  const { runtime } = bayeux.parts
  outgoing.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
  outgoing.write(':\n\n')
  const write = (parcels: readonly Parcel[]): boolean => {
    outgoing.write(`data: ${join(parcels.map(({ text }) => text))}\n\n`)
    return outgoing.writableLength < outboxBytesMax
  }
  const outlet: Outlet = {
    send: bayeux.extensions.stream(write, () => client.roomAgain(outlet))?.send ?? write,
    get waiting() {
      return outgoing.writableLength > 0
    },
    close() {
      outgoing.end()
    },
    destroy() {
      outgoing.destroy()
    },
  }
  let timer = runtime.timer(commentMs, comment)
  function comment(): void {
    outgoing.write(':\n\n')
    timer = runtime.timer(commentMs, comment)
  }
  outgoing.on('drain', () => client.roomAgain(outlet))
  outgoing.on('close', () => {
    timer.cancel()
    client.detach(outlet, runtime.now())
  })
  client.seenAt = runtime.now()
  client.attach(outlet)
}
