import { assertChannel } from './channel.ts'
import { LockstepError } from './errors.ts'
import { clientMessageDepthMax, tokenLengthMax } from './limits.ts'
import type { ClientMessage } from './messages.ts'
import { encodePosition, parsePosition } from './position.ts'

/**
 * Reads one message of a client. Unknown fields are ignored, so that newer clients may add some.
 * @throws LockstepError `bad_request`, `unknown_type`, `bad_channel` or `bad_position`; the request's `id`,
 * where it could be read, is on `RequestError.id`.
 */
export function parseClientMessage(text: string): ClientMessage {
  const fields = parseObject(text)
  const id = fields.get('id')
  try {
    return readMessage(fields)
  } catch (error) {
    if (error instanceof LockstepError && isId(id)) throw new RequestError(error, id)
    throw error
  }
}

/** A refused message whose request number is known, so that the reply can name it. */
export class RequestError extends LockstepError {
  readonly id: number

  constructor(error: LockstepError, id: number) {
    super(error.code, error.message, { cause: error })
    this.id = id
  }
}

function readMessage(fields: ReadonlyMap<string, unknown>): ClientMessage {
  const type = fields.get('type')
  switch (type) {
    case 'hello': {
      const version = fields.get('version')
      const token = fields.get('token')
      if (typeof version !== 'number' || !Number.isSafeInteger(version)) throw wrong('version')
      if (typeof token !== 'string' || token.length > tokenLengthMax) throw wrong('token')
      return { type, version, token }
    }
    case 'subscribe': {
      const channel = fields.get('channel')
      const position = fields.get('position')
      const id = readId(fields)
      assertChannel(channel)
      if (position === undefined) return { type, id, channel }
      const asked = { type, id, channel, position: encodePosition(parsePosition(position)) } as const
      const view = fields.get('view')
      if (view === undefined) return asked
      if (!isId(view)) throw wrong('view')
      return { ...asked, view }
    }
    case 'unsubscribe': {
      const channel = fields.get('channel')
      const id = readId(fields)
      assertChannel(channel)
      return { type, id, channel }
    }
    case 'barrier':
      return { type, id: readId(fields) }
    default:
      if (typeof type !== 'string') throw wrong('type')
      throw new LockstepError('unknown_type')
  }
}

function readId(fields: ReadonlyMap<string, unknown>): number {
  const id = fields.get('id')
  if (!isId(id)) throw wrong('id')
  return id
}

function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0)
}

function wrong(field: string): LockstepError {
  return new LockstepError('bad_request', `Field "${field}" is missing or of the wrong type.`)
}

/** Own fields of a JSON object as a Map: `__proto__` and `constructor` are plain names in it. */
function parseObject(text: string): ReadonlyMap<string, unknown> {
  // JSON.parse recurses natively and is safe at any depth in V8, but what it returns is not safe to walk.
  if (depthOf(text) > clientMessageDepthMax)
    throw new LockstepError('bad_request', 'The message is nested too deep.')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new LockstepError('bad_request', 'The message is not JSON.', { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new LockstepError('bad_request', 'A message is a JSON object.')
  }
  return new Map<string, unknown>(Object.entries(value))
}

/** Deepest nesting of brackets outside strings; text that is not JSON gives some number. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (inString) {
      if (c === 92 /* \ */) i++
      else if (c === 34 /* " */) inString = false
    } else if (c === 34) inString = true
    else if (c === 123 || c === 91) deepest = Math.max(deepest, ++depth)
    else if (c === 125 || c === 93) depth--
  }
  return deepest
}
