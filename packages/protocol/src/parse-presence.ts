import { assertChannel } from './channel.ts'
import { eventLengthMax } from './limits.ts'
import type { Json } from './messages.ts'
import { isText } from './text.ts'
import { wrong } from './wrong-field.ts'

type Fields = ReadonlyMap<string, unknown>

/** What a session says of itself. @throws LockstepError `bad_channel`, `bad_request` */
export function readState(fields: Fields): { readonly channel: string; readonly state: Json } {
  const channel = fields.get('channel')
  assertChannel(channel)
  return { channel, state: readJson(fields, 'state') }
}

/** @throws LockstepError `bad_channel`, `bad_request` */
export function readBroadcast(fields: Fields): {
  readonly channel: string
  readonly event: string
  readonly data: Json
} {
  const channel = fields.get('channel')
  const event = fields.get('event')
  assertChannel(channel)
  if (!isText(event, eventLengthMax) || event === '') throw wrong('event')
  return { channel, event, data: readJson(fields, 'data') }
}

/** The fields were read from JSON, so that what is there is a JSON value. */
function readJson(fields: Fields, name: string): Json {
  if (!fields.has(name)) throw wrong(name)
  return fields.get(name) as Json
}
