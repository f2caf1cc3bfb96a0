import { LockstepError, mutationLengthMax } from '@lockstep/protocol'

/**
 * The request of a write, as frameworks have it: a web `Request` (Hono's `c.req.raw`, Next.js), Hono's
 * `c.req`, or anything with `method`, `url`, `headers` and perhaps a parsed `body` (Node, Express, Fastify,
 * Koa).
 */
export type WriteRequest = Request | WrappedRequest | ParsedRequest

/** Hono's request: the web request, and the body that it keeps once it was read. */
export interface WrappedRequest {
  readonly raw: Request
  text(): Promise<string>
}

export interface ParsedRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  /** Express: the path before routers cut it. */
  readonly originalUrl?: string | undefined
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>
  /** Text, bytes, or what a body parser made of it. */
  readonly body?: unknown
}

/** What a request says of who writes, and where. */
export interface WriteHead {
  readonly session: string | undefined
  readonly mutation: string | undefined
  readonly method: string
  /** Path and query. */
  readonly target: string
}

/** Longest session id, in characters. */
export const sessionLengthMax = 64

/** @throws LockstepError `bad_request` for a session id or key that cannot be one */
export function readHead(request: WriteRequest): WriteHead {
  // A page that has no session yet sends an empty one.
  const session = headerOf(request, 'lockstep-session') || undefined
  const mutation = headerOf(request, 'idempotency-key')
  if (session !== undefined && (session.length > sessionLengthMax || !/^[A-Za-z0-9_-]+$/.test(session))) {
    throw new LockstepError('bad_request', 'The header Lockstep-Session is not a session id.')
  }
  if (mutation !== undefined && (mutation.length > mutationLengthMax || !/^[\x21-\x7e]+$/.test(mutation))) {
    throw new LockstepError(
      'bad_request',
      `The header Idempotency-Key has 1 to ${mutationLengthMax} characters of ASCII, without spaces.`,
    )
  }
  const { method, url } = lineOf(request)
  const parsed = urlOf(url, 'http://localhost')
  return { session, mutation, method, target: parsed === undefined ? url : parsed.pathname + parsed.search }
}

/** The request's head as a web Request, for an `authenticate` that wants one. */
export function headRequest(request: WriteRequest): Request {
  const web = webRequestOf(request)
  if (web !== undefined) return web
  // Not a web request, so it is the third of the shapes.
  const { headers } = request as ParsedRequest
  const { method, url } = lineOf(request)
  const host = headerOf(request, 'host') ?? 'localhost'
  const copy = new Headers()
  for (const [name, value] of headers instanceof Headers ? headers : Object.entries(headers)) {
    if (value !== undefined && !name.startsWith(':'))
      copy.set(name, typeof value === 'string' ? value : value.join(', '))
  }
  return new Request(urlOf(url, `http://${host}`) ?? 'http://localhost', { method, headers: copy })
}

function urlOf(url: string, base: string): URL | undefined {
  try {
    return new URL(url, base)
  } catch {
    return undefined // a request line or a Host header that is no URL
  }
}

/** The web request in it, where there is one. Not by `instanceof`: servers bring Request classes of their own. */
export function webRequestOf(request: WriteRequest): Request | undefined {
  if ('clone' in request && 'bodyUsed' in request) return request
  if ('raw' in request && 'text' in request && 'clone' in request.raw) return request.raw
  return undefined
}

function lineOf(request: WriteRequest): { readonly method: string; readonly url: string } {
  const web = webRequestOf(request)
  if (web !== undefined) return web
  const { method, originalUrl, url } = request as ParsedRequest // the third of the shapes, as above
  return { method: method ?? 'POST', url: originalUrl ?? url ?? '/' }
}

export function headerOf(request: WriteRequest, name: string): string | undefined {
  const headers = webRequestOf(request)?.headers ?? (request as ParsedRequest).headers // the third of the shapes
  // The class may be another realm's or a server's own, so the method decides.
  if ('get' in headers && typeof headers.get === 'function') return headers.get(name) ?? undefined
  const value = (headers as Readonly<Record<string, string | readonly string[] | undefined>>)[name] // not Headers
  return typeof value === 'string' ? value : value?.join(', ')
}
