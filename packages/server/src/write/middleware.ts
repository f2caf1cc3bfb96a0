import type { ServerResponse } from 'node:http'
import { fillChannel, LockstepError, parseChannelPattern } from '@lockstep/protocol'
import { assertOperationName } from './announce.ts'
import type { Broadcast } from './broadcast.ts'
import type { ParsedRequest, WrappedRequest } from './request.ts'
import { defaultWriteLimits, type Writer } from './write.ts'

/**
 * The channel that a request's operation goes to: a template over the parameters of its route,
 * `project/:projectId`, or a function of the framework's own request.
 */
export type BroadcastChannel<R> = string | ((request: R) => string)

export interface BroadcastOptions<R> {
  readonly channel: BroadcastChannel<R>
}

/** As much of Hono's context as is needed. */
export interface HonoContext {
  readonly req: WrappedRequest & { param(): Record<string, string> }
  readonly res: Response
}

/** As much of Express' request as is needed. */
export interface ExpressRequest extends ParsedRequest {
  readonly params: Readonly<Record<string, string | string[] | undefined>>
}

/**
 * Makes Hono middleware that tells a route's response to everybody else:
 * `const broadcast = honoBroadcast(server, { channel: 'project/:projectId' })`, then
 * `app.post('/projects/:projectId/items', broadcast('items/create'), (c) => server.respond(c.req.raw, ...))`.
 * @see docs/protocol.md O2
 * @throws LockstepError `bad_channel`, `bad_request` for a name that is none
 */
export function honoBroadcast<C extends HonoContext = HonoContext>(
  writer: Pick<Writer, 'broadcast'>,
  defaults: BroadcastOptions<C>,
): (
  operation: string,
  options?: BroadcastOptions<C>,
) => (context: C, next: () => Promise<void>) => Promise<void> {
  return (operation, options = defaults) => {
    assertOperationName(operation)
    const channelOf = channelFor(options.channel, (context: C) => context.req.param())
    return async (context, next) => {
      const broadcast = writer.broadcast(context.req, operation, channelOf(context))
      await next()
      if (broadcast.told) return
      const { status, headers } = context.res
      const isSuccess = status >= 200 && status <= 299
      const body = isSuccess ? await context.res.clone().arrayBuffer() : new ArrayBuffer(0)
      const contentType = headers.get('content-type') ?? ''
      await broadcast.finish({ status, contentType, body: new Uint8Array(body) })
    }
  }
}

/** The same for Express, and whatever else has `(request, response, next)` on Node's response. */
export function expressBroadcast<R extends ExpressRequest = ExpressRequest>(
  writer: Pick<Writer, 'broadcast'>,
  defaults: BroadcastOptions<R>,
): (
  operation: string,
  options?: BroadcastOptions<R>,
) => (request: R, response: ServerResponse, next: (error?: unknown) => void) => void {
  return (operation, options = defaults) => {
    assertOperationName(operation)
    const channelOf = channelFor(options.channel, (request: R) => request.params)
    return (request, response, next) => {
      let broadcast: Broadcast
      try {
        broadcast = writer.broadcast(request, operation, channelOf(request))
      } catch (error) {
        next(error)
        return
      }
      tellAtEnd(response, broadcast)
      next()
    }
  }
}

/**
 * Keeps what is written to the response, and holds its end back until it has been told: whoever has the
 * response can rely on its operation. @see docs/protocol.md O2
 */
function tellAtEnd(response: ServerResponse, broadcast: Broadcast): void {
  const write = response.write.bind(response) as (...values: unknown[]) => boolean // all its forms
  const end = response.end.bind(response) as (...values: unknown[]) => ServerResponse // all its forms
  const chunks: Buffer[] = []
  let size = 0
  const keep = (chunk: unknown, encoding: unknown): void => {
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) return
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encodingOf(encoding)) : Buffer.from(chunk)
    // What is larger than an envelope may be is found to be so by its first part.
    if (size <= defaultWriteLimits.envelopeBytesMax) chunks.push(bytes)
    size += bytes.byteLength
  }
  response.write = (...values: unknown[]): boolean => {
    keep(values[0], values[1])
    return write(...values)
  }
  response.end = (...values: unknown[]): ServerResponse => {
    response.write = write
    response.end = end
    if (broadcast.told) return end(...values)
    keep(values[0], values[1])
    const contentType = String(response.getHeader('content-type') ?? '')
    const { statusCode: status } = response
    void broadcast.finish({ status, contentType, body: Buffer.concat(chunks) }).then(() => end(...values))
    return response
  }
}

function encodingOf(value: unknown): BufferEncoding {
  return typeof value === 'string' && Buffer.isEncoding(value) ? value : 'utf8'
}

function channelFor<R>(
  channel: BroadcastChannel<R>,
  parametersOf: (request: R) => Readonly<Record<string, string | string[] | undefined>>,
): (request: R) => string {
  if (typeof channel === 'function') return channel
  const template = parseChannelPattern(channel)
  return (request) => {
    const parameters = new Map(Object.entries(parametersOf(request)))
    const filled = fillChannel(template, (name) => {
      const value = parameters.get(name)
      return typeof value === 'string' ? value : null
    })
    if (filled === undefined) {
      throw new LockstepError('bad_channel', `The route has no parameters for "${channel}".`)
    }
    return filled
  }
}
