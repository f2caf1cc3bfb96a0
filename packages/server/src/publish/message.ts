import type { ChannelPattern } from '@lockstep/protocol'
import { isChannel, LockstepError, matchChannel, mutationLengthMax } from '@lockstep/protocol'
import type { Collection, Sync } from '../definition/definition.ts'
import { qualifiedName } from '../source/names.ts'
import type { ExternalCollection, PublishedMessage, PublishedRow, PublishedRows } from './publish.ts'

export interface MessageRules {
  readonly sync: Sync
  /** Patterns that may be published to; undefined: all. */
  readonly channels: readonly ChannelPattern[] | undefined
}

/**
 * Reads one published message, `{channel, data?, collection?, operation?, envelope?, key?}`.
 * @throws LockstepError `bad_request`, `bad_channel`, `no_channel`, `not_found`, `forbidden`, `bad_value`
 */
export function readMessage(value: unknown, rules: MessageRules): PublishedMessage {
  const fields = fieldsOf(value, 'A message')
  const channel = readChannel(fields.get('channel'), rules)
  const key = fields.get('key')
  if (key !== undefined && !isKey(key)) {
    throw new LockstepError('bad_request', `Field "key" has 1 to ${mutationLengthMax} characters of ASCII.`)
  }
  const data = fields.get('data')
  const name = fields.get('operation')
  if (data === undefined && name === undefined) {
    throw new LockstepError('bad_request', 'A message has the field "data" or "operation".')
  }
  if (name !== undefined && typeof name !== 'string') {
    throw new LockstepError('bad_request', 'Field "operation" is a text.')
  }
  return {
    channel,
    key,
    rows: data === undefined ? undefined : readRows(channel, data, fields.get('collection'), rules.sync),
    operation: name === undefined ? undefined : { name, envelope: fields.get('envelope') ?? null },
  }
}

function readChannel(value: unknown, { sync, channels }: MessageRules): string {
  // Bayeux writes its channels with a slash in front.
  const channel = typeof value === 'string' && value.startsWith('/') ? value.slice(1) : value
  if (!isChannel(channel)) throw new LockstepError('bad_channel')
  if (!sync.channels.some(({ pattern }) => matchChannel(pattern, channel) !== undefined)) {
    throw new LockstepError('no_channel', 'No such channel is declared.')
  }
  if (channels !== undefined && !channels.some((pattern) => matchChannel(pattern, channel) !== undefined)) {
    throw new LockstepError('forbidden', 'This channel is not open to publishers.')
  }
  return channel
}

function isKey(value: unknown): value is string {
  return typeof value === 'string' && value.length <= mutationLengthMax && /^[\x21-\x7e]+$/.test(value)
}

function readRows(channel: string, data: unknown, name: unknown, sync: Sync): PublishedRows {
  const { collection, parameters } = collectionFor(channel, name, sync)
  const rows: { create: PublishedRow[]; update: PublishedRow[]; destroy: PublishedRow[] } = {
    create: [],
    update: [],
    destroy: [],
  }
  for (const [event, content] of fieldsOf(data, 'Field "data"')) {
    if (event === 'create' || event === 'update') {
      for (const [key, row] of fieldsOf(content, `Field "${event}"`)) {
        const own = readRow(collection, key, fieldsOf(row, 'A row'))
        rows[event].push(event === 'create' ? placed(own, parameters) : own)
      }
    } else if (event === 'destroy') {
      for (const key of destroyedKeys(content)) rows.destroy.push(readRow(collection, key, new Map()))
    } else {
      throw new LockstepError('bad_request', 'Field "data" has "create", "update" and "destroy" only.')
    }
  }
  return { collection, parameters, ...rows }
}

function collectionFor(
  channel: string,
  name: unknown,
  sync: Sync,
): { collection: ExternalCollection; parameters: Readonly<Record<string, string>> } {
  if (name !== undefined) {
    const named = sync.collections.find((collection) => collection.name === name)
    if (named === undefined) throw new LockstepError('not_found', 'There is no such collection.')
    if (named.external === undefined) {
      throw new LockstepError('forbidden', 'The collection is a table of the database: write there.')
    }
  }
  const fitting = sync.collections.flatMap((collection) => {
    if (collection.external === undefined || (name !== undefined && collection.name !== name)) return []
    const parameters = parametersOf(collection, channel)
    return parameters === undefined ? [] : [{ collection: externalOf(collection), parameters }]
  })
  const [only] = fitting
  if (only === undefined) throw new LockstepError('not_found', 'No external collection has this channel.')
  if (fitting.length > 1) {
    throw new LockstepError('bad_request', 'Several collections have this channel: name one in "collection".')
  }
  return only
}

function parametersOf(
  { channels }: Collection,
  channel: string,
): Readonly<Record<string, string>> | undefined {
  for (const { template } of channels) {
    const parameters = matchChannel(template, channel)
    if (parameters !== undefined) return parameters
  }
  return undefined
}

function externalOf(collection: Collection): ExternalCollection {
  const { external = [] } = collection
  const spelling = collection.channels.flatMap(({ columns }) => columns.map((i) => collection.columns[i]))
  return {
    name: collection.name,
    table: qualifiedName(collection),
    columns: external.map(({ name }) => name),
    key: collection.key.map((column) => collection.columns[column] ?? ''),
    json: external
      .filter(({ name, type }) => /^jsonb?$/.test(type) && !spelling.includes(name))
      .map(({ name }) => name),
  }
}

/** The shape that observers of other frameworks send has an object here, the protocol's own a list. */
function destroyedKeys(content: unknown): readonly string[] {
  if (!Array.isArray(content)) return [...fieldsOf(content, 'Field "destroy"').keys()]
  return content.map((key: unknown) => {
    if (typeof key === 'string') return key
    if (typeof key === 'number') return String(key)
    throw new LockstepError('bad_request', 'Field "destroy" is a list of keys, or an object of them.')
  })
}

/** Takes the declared columns; a publisher may send its whole model. */
function readRow(
  collection: ExternalCollection,
  key: string,
  fields: ReadonlyMap<string, unknown>,
): PublishedRow {
  const values: Record<string, unknown> = {}
  for (const column of collection.columns) {
    const value = fields.get(column)
    // Postgres would take its JSON for a text.
    if (typeof value === 'object' && value !== null && !collection.json.includes(column)) {
      throw new LockstepError('bad_value', `The value of "${column}" does not fit its column.`)
    }
    if (value !== undefined) values[column] = value
  }
  const parts = splitKey(key, collection.key.length)
  collection.key.forEach((column, i) => {
    const part = parts[i]
    if (part === undefined) throw new LockstepError('bad_value', 'A key has one part for each key column.')
    const given = values[column]
    if (given !== undefined && String(given) !== part) {
      throw new LockstepError('bad_value', `The value of "${column}" is not the one in the row's key.`)
    }
    values[column] = part
  })
  return { key, values }
}

/** A row created in a channel has the values that the channel is spelled with. */
function placed(row: PublishedRow, parameters: Readonly<Record<string, string>>): PublishedRow {
  const values = { ...row.values }
  for (const [column, text] of Object.entries(parameters)) {
    const given = values[column]
    if (given !== undefined && String(given) !== text) {
      throw new LockstepError('bad_value', `The value of "${column}" belongs to another channel.`)
    }
    values[column] = text
  }
  return { key: row.key, values }
}

/** Parts of a key's text (P5). */
function splitKey(key: string, parts: number): readonly string[] {
  if (parts === 1) return [key]
  const split = key.split(',').map((part) => part.replace(/%2C/g, ',').replace(/%25/g, '%'))
  return split.length === parts ? split : []
}

function fieldsOf(value: unknown, what: string): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new LockstepError('bad_request', `${what} is a JSON object.`)
  }
  return new Map<string, unknown>(Object.entries(value))
}
