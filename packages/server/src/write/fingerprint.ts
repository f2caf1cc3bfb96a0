import { createHash } from 'node:crypto'
import type { Runtime } from '../runtime/runtime.ts'
import { type BodyBounds, readBounded, tooLarge } from './body.ts'
import { headerOf, type ParsedRequest, type WriteHead, type WriteRequest, webRequestOf } from './request.ts'

/**
 * What a key stands for: a hash of method, path, query and body. The application can still read the body
 * afterwards.
 * @throws LockstepError `too_large`, `timeout`; TypeError where the body was read and cannot be had again
 */
export async function fingerprintOf(
  request: WriteRequest,
  head: WriteHead,
  body: unknown,
  bounds: BodyBounds,
  runtime: Runtime,
): Promise<string> {
  const bytes = body === undefined ? await bodyOf(request, head, bounds, runtime) : bytesOf(body)
  if (bytes.byteLength > bounds.requestBytesMax) throw tooLarge(bounds)
  return createHash('sha256').update(`${head.method} ${head.target}\n`).update(bytes).digest('base64url')
}

async function bodyOf(
  request: WriteRequest,
  head: WriteHead,
  bounds: BodyBounds,
  runtime: Runtime,
): Promise<Uint8Array> {
  if (head.method === 'GET' || head.method === 'HEAD') return new Uint8Array()
  if (Number(headerOf(request, 'content-length') ?? 0) > bounds.requestBytesMax) throw tooLarge(bounds)
  const web = webRequestOf(request)
  if (web === undefined) return parsedBodyOf(request as ParsedRequest) // neither of the shapes with a web request
  if (!web.bodyUsed) return readBounded(web.clone().body, bounds, runtime)
  if ('raw' in request) return bytesOf(await request.text()) // Hono keeps what it has read
  throw unreadable()
}

function parsedBodyOf(request: ParsedRequest): Uint8Array {
  const { body } = request
  const length = headerOf(request, 'content-length')
  const isEmpty =
    length === '0' || (length === undefined && headerOf(request, 'transfer-encoding') === undefined)
  if (body === undefined || body === null) {
    if (isEmpty) return new Uint8Array()
    throw unreadable()
  }
  const type = headerOf(request, 'content-type') ?? ''
  const isSkipped = !isEmpty && !/json|urlencoded/i.test(type) && isEmptyObject(body)
  // Express gives {} for a body that no parser took: every such body would look the same.
  if (isSkipped) throw unreadable()
  return bytesOf(body)
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
    ? Object.keys(value).length === 0
    : false
}

function bytesOf(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body
  if (body instanceof ArrayBuffer) return new Uint8Array(body)
  if (body instanceof URLSearchParams) return Buffer.from(body.toString())
  return Buffer.from(typeof body === 'string' ? body : (JSON.stringify(body) ?? ''))
}

function unreadable(): TypeError {
  return new TypeError(
    "An idempotent write needs the request's body, which was already read: give it as { body } in the options.",
  )
}
