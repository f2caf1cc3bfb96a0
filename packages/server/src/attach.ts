import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ErrorCode, LockstepError } from '@lockstep/protocol'
import { answerNode, turnOf } from './http/node.ts'
import { canonicalOrigins, hostOf, isOriginAllowed } from './http/origin.ts'
import type { Logger } from './runtime/logger.ts'
import type { BayeuxServer } from './transport/bayeux/serve.ts'
import { FallbackTransport, refuseRequest } from './transport/fallback/fallback.ts'
import { bad, isPadded, refusalOf, refuseUpgrade } from './transport/upgrade.ts'

export interface AttachParts {
  readonly path: string
  readonly origins: readonly string[]
  readonly trustProxy: boolean
  readonly logger: Logger
  handle(request: Request): Promise<Response | undefined>
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** A request for a carrier over plain HTTP, whose origin has been checked. Never rejects. */
  carry(address: string, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void>
  readonly bayeux?: BayeuxServer | undefined
}

/**
 * Puts the sync server onto an application's HTTP server: upgrades and requests under `path` are its own,
 * all others go where they went before. Returns what undoes it.
 */
export function attach(server: Server, parts: AttachParts): () => void {
  const path = parts.path.replace(/\/+$/, '')
  const origins = canonicalOrigins(parts.origins)
  const { bayeux } = parts
  const isUnder = (url: string | undefined, mount: string): boolean => {
    const pathname = (url ?? '').split('?', 1)[0] ?? ''
    return pathname === mount || pathname.startsWith(`${mount}/`)
  }
  const isBayeux = (url: string | undefined): boolean => bayeux !== undefined && isUnder(url, bayeux.mount)
  const isOurs = (url: string | undefined): boolean => isUnder(url, path) || isBayeux(url)

  const mayCome = (request: IncomingMessage, socket: Duplex): boolean => {
    const header = (name: string): string | undefined => {
      const value = request.headers[name]
      return typeof value === 'string' ? value : value?.join(', ')
    }
    return isOriginAllowed({
      origin: header('origin'),
      host: hostOf(header, parts.trustProxy),
      hasCookie: request.headers.cookie !== undefined,
      allowed: origins,
      secure: 'encrypted' in socket,
    })
  }

  const carry = async (
    address: string,
    incoming: IncomingMessage,
    outgoing: ServerResponse,
  ): Promise<void> => {
    await turnOf(incoming.socket, outgoing)
    if (incoming.socket.destroyed) return
    const { origin } = incoming.headers
    if (origin !== undefined && origins.has(origin)) {
      outgoing.setHeader('access-control-allow-origin', origin)
      outgoing.setHeader('access-control-allow-credentials', 'true')
    }
    if (mayCome(incoming, incoming.socket)) await parts.carry(address, incoming, outgoing)
    else refuseRequest(incoming, outgoing, new LockstepError('bad_origin'))
  }

  /** Connections that had a request before: their bytes are not those of one head. */
  const used = new WeakSet<Duplex>()

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (!isOurs(request.url)) {
      // Somebody else's, unless there is nobody: then it would hang.
      if (server.listenerCount('upgrade') === 1) refuse(socket, 'not_found')
      return
    }
    const refusal = refusalOf(request)
    const isHere = isBayeux(request.url) || (request.url ?? '').split('?', 1)[0] === path
    if (!isHere) refuse(socket, 'not_found')
    else if (!mayCome(request, socket)) refuse(socket, 'bad_origin')
    else if (refusal !== undefined) refuseUpgrade(socket, refusal)
    else if (!used.has(socket) && isPadded(request, head))
      refuseUpgrade(socket, bad('The head has too many blanks.'))
    else if (bayeux !== undefined && isBayeux(request.url)) bayeux.upgrade(request, socket, head)
    else parts.upgrade(request, socket, head)
  }

  // A server answers a request with all its listeners; ours must be the only one for what is ours.
  const others = server.listeners('request') as ((i: IncomingMessage, o: ServerResponse) => void)[] // that is what they are
  server.removeAllListeners('request')
  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    used.add(incoming.socket)
    const address = (incoming.url ?? '').split('?', 1)[0]?.slice(path.length + 1) ?? ''
    const isScript = bayeux !== undefined && (incoming.url ?? '').split('?', 1)[0] === `${bayeux.mount}.js`
    if (bayeux !== undefined && (isScript || isBayeux(incoming.url))) void bayeux.request(incoming, outgoing)
    // Preflights are answered as for every other address.
    else if (isOurs(incoming.url) && FallbackTransport.answers(address) && incoming.method !== 'OPTIONS') {
      void carry(address, incoming, outgoing)
    } else if (isOurs(incoming.url) || others.length === 0) {
      void answerNode(incoming, outgoing, parts.handle, parts.logger).then((answered) => {
        if (!answered) answerNotFound(outgoing)
      })
    } else for (const other of others) other.call(server, incoming, outgoing)
  }
  server.on('request', onRequest)
  server.on('upgrade', onUpgrade)
  return () => {
    server.off('upgrade', onUpgrade)
    server.off('request', onRequest)
    // Taken out, so that whoever undoes twice does not have every request answered twice.
    for (const other of others.splice(0)) server.on('request', other)
  }
}

function refuse(socket: Duplex, code: ErrorCode): void {
  refuseUpgrade(socket, { error: new LockstepError(code) })
}

function answerNotFound(outgoing: ServerResponse): void {
  outgoing.writeHead(404, { 'content-type': 'application/json' })
  outgoing.end(JSON.stringify({ error: new LockstepError('not_found') }))
}
