import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { LockstepError } from '@lockstep/protocol'
import type { Logger } from '../runtime/logger.ts'
import { errorResponse } from '../write/response.ts'

/**
 * Lets a handler of web requests answer Node's. Resolves with false, having touched nothing, when the
 * handler does not know the address: the caller answers then. Never rejects. Requests that come on one
 * connection without waiting for replies take turns.
 */
export async function answerNode(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handle: (request: Request) => Promise<Response | undefined>,
  logger: Logger,
): Promise<boolean> {
  await turnOf(incoming.socket, outgoing)
  if (incoming.socket.destroyed) return true
  const request = requestOf(incoming)
  let response: Response | undefined
  try {
    response = request === undefined ? refusal() : await handle(request)
  } catch (error) {
    response = errorResponse(error, { method: incoming.method, url: incoming.url, headers: {} }, logger)
  }
  if (response === undefined) return false
  await send(incoming, outgoing, response)
  return true
}

/** Per connection, when the last of its requests so far has been answered. */
const turns = new WeakMap<Socket, Promise<unknown>>()

/**
 * Resolves when the requests before it on the connection have been answered and their replies been sent: of
 * a client that asks a thousand times and reads nothing, one reply is held and not a thousand.
 */
export async function turnOf(socket: Socket, outgoing: ServerResponse): Promise<void> {
  const before = turns.get(socket)
  const closed = new Promise((resolve) => outgoing.once('close', resolve))
  // A reply that never got its turn on the socket does not close with it.
  turns.set(socket, before === undefined ? closed : before.then(() => socket.destroyed || closed))
  await before
}

/** The web request of Node's, its body still to come; undefined where address or host cannot be read. */
export function requestOf(incoming: IncomingMessage): Request | undefined {
  const { method = 'GET', url = '', headers } = incoming
  // Glued together, not resolved: "//elsewhere/x" as an address must stay an address on this host.
  if (!url.startsWith('/')) return undefined
  const scheme = 'encrypted' in incoming.socket ? 'https' : 'http'
  try {
    const copy = new Headers()
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) copy.set(name, typeof value === 'string' ? value : value.join(', '))
    }
    const hasBody = method !== 'GET' && method !== 'HEAD'
    return new Request(`${scheme}://${hostFor(headers.host)}${url}`, {
      method,
      headers: copy,
      ...(hasBody ? { body: bodyOf(incoming), duplex: 'half' } : {}),
    })
  } catch {
    return undefined // a method such as TRACE, or a host or address that is no URL
  }
}

function hostFor(host: string | undefined): string {
  if (host === undefined || host === '') return 'localhost'
  if (!/^[A-Za-z0-9._:[\]-]+$/.test(host)) throw new TypeError('not a host')
  return host
}

function refusal(): Response {
  const error = new LockstepError('bad_request', 'The address of the request cannot be read.')
  return new Response(JSON.stringify({ error }), {
    status: error.http,
    headers: { 'content-type': 'application/json' },
  })
}

/**
 * The body as a web stream that, other than Node's own conversion, leaves the connection open when it is
 * given up: the refusal still has to be sent over it.
 */
function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  let state: 'untouched' | 'flowing' | 'over' = 'untouched'
  const listen = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    const end = (finish: () => void): void => {
      if (state === 'over') return
      state = 'over'
      finish()
    }
    incoming.on('data', (chunk: Buffer) => {
      if (state === 'over') return
      incoming.pause()
      controller.enqueue(chunk)
    })
    incoming.on('end', () => end(() => controller.close()))
    incoming.on('error', (error) => end(() => controller.error(error)))
    incoming.on('close', () => end(() => controller.error(new Error('the connection was closed'))))
  }
  return new ReadableStream<Uint8Array>(
    {
      // Nothing is read before somebody asks: an address that is not ours leaves the body to the caller.
      pull(controller) {
        if (state === 'untouched') {
          state = 'flowing'
          listen(controller)
        }
        incoming.resume()
      },
      cancel() {
        state = 'over'
        incoming.pause()
      },
    },
    { highWaterMark: 0 },
  )
}

async function send(incoming: IncomingMessage, outgoing: ServerResponse, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer())
  if (outgoing.destroyed || outgoing.headersSent) return
  outgoing.statusCode = response.status
  for (const [name, value] of response.headers) outgoing.setHeader(name, value)
  const hasBody = incoming.method !== 'HEAD' && response.status !== 204 && response.status !== 304
  if (hasBody) outgoing.setHeader('content-length', body.byteLength)
  // What is left of a body that nobody wants is not read: the connection ends with the reply.
  if (!incoming.complete) outgoing.setHeader('connection', 'close')
  outgoing.end(hasBody ? body : undefined)
}
