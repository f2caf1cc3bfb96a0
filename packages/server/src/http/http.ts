import { isChannel, LockstepError, type PageSession, subscriptionsMax } from '@lockstep/protocol'
import type { User } from '../definition/definition.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { readBounded } from '../write/body.ts'
import { errorResponse } from '../write/response.ts'
import { matchesEtag, quoteEtag } from './etag.ts'
import { canonicalOrigins, hostOf, isOriginAllowed } from './origin.ts'

/**
 * What the sync server answers over HTTP, under its path:
 * `GET <path>/snapshot/<channel>`, `POST <path>/session`, `GET <path>/health`, `/live` and `/ready`,
 * `POST <path>/publish`, `POST <path>/sessions` and `POST <path>/locks`. @see docs/protocol.md H1
 */
export interface Http {
  /** Undefined: the address is not ours. Never rejects. */
  handle(request: Request): Promise<Response | undefined>
}

export interface HttpParts {
  /** Where the sync server is mounted, e.g. `/lockstep`. */
  readonly path: string
  readonly authenticate: (request: Request) => User | null | Promise<User | null>
  /** The snapshot message as JSON text. @throws LockstepError `no_channel` where there is none for this user */
  readonly snapshot: (
    channel: string,
    user: User,
  ) => Promise<{ readonly json: string; readonly etag: string }>
  readonly issueSession: (user: User, channels?: readonly string[]) => PageSession | Promise<PageSession>
  /** Answers an application that publishes; undefined: none may. @throws LockstepError */
  readonly publish?: ((request: Request) => Promise<Response>) | undefined
  /** Opens sessions for a backend; undefined: for none. @throws LockstepError */
  readonly issue?: ((request: Request) => Promise<Response>) | undefined
  /** Answers a session that locks without a socket. @throws LockstepError */
  readonly locks: (request: Request) => Promise<Response>
  /** Answers administrators what is asked below `inspector`; undefined: there is none. @throws LockstepError */
  readonly inspector?: ((request: Request, rest: string) => Promise<Response>) | undefined
  readonly health: () => { readonly status: 'ok' | 'starting'; readonly connected: boolean }
  /** Whether nobody new is to be sent here. */
  readonly draining?: (() => boolean) | undefined
  /** Origins of other hosts whose pages may ask for sessions and read snapshots. */
  readonly origins?: readonly string[] | undefined
  /** Whether `X-Forwarded-Host` is written by a proxy of our own. */
  readonly trustProxy?: boolean | undefined
  readonly limits?: Partial<HttpLimits> | undefined
  readonly runtime: Runtime
  readonly logger: Logger
}

export interface HttpLimits {
  /** Body of a request for a session. */
  readonly sessionBytesMax: number
  /** Time for a body to arrive. */
  readonly requestMs: number
  readonly channelsMax: number
}

export const defaultHttpLimits: HttpLimits = {
  sessionBytesMax: 65_536,
  requestMs: 10_000,
  channelsMax: subscriptionsMax,
}

/** @throws TypeError for an origin that is none */
export function createHttp(parts: HttpParts): Http {
  return new SyncHttp(parts)
}

class SyncHttp implements Http {
  readonly #parts: HttpParts
  readonly #limits: HttpLimits
  readonly #path: string
  readonly #origins: ReadonlySet<string>

  constructor(parts: HttpParts) {
    this.#parts = parts
    this.#limits = { ...defaultHttpLimits, ...parts.limits }
    this.#path = parts.path.replace(/\/+$/, '')
    this.#origins = canonicalOrigins(parts.origins ?? [])
  }

  async handle(request: Request): Promise<Response | undefined> {
    const { pathname } = new URL(request.url)
    if (pathname !== this.#path && !pathname.startsWith(`${this.#path}/`)) return undefined
    let response: Response
    try {
      response =
        this.#preflight(request) ?? (await this.#route(request, pathname.slice(this.#path.length + 1)))
    } catch (error) {
      response = errorResponse(error, request, this.#parts.logger)
    }
    return this.#finish(request, response)
  }

  #route(request: Request, rest: string): Response | Promise<Response> {
    if (rest === '') return this.#mount(request)
    if (rest === 'health') return this.#health(request)
    if (rest === 'live' || rest === 'ready') return this.#probe(request, rest)
    if (rest === 'session') return this.#session(request)
    const { publish, issue, inspector } = this.#parts
    if (inspector !== undefined && /^inspector(\/|$)/.test(rest))
      return inspector(request, rest.slice('inspector'.length))
    if (rest === 'sessions' && issue !== undefined) return refuseMethod(request, ['POST']) ?? issue(request)
    if (rest === 'publish' && publish !== undefined)
      return refuseMethod(request, ['POST']) ?? publish(request)
    if (rest === 'locks') return this.#locks(request)
    if (rest.startsWith('snapshot/')) return this.#snapshot(request, rest.slice('snapshot/'.length))
    throw new LockstepError('not_found')
  }

  #mount(request: Request): Response {
    const refused = refuseMethod(request, ['GET'])
    if (refused !== undefined) return refused
    const response = errorResponse(new LockstepError('upgrade_required'), request, this.#parts.logger)
    response.headers.set('upgrade', 'websocket')
    return response
  }

  #health(request: Request): Response {
    const refused = refuseMethod(request, ['GET', 'HEAD'])
    if (refused !== undefined) return refused
    const health = this.#parts.health()
    return json(JSON.stringify(health), {
      status: health.status === 'ok' ? 200 : 503,
      'cache-control': 'no-store',
    })
  }

  /** For whoever looks after processes: `live`, may it go on; `ready`, may it be sent anybody. */
  #probe(request: Request, what: 'live' | 'ready'): Response {
    const refused = refuseMethod(request, ['GET', 'HEAD'])
    if (refused !== undefined) return refused
    let status: 'live' | 'ready' | 'draining' | 'disconnected' = what
    if (what === 'ready') {
      const { health, draining } = this.#parts
      status = draining?.() === true ? 'draining' : health().connected ? 'ready' : 'disconnected'
    }
    return json(JSON.stringify({ status }), {
      status: status === what ? 200 : 503,
      'cache-control': 'no-store',
    })
  }

  async #snapshot(request: Request, channel: string): Promise<Response> {
    const refused = refuseMethod(request, ['GET', 'HEAD'])
    if (refused !== undefined) return refused
    const user = await this.#userOf(request)
    const { json: text, etag: tag } = await this.#readSnapshot(channel, user)
    const etag = quoteEtag(tag)
    const headers = { etag, 'cache-control': 'private, no-cache', vary: 'cookie, authorization, origin' }
    if (matchesEtag(request.headers.get('if-none-match'), etag))
      return new Response(null, { status: 304, headers })
    return json(text, headers)
  }

  async #readSnapshot(
    channel: string,
    user: User,
  ): Promise<{ readonly json: string; readonly etag: string }> {
    // What cannot be a channel, does not exist, or is not for this user: one answer, to the letter.
    if (!isChannel(channel)) throw new LockstepError('no_channel')
    try {
      return await this.#parts.snapshot(channel, user)
    } catch (error) {
      const isHidden = error instanceof LockstepError && hidden.has(error.code)
      throw isHidden ? new LockstepError('no_channel', undefined, { cause: error }) : error
    }
  }

  /** Refuses what a page of another origin could make a browser send with the user's cookies. */
  #refuseForeign(request: Request): Response | undefined {
    const refused = refuseMethod(request, ['POST'])
    if (refused !== undefined) return refused
    if (!this.#isOriginAllowed(request)) throw new LockstepError('bad_origin')
    // Other types can be sent by a form of a foreign page without asking first.
    if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? '')) {
      throw new LockstepError('unsupported_media')
    }
    return undefined
  }

  #locks(request: Request): Response | Promise<Response> {
    return this.#refuseForeign(request) ?? this.#parts.locks(request)
  }

  async #session(request: Request): Promise<Response> {
    const refused = this.#refuseForeign(request)
    if (refused !== undefined) return refused
    const user = await this.#userOf(request)
    const channels = await this.#readChannels(request)
    const session = await this.#parts.issueSession(user, channels)
    return json(JSON.stringify({ id: session.id, token: session.token }), { 'cache-control': 'no-store' })
  }

  async #readChannels(request: Request): Promise<readonly string[] | undefined> {
    const { sessionBytesMax, requestMs, channelsMax } = this.#limits
    const bytes = await readBounded(
      request.body,
      { requestBytesMax: sessionBytesMax, requestMs },
      this.#parts.runtime,
    )
    if (bytes.byteLength === 0) return undefined
    // `undefined` where there is no such field of its own: a prototype is none.
    const channels = ownField(parseJson(new TextDecoder().decode(bytes)), 'channels')
    if (channels === undefined) return undefined
    if (!Array.isArray(channels)) throw new LockstepError('bad_request', 'Field "channels" is a list.')
    if (channels.length > channelsMax) throw new LockstepError('too_many')
    return channels.map((channel: unknown) => {
      if (!isChannel(channel)) throw new LockstepError('bad_channel')
      return channel
    })
  }

  async #userOf(request: Request): Promise<User> {
    const user = await this.#parts.authenticate(request)
    if (user === null || user === undefined) throw new LockstepError('unauthorized')
    return user
  }

  #isOriginAllowed(request: Request): boolean {
    const header = (name: string): string | undefined => request.headers.get(name) ?? undefined
    return isOriginAllowed({
      origin: header('origin'),
      host: hostOf(header, this.#parts.trustProxy ?? false) ?? new URL(request.url).host,
      hasCookie: request.headers.has('cookie'),
      allowed: this.#origins,
    })
  }

  /** Answers a browser that asks whether a page of a listed origin may send its request. */
  #preflight(request: Request): Response | undefined {
    if (request.method !== 'OPTIONS' || !request.headers.has('access-control-request-method'))
      return undefined
    if (!this.#isOriginAllowed(request)) return undefined
    return new Response(null, {
      status: 204,
      headers: {
        'access-control-allow-methods': 'GET, HEAD, POST',
        'access-control-allow-headers': 'content-type, authorization, if-none-match, lockstep-session',
        'access-control-max-age': '600',
      },
    })
  }

  #finish(request: Request, response: Response): Response {
    response.headers.set('x-content-type-options', 'nosniff')
    const origin = request.headers.get('origin')
    if (origin !== null && this.#origins.has(origin)) {
      response.headers.set('access-control-allow-origin', origin)
      response.headers.set('access-control-allow-credentials', 'true')
      response.headers.set('access-control-expose-headers', 'etag')
    }
    if (request.method !== 'HEAD') return response
    return new Response(null, { status: response.status, headers: response.headers })
  }
}

/** Codes of a snapshot that must not be told apart. */
const hidden: ReadonlySet<string> = new Set(['no_channel', 'forbidden', 'bad_channel', 'not_found'])

function refuseMethod(request: Request, allowed: readonly string[]): Response | undefined {
  if (allowed.includes(request.method)) return undefined
  const error = new LockstepError('method_not_allowed')
  return json(JSON.stringify({ error }), { status: error.http, allow: allowed.join(', ') })
}

function json(text: string, options: Readonly<Record<string, string | number>>): Response {
  const { status = 200, ...headers } = options
  const response = new Response(text, {
    status: Number(status),
    headers: { 'content-type': 'application/json' },
  })
  response.headers.set('content-length', String(Buffer.byteLength(text)))
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, String(value))
  return response
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new LockstepError('bad_request', 'The body is not JSON.', { cause })
  }
}

function ownField(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new LockstepError('bad_request', 'The body is a JSON object.')
  }
  return new Map<string, unknown>(Object.entries(value)).get(name)
}
