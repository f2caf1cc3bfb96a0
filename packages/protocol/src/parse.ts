import { assertChannel } from './channel.ts'
import { LockstepError } from './errors.ts'
import { tokenLengthMax } from './limits.ts'
import type { ClientMessage } from './messages.ts'
import { readLock, readPlace } from './parse-lock.ts'
import { parseObject } from './parse-object.ts'
import { readBroadcast, readState } from './parse-presence.ts'
import { encodePosition, parsePosition } from './position.ts'
import { wrong } from './wrong-field.ts'

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
    case 'look':
    case 'unsubscribe': {
      const channel = fields.get('channel')
      const id = readId(fields)
      assertChannel(channel)
      return { type, id, channel }
    }
    case 'barrier':
      return { type, id: readId(fields) }
    case 'presence':
      return { type, id: readId(fields), ...readState(fields) }
    case 'broadcast':
      return { type, id: readId(fields), ...readBroadcast(fields) }
    case 'lock':
      return { type, id: readId(fields), ...readLock(fields) }
    case 'unlock':
      return { type, id: readId(fields), ...readPlace(fields) }
    case 'answer': {
      const session = fields.get('session')
      const yields = fields.get('yield')
      if (typeof session !== 'string') throw wrong('session')
      if (typeof yields !== 'boolean') throw wrong('yield')
      return { type, id: readId(fields), ...readPlace(fields), session, yield: yields }
    }
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
