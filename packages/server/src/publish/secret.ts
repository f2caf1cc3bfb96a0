import { createHash, timingSafeEqual } from 'node:crypto'

/** What fits into the header, and is long enough to be a secret. */
const secretPattern = /^[\x21-\x7e]{32,}$/

/** @throws TypeError for a secret that is too short, or where there is none */
export function secretsOf(secret: string | readonly string[]): readonly string[] {
  const secrets = typeof secret === 'string' ? [secret] : secret
  if (secrets.length === 0 || secrets.some((one) => !secretPattern.test(one))) {
    throw new TypeError('A secret of a backend has at least 32 characters of ASCII, without spaces.')
  }
  return secrets
}

/** Compares in a time that does not tell how much of a secret was right, nor which of several it was. */
export class PublishSecrets {
  readonly #digests: readonly Buffer[]

  constructor(secrets: readonly string[]) {
    this.#digests = secrets.map(digestOf)
  }

  /** @param authorization the header as it came */
  allows(authorization: string | null): boolean {
    const given = /^Bearer +([\x21-\x7e]+)$/i.exec(authorization ?? '')?.[1]
    if (given === undefined) return false
    const digest = digestOf(given)
    let allowed = false
    for (const known of this.#digests) if (timingSafeEqual(known, digest)) allowed = true
    return allowed
  }
}

/** Hashed, so that all compare at the same length. */
function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
