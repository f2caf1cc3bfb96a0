import type { IncomingMessage } from 'node:http'

/** What an Origin is judged by. Serves HTTP requests and WebSocket upgrades alike. */
export interface OriginFacts {
  /** Header `Origin`. */
  readonly origin: string | undefined
  /** Host that the browser asked, with its port: `hostOf`. */
  readonly host: string | undefined
  readonly hasCookie: boolean
  /** Other origins whose pages are let in, made by `canonicalOrigins`. */
  readonly allowed: ReadonlySet<string>
  /** Whether this server itself speaks TLS: then a page that came without it is foreign. */
  readonly secure?: boolean
}

/**
 * Whether a request may act for its user. A browser tells the page's origin: it must be our own host, port
 * and all, or be listed. Without an origin only requests that carry no cookie are let in: those are not a
 * browser's. @see docs/protocol.md S4
 */
export function isOriginAllowed(facts: OriginFacts): boolean {
  const { origin, host, hasCookie, allowed, secure = false } = facts
  if (origin === undefined) return !hasCookie
  const page = parseOrigin(origin)
  if (page === undefined) return false // `null`, a list, or no origin at all
  if (allowed.has(page.origin)) return true
  if (host === undefined || (secure && page.protocol !== 'https:')) return false
  // A proxy may have taken off the TLS, so the page's scheme says what the host's default port is.
  return parseOrigin(`${page.protocol}//${host.toLowerCase()}`)?.host === page.host
}

/** `isOriginAllowed` for Node's requests and upgrades; and whether an origin is one of the listed. */
export function originsFor(
  origins: readonly string[],
  trustProxy: boolean,
): { isOriginAllowed(incoming: IncomingMessage): boolean; isOriginListed(origin: string): boolean } {
  const allowed = canonicalOrigins(origins)
  return {
    isOriginAllowed(incoming) {
      const header = (name: string): string | undefined => {
        const value = incoming.headers[name]
        return typeof value === 'string' ? value : value?.join(', ')
      }
      return isOriginAllowed({
        origin: header('origin'),
        host: hostOf(header, trustProxy),
        hasCookie: incoming.headers.cookie !== undefined,
        allowed,
        secure: 'encrypted' in incoming.socket,
      })
    },
    isOriginListed: (origin) => allowed.has(origin),
  }
}

/** @throws TypeError for an entry that is no origin, such as one with a path or a `*`. */
export function canonicalOrigins(origins: readonly string[]): ReadonlySet<string> {
  return new Set(
    origins.map((origin) => {
      const parsed = parseOrigin(origin.toLowerCase())
      if (parsed === undefined)
        throw new TypeError(`"${origin}" is not an origin such as "https://app.example.com".`)
      return parsed.origin
    }),
  )
}

/** The host that the browser asked. Only a proxy of our own may say so in `X-Forwarded-Host`. */
export function hostOf(
  header: (name: string) => string | undefined,
  trustProxy: boolean,
): string | undefined {
  const forwarded = trustProxy ? header('x-forwarded-host')?.split(',', 1)[0]?.trim() : undefined
  return forwarded || header('host')
}

function parseOrigin(text: string): URL | undefined {
  if (!/^https?:\/\/[a-z0-9._:[\]-]+$/.test(text)) return undefined
  try {
    return new URL(text)
  } catch {
    return undefined // a port or an address that is none
  }
}
