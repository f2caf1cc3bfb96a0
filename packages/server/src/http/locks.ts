import { LockstepError, parseLockOrder } from '@lockstep/protocol'
import type { User } from '../definition/definition.ts'
import type { Asker } from '../hub/authoriser.ts'
import type { Locking, RemoteSession } from '../hub/locking.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { SessionClaims } from '../session/session.ts'
import { readBounded } from '../write/body.ts'
import { readHead } from '../write/request.ts'

export interface LockEndpointParts {
  readonly locking: Pick<Locking, 'take' | 'release' | 'holder'>
  readonly authenticate: (request: Request) => User | null | Promise<User | null>
  /** @throws LockstepError `unauthorized`, `session_expired` */
  verifyToken(token: string): SessionClaims
  /** A session that is connected, or may come back. */
  sessionOf(id: string): Asker | undefined
  readonly runtime: Runtime
}

const bodyBounds = { requestBytesMax: 65_536, requestMs: 10_000 }

/**
 * Answers `POST <path>/locks`, whose origin and content type have been checked: a session locks and unlocks
 * without a socket. @see docs/protocol.md K7
 */
export function lockEndpoint(parts: LockEndpointParts): (request: Request) => Promise<Response> {
  return async (request) => {
    const asker = await askerOf(request, parts)
    const order = parseLockOrder(await textOf(request, parts.runtime))
    if (order.type === 'unlock') {
      await parts.locking.release(asker, order)
      return new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } })
    }
    try {
      return reply(200, { lock: await parts.locking.take(asker, order) })
    } catch (error) {
      if (!(error instanceof LockstepError) || error.code !== 'lock_held') throw error
      const lock = parts.locking.holder(order)
      // Whoever has no socket is not told otherwise who holds it.
      return reply(error.http, { error, ...(lock && { lock }) })
    }
  }
}

/** Whose session it is: by its token, or by its id together with the user that the request is of. */
async function askerOf(request: Request, parts: LockEndpointParts): Promise<RemoteSession> {
  const [, token] = /^Bearer +(\S+)$/i.exec(request.headers.get('authorization') ?? '') ?? []
  if (token !== undefined) {
    const { session, user, channels } = parts.verifyToken(token)
    return { session, user, channels }
  }
  const user = await parts.authenticate(request)
  if (user === null || user === undefined) throw new LockstepError('unauthorized')
  const { session: id } = readHead(request)
  if (id === undefined) throw new LockstepError('bad_request', 'The header Lockstep-Session is missing.')
  const session = parts.sessionOf(id)
  // Another's session, and one that nobody has, are one and the same.
  if (session === undefined || String(session.user.id) !== String(user.id))
    throw new LockstepError('forbidden')
  return { session: id, user, channels: session.channels }
}

async function textOf(request: Request, runtime: Runtime): Promise<string> {
  const bytes = await readBounded(request.body, bodyBounds, runtime)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new LockstepError('bad_request', 'The body is not UTF-8.', { cause })
  }
}

function reply(status: number, body: { readonly lock?: object; readonly error?: LockstepError }): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  })
}
