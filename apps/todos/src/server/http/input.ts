import { LockstepError } from '@lockstep/protocol'

/** Largest JSON body of a request, in bytes. */
const bodyBytesMax = 16 * 1024

export type Fields = Readonly<Record<string, unknown>>

/**
 * The JSON object that a request brings.
 * @throws LockstepError `unsupported_media`, `too_large`, `bad_request`
 */
export async function readBody(request: Request): Promise<Fields> {
  if (!/^application\/json\b/i.test(request.headers.get('content-type') ?? '')) {
    throw new LockstepError('unsupported_media')
  }
  let json: unknown
  try {
    json = JSON.parse(await readText(request))
  } catch (cause) {
    if (cause instanceof LockstepError) throw cause
    throw new LockstepError('bad_request', 'The body is not JSON.', { cause })
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new LockstepError('bad_request', 'The body is not an object.')
  }
  return json as Fields // just checked
}

/** Body text up to the bound, however long the sender says it is. */
async function readText(request: Request): Promise<string> {
  if (request.body === null) return ''
  const decoder = new TextDecoder()
  let bytes = 0
  let text = ''
  for await (const chunk of request.body) {
    bytes += chunk.byteLength
    if (bytes > bodyBytesMax) throw new LockstepError('too_large')
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** A row's number out of a path; what is none belongs to nothing that exists. */
export function readId(text: string | undefined): number {
  if (text === undefined || !/^[1-9]\d{0,8}$/.test(text)) throw new LockstepError('not_found')
  return Number(text)
}

/** A line of text: trimmed, without control characters. @throws Response 422 that names the field */
export function readLine(fields: Fields, field: string, what: string, lengthMax: number): string {
  const value = fields[field]
  if (typeof value !== 'string') throw unprocessable(field, `${what} must be text.`)
  // A database text holds no NUL; line breaks and tabs have no place in a line.
  const line = value.replace(/\p{Cc}+/gu, ' ').trim()
  if (line === '') throw unprocessable(field, `${what} must not be empty.`)
  if ([...line].length > lengthMax) {
    throw unprocessable(field, `${what} must not be longer than ${lengthMax} characters.`)
  }
  return line
}

/** @throws Response 422 that names the field */
export function readFlag(fields: Fields, field: string): boolean {
  const value = fields[field]
  if (typeof value !== 'boolean') throw unprocessable(field, `${field} must be true or false.`)
  return value
}

/**
 * What Rails answers for a record that is not valid, and Backbone applications know: status 422 and the
 * faults by attribute. Thrown inside of a write, it rolls back and is the reply.
 */
export function unprocessable(field: string, message: string): Response {
  const error = { code: 'bad_value', message, retryable: false }
  return Response.json(
    { error, errors: { [field]: [message] } },
    { status: 422, headers: { 'Cache-Control': 'no-store' } },
  )
}
