import { LockstepError } from '@lockstep/protocol'

/**
 * Refuses requests that change something and come from another site's page. Browsers tell where a request
 * comes from; programs such as curl tell nothing, and have no cookie of anybody to misuse.
 */
export function assertOwnOrigin(request: Request): void {
  if (request.method === 'GET' || request.method === 'HEAD') return
  const site = request.headers.get('sec-fetch-site')
  if (site !== null && site !== 'same-origin' && site !== 'none') throw new LockstepError('bad_origin')
  const origin = request.headers.get('origin')
  if (origin === null) return
  // Behind a proxy that ends TLS the schemes differ; the host is what tells sites apart here.
  const host = URL.canParse(origin) ? new URL(origin).host : undefined
  if (host === undefined || host !== (request.headers.get('host') ?? new URL(request.url).host)) {
    throw new LockstepError('bad_origin')
  }
}
