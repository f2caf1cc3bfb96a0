import { createHmac, timingSafeEqual } from 'node:crypto'
import { LockstepError, tokenLengthMax } from '@lockstep/protocol'
import type { SessionClaims } from './session.ts'

/**
 * A session token is base64url text of: one version byte, the claims as UTF-8 JSON, and an HMAC-SHA256 of
 * both. A label goes into the HMAC before them, so that nothing else that is signed with the same secret
 * can ever pass for a token. @see docs/protocol.md S1
 */
const version = 1
const label = 'lockstep session token\0'
const macBytes = 32

/** Shortest secret, in characters: 32 of a hex or base64 alphabet are at least 128 bits. */
export const secretLengthMin = 32

/** @throws TypeError where a secret is too short to be one, or there is none. */
export function assertSecrets(secrets: readonly string[]): void {
  if (secrets.length === 0) throw new TypeError('At least one secret is needed to sign session tokens.')
  if (secrets.some((secret) => secret.length < secretLengthMin)) {
    throw new TypeError(`A secret needs at least ${secretLengthMin} characters.`)
  }
}

/** @throws LockstepError `too_large` where user and channels do not fit into a token. */
export function signToken(secret: string, claims: SessionClaims): string {
  const { session, user, channels, issuedAt, expiresAt } = claims
  const body = Buffer.from(
    `${String.fromCharCode(version)}${JSON.stringify({ session, user, channels, issuedAt, expiresAt })}`,
  )
  const token = Buffer.concat([body, macOf(secret, body)]).toString('base64url')
  if (token.length > tokenLengthMax) {
    throw new LockstepError('too_large', 'The user and the channels of a session are too large for a token.')
  }
  return token
}

/**
 * The claims of a token that one of the secrets signed: the first signs, the others are those it replaces.
 * @param now ms since 1970
 * @throws LockstepError `unauthorized` for anything but a token of ours, `session_expired` for an old one
 */
export function verifyToken(secrets: readonly string[], token: string, now: number): SessionClaims {
  if (token.length > tokenLengthMax) throw new LockstepError('unauthorized')
  const bytes = Buffer.from(token, 'base64url')
  // Decoding overlooks padding, foreign letters and spare bits; only one spelling is the token.
  if (bytes.length <= 1 + macBytes || bytes.toString('base64url') !== token)
    throw new LockstepError('unauthorized')
  const body = bytes.subarray(0, -macBytes)
  const mac = bytes.subarray(-macBytes)
  const signed = secrets.some((secret) => timingSafeEqual(macOf(secret, body), mac))
  if (!signed || body[0] !== version) throw new LockstepError('unauthorized')
  // We signed this text, so it has the shape that `signToken` gave it.
  const claims = JSON.parse(body.toString('utf8', 1)) as SessionClaims
  if (now >= claims.expiresAt) throw new LockstepError('session_expired')
  return claims
}

function macOf(secret: string, body: Buffer): Buffer {
  return createHmac('sha256', secret).update(label).update(body).digest()
}
