import { type ChannelPattern, fillChannel, isChannel, LockstepError, parsePosition } from '@lockstep/protocol'
import type { SessionClaims } from '../../session/session.ts'
import type { Handshake, JuggernautOptions, JuggernautParts } from './juggernaut.ts'
import { parseMessageId } from './message-id.ts'

export interface HandshakeParts
  extends Pick<JuggernautParts, 'verifyToken' | 'userOf' | 'runtime' | 'limits'>,
    Pick<JuggernautOptions, 'openSessions'> {
  /** For channels that are named by a bare id. */
  readonly template: ChannelPattern | undefined
}

/** Longest `session_id` that is one and no token, in characters. */
const sessionLengthMax = 64

/**
 * Reads `{command: "subscribe", session_id, client_id, channels, last_msg_id?, token?}`.
 * @throws LockstepError `bad_request`, `unauthorized`, `session_expired`, `conflict`, `no_channel`, `bad_position`
 */
export function readHandshake(fields: ReadonlyMap<string, unknown>, parts: HandshakeParts): Handshake {
  const last = fields.get('last_msg_id')
  const after = last === undefined || last === null || last === '' ? undefined : parseMessageId(last)
  const channel = channelOf(fields.get('channels'), parts.template)
  const claims = claimsOf(fields.get('session_id'), fields.get('token'), channel, parts)
  const { issuedAt } = claims
  if (after !== undefined || issuedAt === undefined) return { claims, channel, after }
  parsePosition(issuedAt)
  return { claims, channel, after: { position: issuedAt, remaining: 0 } }
}

/** A session has one channel here, its own. */
function channelOf(value: unknown, template: ChannelPattern | undefined): string {
  const list: readonly unknown[] = Array.isArray(value) ? value : []
  const [given] = list
  if (list.length !== 1) throw new LockstepError('conflict', 'Ask for exactly one channel, your own.')
  const isBare = (typeof given === 'string' && !given.includes('/')) || typeof given === 'number'
  const channel = isBare && template !== undefined ? fillChannel(template, () => String(given)) : given
  // What is no name of a channel and what does not exist are answered alike.
  if (!isChannel(channel)) throw new LockstepError('no_channel')
  return channel
}

function claimsOf(
  sessionId: unknown,
  token: unknown,
  channel: string,
  { verifyToken, userOf, openSessions = false, runtime, limits }: HandshakeParts,
): SessionClaims {
  const session = typeof sessionId === 'number' ? String(sessionId) : sessionId
  if (session !== undefined && typeof session !== 'string') {
    throw new LockstepError('bad_request', 'Field "session_id" is a text.')
  }
  // Programs whose handshake has no other place give the token as their session.
  const isToken = session !== undefined && session.length > sessionLengthMax
  if (typeof token === 'string' || isToken) {
    const claims = verifyToken(typeof token === 'string' ? token : (session ?? ''))
    if (!isToken && session !== undefined && session !== claims.session)
      throw new LockstepError('unauthorized')
    return claims
  }
  if (!openSessions || session === undefined || !/^[A-Za-z0-9_-]+$/.test(session)) {
    throw new LockstepError('unauthorized', 'No session without its token.')
  }
  // Nobody that the application knows by another way: `authorize` must not take it for a user of that name.
  const user = { id: `juggernaut:${session}`, juggernaut: true }
  const owner = userOf(session)
  if (owner !== undefined && owner !== user.id) throw new LockstepError('unauthorized')
  return { session, user, channels: [channel], expiresAt: runtime.now() + limits.tokenTtlMs }
}
