import { createHmac, timingSafeEqual } from 'node:crypto'

/** What is signed of a request. */
export interface SignedRequest {
  readonly method: string
  /** Path and query, as they were sent. */
  readonly target: string
  readonly body: string
}

/** The headers `Lockstep-Timestamp` and `Lockstep-Signature` of a request that is sent now. */
export function signCallback(secret: string, request: SignedRequest, now: number): Record<string, string> {
  const timestamp = String(Math.floor(now / 1000))
  return {
    'lockstep-timestamp': timestamp,
    'lockstep-signature': `v1=${macOf(secret, timestamp, request).toString('hex')}`,
  }
}

/** How old a request may be, in ms, so that one that was overheard is of no use later. */
export const callbackAgeMsMax = 300_000

/**
 * For backends in JavaScript: whether a request was signed with one of the secrets, and not long ago.
 * @param header gives a header by its lower-case name
 * @param now ms since 1970
 * @see docs/protocol.md A2
 */
export function verifyCallback(
  secrets: readonly string[],
  request: SignedRequest,
  header: (name: string) => string | null | undefined,
  now: number,
): boolean {
  const timestamp = header('lockstep-timestamp') ?? ''
  const given = /^v1=([0-9a-f]{64})$/.exec(header('lockstep-signature') ?? '')?.[1]
  if (given === undefined || !/^\d{1,12}$/.test(timestamp)) return false
  if (Math.abs(now - Number(timestamp) * 1000) > callbackAgeMsMax) return false
  const mac = Buffer.from(given, 'hex')
  return secrets.some((secret) => timingSafeEqual(macOf(secret, timestamp, request), mac))
}

function macOf(secret: string, timestamp: string, { method, target, body }: SignedRequest): Buffer {
  return createHmac('sha256', secret).update(`${timestamp}\n${method}\n${target}\n${body}`).digest()
}
