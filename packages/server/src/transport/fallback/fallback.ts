import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { LockstepError } from '@lockstep/protocol'
import { EventStreamCarrier } from './event-stream.ts'
import type { FallbackParts, HttpCarrier } from './http-carrier.ts'
import { LongPollCarrier } from './long-poll.ts'
import { type CarrierRequest, readRequest } from './request.ts'

/** Unknown connections that may be named over one socket; who names more is guessing. */
const guessesMax = 20

/**
 * Carries the hub's messages over plain HTTP, where WebSockets do not get through: as an event stream with
 * messages of the client in requests beside it, or in replies to polls. @see docs/protocol.md C1
 */
export class FallbackTransport {
  readonly #parts: FallbackParts
  readonly #carriers = new Map<string, HttpCarrier>()
  readonly #guesses = new WeakMap<Socket, number>()

  constructor(parts: FallbackParts) {
    this.#parts = parts
  }

  /** Whether an address below the mount path is one of these carriers'. */
  static answers(address: string): boolean {
    return address === 'events' || address === 'messages' || address === 'poll'
  }

  /** Answers a request whose origin has been checked. Never rejects. */
  async answer(address: string, incoming: IncomingMessage, reply: ServerResponse): Promise<void> {
    try {
      if (incoming.method !== 'POST') {
        reply.setHeader('allow', 'POST')
        throw new LockstepError('method_not_allowed')
      }
      const request = await readRequest(incoming, this.#parts.runtime)
      if (reply.destroyed) return
      this.#route(address, request, incoming.socket, reply)
    } catch (error) {
      refuseRequest(incoming, reply, error instanceof LockstepError ? error : new LockstepError('internal'))
    }
  }

  #route(address: string, { connection, messages }: CarrierRequest, socket: Socket, reply: ServerResponse) {
    const onGone = (gone: HttpCarrier): void => {
      this.#carriers.delete(gone.id)
    }
    if (address === 'events') {
      if (connection !== undefined) throw new LockstepError('bad_request', 'An event stream begins anew.')
      const carrier = new EventStreamCarrier(reply, this.#parts, onGone)
      this.#carriers.set(carrier.id, carrier)
      carrier.take(messages)
    } else if (address === 'poll') {
      const carrier =
        connection === undefined ? new LongPollCarrier(this.#parts, onGone) : this.#find(connection, socket)
      if (!(carrier instanceof LongPollCarrier)) {
        throw new LockstepError('bad_request', 'This connection is an event stream.')
      }
      this.#carriers.set(carrier.id, carrier)
      carrier.poll(reply)
      carrier.take(messages)
    } else {
      if (connection === undefined) throw new LockstepError('bad_request', 'Field "connection" is missing.')
      this.#find(connection, socket).take(messages)
      reply.writeHead(204, { 'cache-control': 'no-store' }).end()
    }
  }

  #find(id: string, socket: Socket): HttpCarrier {
    const carrier = this.#carriers.get(id)
    if (carrier !== undefined) return carrier
    const guesses = (this.#guesses.get(socket) ?? 0) + 1
    this.#guesses.set(socket, guesses)
    if (guesses > guessesMax) throw new LockstepError('too_fast')
    throw new LockstepError('not_found', 'This connection has ended; open a new one.')
  }
}

/** Answers with an error, whatever is left of the request's body. */
export function refuseRequest(incoming: IncomingMessage, reply: ServerResponse, error: LockstepError): void {
  if (reply.destroyed || reply.headersSent) return void reply.destroy()
  if (error.retryable) reply.setHeader('retry-after', '1')
  if (!incoming.complete) reply.setHeader('connection', 'close')
  const body = JSON.stringify({ error })
  reply.writeHead(error.http, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  reply.end(body)
}
