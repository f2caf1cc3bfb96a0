import { LockstepError, type WirePosition } from '@lockstep/protocol'
import type { Logger } from '../runtime/logger.ts'
import { databaseFault, outwardError } from './faults.ts'
import { readHead, type WriteRequest } from './request.ts'

/** The recorded value as a reply. */
export function valueResponse(
  json: string | null,
  facts: {
    readonly status: number | undefined
    readonly replayed: boolean
    readonly position: WirePosition | undefined
  },
): Response {
  const headers = new Headers({ 'cache-control': 'no-store' })
  if (json !== null) headers.set('content-type', 'application/json')
  if (facts.position !== undefined) headers.set('lockstep-position', facts.position)
  if (facts.replayed) headers.set('idempotent-replayed', 'true')
  return new Response(json, { status: facts.status ?? (json === null ? 204 : 200), headers })
}

/**
 * The reply for what a write, or another request, threw: a `Response` as it is, one of our errors with its status, anything else
 * as `internal`, which is logged without its message: that may hold rows.
 */
export function errorResponse(error: unknown, request: WriteRequest, logger: Logger): Response {
  if (error instanceof Response) return error
  const known = knownError(error)
  if (known === undefined) logger.error(`A request failed: ${lineOf(request)}: ${describe(error)}`)
  const outward = known ?? new LockstepError('internal')
  const headers = new Headers({ 'content-type': 'application/json', 'cache-control': 'no-store' })
  if (outward.retryable) headers.set('retry-after', '1')
  return new Response(JSON.stringify({ error: outward }), { status: outward.http, headers })
}

function knownError(error: unknown): LockstepError | undefined {
  const outward = outwardError(error)
  if (outward instanceof LockstepError) return outward
  // What an application's own `JSON.parse` or `request.json()` throws.
  if (error instanceof SyntaxError)
    return new LockstepError('bad_request', 'The body is not JSON.', { cause: error })
  return undefined
}

function lineOf(request: WriteRequest): string {
  try {
    const { method, target } = readHead(request)
    return `${method} ${target.split('?', 1)[0]}`
  } catch {
    return 'a request that cannot be read'
  }
}

/** Name, database code and place of an error, without its message. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return `something that is no Error (${typeof error}) was thrown`
  const code = databaseFault(error)?.code
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line)) ?? []
  return [code === undefined ? error.name : `${error.name} (${code})`, ...frames].join('\n')
}
