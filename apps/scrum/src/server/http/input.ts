import { LockstepError } from '@lockstep/protocol'
import * as v from 'valibot'
import { tagNameLengthMax } from '../../model/board.ts'

/** Largest JSON body of a request, in bytes: a description of full length in the widest characters. */
const bodyBytesMax = 128 * 1024

/**
 * The JSON body of a request that changes something, checked.
 * @throws LockstepError `unsupported_media`, `too_large`, `bad_request`, or `bad_value` naming the field
 */
export async function readBody<S extends v.GenericSchema>(
  request: Request,
  schema: S,
  bytesMax: number = bodyBytesMax,
): Promise<v.InferOutput<S>> {
  if (!/^application\/json\b/i.test(request.headers.get('content-type') ?? '')) {
    throw new LockstepError('unsupported_media')
  }
  const text = await readText(request, bytesMax)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new LockstepError('bad_request', 'The body is not JSON.', { cause })
  }
  return check(schema, json)
}

/** @throws LockstepError `bad_value` with the first fault, named by its field */
export function check<S extends v.GenericSchema>(schema: S, value: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  const [issue] = result.issues
  const field = v.getDotPath(issue)
  throw new LockstepError('bad_value', field === null ? issue.message : `${field}: ${issue.message}`)
}

/** Body text up to the bound, however long the sender says it is. */
async function readText(request: Request, bytesMax: number): Promise<string> {
  if (request.body === null) return ''
  const decoder = new TextDecoder()
  let bytes = 0
  let text = ''
  for await (const chunk of request.body) {
    bytes += chunk.byteLength
    if (bytes > bytesMax) throw new LockstepError('too_large')
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** A line of text: trimmed, without control characters, of bounded length, not empty. */
export function line(lengthMax: number): v.GenericSchema<string, string> {
  return v.pipe(
    v.string('must be text'),
    // A database text holds no NUL; line breaks and tabs have no place in a line.
    v.transform((text) => text.replace(/\p{Cc}+/gu, ' ').trim()),
    v.nonEmpty('must not be empty'),
    v.maxLength(lengthMax, `must not be longer than ${lengthMax} characters`),
  )
}

/** A tag's name has no comma: in CSV files they stand between tags. */
export const tagName: v.GenericSchema<string, string> = v.pipe(
  line(tagNameLengthMax),
  v.check((text) => !text.includes(','), 'must not have a comma'),
)

/** Several lines of text, of bounded length. */
export function prose(lengthMax: number): v.GenericSchema<string, string> {
  return v.pipe(
    v.string('must be text'),
    v.transform((text) => text.replaceAll('\r\n', '\n').replaceAll('\0', '')),
    v.maxLength(lengthMax, `must not be longer than ${lengthMax} characters`),
  )
}

/** The number of a row that another one names. */
export const rowId: v.GenericSchema<number, number> = v.pipe(
  v.number('must be a number'),
  v.integer('must be an id'),
  v.minValue(1, 'must be an id'),
  v.maxValue(2 ** 31 - 1, 'must be an id'),
)

/** A count of something, or null where nobody knows yet. */
export function amount(max: number): v.GenericSchema<number | null, number | null> {
  return v.nullable(
    v.pipe(
      v.number('must be a number or null'),
      v.minValue(0, 'must not be negative'),
      v.maxValue(max, `must not be above ${max}`),
    ),
  )
}

export const flag: v.GenericSchema<boolean, boolean> = v.boolean('must be true or false')

/** A day that is in the calendar, `2026-01-31`. */
export const day: v.GenericSchema<string, string> = v.pipe(
  v.string('must be text'),
  v.check((text) => {
    const at = /^[12]\d{3}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
    return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text)
  }, 'must be a day, such as 2026-01-31'),
)

/** A row's number out of a path; what is none belongs to nothing that exists. */
export function readId(text: string | undefined): number {
  if (text === undefined || !/^[1-9]\d{0,8}$/.test(text)) throw new LockstepError('not_found')
  return Number(text)
}
