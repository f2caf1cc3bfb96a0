import { encodePosition, LockstepError } from '@lockstep/protocol'
import type { Way } from './answers.ts'
import type { Bayeux } from './bayeux.ts'
import type { BayeuxClient } from './client.ts'
import { errorText, type Message, own, type Reply } from './message.ts'

/** Carriers of a server, best last as clients try them in their own order anyway. */
export function connectionTypes(bayeux: Bayeux): string[] {
  const types = ['long-polling', 'cross-origin-long-polling', 'eventsource', 'websocket']
  return bayeux.options.jsonp === true ? [...types, 'callback-polling'] : types
}

/** A new client, signed in where the request says as whom. @see docs/protocol.md Y2 */
export async function shakeHands(bayeux: Bayeux, message: Message, way: Way): Promise<Reply> {
  const supported = connectionTypes(bayeux)
  const version = own(message.fields, 'version')
  const offered = own(message.fields, 'supportedConnectionTypes')
  const facts = { version: '1.0', supportedConnectionTypes: supported }
  const refuse = (error: string, advice: Reply = { reconnect: 'none' }): Reply => ({
    ...facts,
    successful: false,
    error,
    advice,
  })
  if (typeof version !== 'string') return refuse('400:version:A handshake names its version')
  if (!/^1(?:\.\w{1,16})*$/.test(version)) return refuse('300:version:This server speaks Bayeux 1.0')
  if (!isAtMostOurs(own(message.fields, 'minimumVersion'))) {
    return refuse('300:minimumVersion:This server speaks Bayeux 1.0')
  }
  if (!Array.isArray(offered)) {
    return refuse('400:supportedConnectionTypes:A handshake names its connection types')
  }
  if (!offered.some((type) => supported.includes(String(type)))) {
    return refuse('301:supportedConnectionTypes:There is no common connection type')
  }
  const client = bayeux.create()
  if (client === undefined) {
    return refuse('503::The server has as many clients as it may', {
      reconnect: 'handshake',
      interval: 5_000,
    })
  }
  const lockstep = own(message.ext, 'lockstep')
  try {
    await signInBy(bayeux, client, lockstep, way)
  } catch (error) {
    client.end()
    if (!(error instanceof LockstepError)) throw error
    const advice = error.retryable ? { reconnect: 'handshake', interval: 5_000 } : { reconnect: 'none' }
    return refuse(errorText(error.http, error.code, error.message), advice)
  }
  client.from = own(lockstep, 'position')
  client.resumes = own(lockstep, 'resume') === true || client.from !== undefined
  client.acks = own(message.ext, 'ack') === true
  way.clients.add(client.id)
  if (way.outlet !== undefined) client.attach(way.outlet)
  const ext = { ...welcomeOf(bayeux, client), ...(client.acks ? { ack: true } : {}) }
  return {
    ...facts,
    clientId: client.id,
    successful: true,
    advice: { reconnect: 'retry', interval: 0, timeout: bayeux.timeoutMs },
    ...(Object.keys(ext).length > 0 ? { ext } : {}),
  }
}

/** A client may say which version it wants at least; most do not. */
function isAtMostOurs(minimum: unknown): boolean {
  return minimum === undefined || /^(?:0(?:\.\w{1,16})*|1(?:\.0\w{0,16})?)$/.test(String(minimum))
}

/**
 * Signs a client in by a token, or by what the request carries. Nobody is no error.
 * @throws LockstepError for a token that is none, and at the hub's bounds
 */
export async function signInBy(
  bayeux: Bayeux,
  client: BayeuxClient,
  lockstep: unknown,
  way: Way,
): Promise<void> {
  const token = own(lockstep, 'token')
  if (token !== undefined) {
    if (typeof token !== 'string') throw new LockstepError('unauthorized')
    const { user, channels } = bayeux.parts.verifyToken(token)
    bayeux.signIn(client, user, channels)
    return
  }
  if (!way.identifies) return
  const user = await bayeux.parts.authenticate(way.incoming)
  if (user === null || client.ended) return
  bayeux.signIn(client, user, undefined)
}

/** What a signed-in client is told: its session, a token for coming back, and where the log stands. */
function welcomeOf(bayeux: Bayeux, client: BayeuxClient): Reply {
  const session = client.connection?.session
  if (session === undefined) return {}
  const position = encodePosition(bayeux.parts.position())
  const { token } = client
  client.token = undefined
  return { lockstep: { session: session.id, token, position } }
}
