/** A JSON object as it came: nothing is known of its fields. */
export type Fields = Readonly<Record<string, unknown>>

/** A message to a client, ready to be encoded. */
export type Reply = Record<string, unknown>

/** A message of a client whose envelope has been checked. */
export interface Message {
  readonly channel: string
  readonly id: string | number | undefined
  readonly clientId: string | undefined
  readonly ext: Fields
  readonly fields: Fields
}

/** Longest id and channel of a message, in characters. */
const idLengthMax = 64
export const channelLengthMax = 320
/** Nesting of a request, levels. */
const depthMax = 100

/** Why a message is refused: `code:args:message`, as Bayeux writes errors. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: number
  readonly args: string

  constructor(code: number, args: string, message: string) {
    super(message)
    this.code = code
    this.args = args
  }

  get text(): string {
    return errorText(this.code, this.args, this.message)
  }
}

/** `code:args:message` in the letters that Bayeux allows there: Faye finds no code in a text with others. */
export function errorText(code: number, args: string, message: string): string {
  return `${code}:${args.replace(/[^\w\-!~()$@ /*.,]/g, '_')}:${message.replace(/[^\w\-!~()$@ /*.]/g, '')}`
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A field of its own; a prototype's is none. */
export function own(fields: unknown, name: string): unknown {
  return isFields(fields) && Object.hasOwn(fields, name) ? fields[name] : undefined
}

function isWithin(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return depth > 0 && Object.values(value).every((child) => isWithin(child, depth - 1))
}

/** The messages of one request: an array or a single object; undefined for anything else. */
export function messagesOf(text: string): readonly Fields[] | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  // Walking deeper is not safe, and encoding what came walks.
  if (text.length > depthMax && !isWithin(value, depthMax)) return undefined
  const list = Array.isArray(value) ? value : [value]
  return list.length > 0 && list.every(isFields) ? list : undefined
}

/** @throws Refusal for an envelope that cannot be read */
export function readMessage(fields: Fields): Message {
  const channel = own(fields, 'channel')
  if (typeof channel !== 'string') throw new Refusal(400, 'channel', 'A message names its channel')
  const id = own(fields, 'id') ?? undefined
  const isId =
    id === undefined || typeof id === 'number' || (typeof id === 'string' && id.length <= idLengthMax)
  if (!isId) throw new Refusal(400, 'id', 'An id is a short text')
  if (!isChannel(channel)) throw new Refusal(405, '', 'This is not a channel')
  const clientId = own(fields, 'clientId')
  const ext = own(fields, 'ext')
  return {
    channel,
    id,
    clientId: typeof clientId === 'string' ? clientId : undefined,
    ext: isFields(ext) ? ext : {},
    fields,
  }
}

/** The start of every reply: the channel, the id that was asked with, and which subscription it is about. */
export function replyTo(fields: Fields): Reply {
  const reply: Reply = {}
  const id = own(fields, 'id')
  if (typeof id === 'string' || typeof id === 'number') reply.id = id
  const channel = own(fields, 'channel')
  reply.channel =
    typeof channel === 'string' && channel.length <= channelLengthMax ? channel : '/meta/unknown'
  // Also where it is refused: CometD finds the listeners by it.
  const subscription = own(fields, 'subscription')
  if (subscription !== undefined && /^\/meta\/(?:un)?subscribe$/.test(String(channel))) {
    reply.subscription = subscription
  }
  return reply
}

// One or more segments. `.` and `%` stand in Lockstep's names beside what Bayeux allows.
const channelPattern = /^(?:\/[A-Za-z0-9\-_!~()$@.%]+)+$/
const globPattern = /^(?:\/[A-Za-z0-9\-_!~()$@.%]+)*\/\*\*?$/

export function isChannel(name: string): boolean {
  return name.length <= channelLengthMax && channelPattern.test(name)
}

/** Ends in one segment of any name (`/*`), or in one or more (`/**`). */
export function isGlob(name: string): boolean {
  return name.length <= channelLengthMax && globPattern.test(name)
}

/** Whether a subscription to `pattern`, a channel or glob, gets messages of `channel`. */
export function matches(pattern: string, channel: string): boolean {
  if (pattern.endsWith('/**')) return channel.startsWith(pattern.slice(0, -2))
  if (!pattern.endsWith('/*')) return pattern === channel
  const prefix = pattern.slice(0, -1)
  return channel.startsWith(prefix) && !channel.includes('/', prefix.length)
}

/** Every pattern that matches a channel: itself, and its globs. */
export function patternsOf(channel: string): string[] {
  const patterns = [channel, channel.replace(/[^/]+$/, '*')]
  for (
    let end = channel.lastIndexOf('/');
    end >= 0;
    end = end === 0 ? -1 : channel.lastIndexOf('/', end - 1)
  ) {
    patterns.push(`${channel.slice(0, end)}/**`)
  }
  return patterns
}
