import { isChannel, mutationLengthMax } from '@lockstep/protocol'

/** What a writer said of itself and its intent inside its transaction. */
export interface WriterMessage {
  readonly session: string | undefined
  readonly mutation: string | undefined
  /** Operations as JSON text, each with its channel. */
  readonly operations: readonly { readonly channel: string; readonly text: string }[]
}

/** Longest session id and operation name, in UTF-16 units. */
const nameLengthMax = 256

/**
 * Reads the content of a `lockstep` message: `{session?, mutation?, operations?: [{channel, operation,
 * envelope}]}`. Any SQL may have written it: a string is returned that says what is wrong with it, without
 * quoting it.
 */
export function readWriterMessage(content: string): WriterMessage | string {
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch {
    return 'not JSON'
  }
  const fields = fieldsOf(value)
  if (fields === undefined) return 'not an object'
  const session = fields.get('session')
  const mutation = fields.get('mutation')
  const list = fields.get('operations') ?? []
  if (!isOptionalText(session, nameLengthMax)) return 'bad "session"'
  if (!isOptionalText(mutation, mutationLengthMax)) return 'bad "mutation"'
  if (!Array.isArray(list)) return '"operations" is not an array'
  const operations: { channel: string; text: string }[] = []
  for (const item of list) {
    const operation = readOperation(item)
    if (typeof operation === 'string') return operation
    operations.push(operation)
  }
  return { session: session ?? undefined, mutation: mutation ?? undefined, operations }
}

function readOperation(item: unknown): { channel: string; text: string } | string {
  const fields = fieldsOf(item)
  if (fields === undefined) return 'an operation is not an object'
  const channel = fields.get('channel')
  const operation = fields.get('operation')
  if (!isChannel(channel)) return 'bad "channel" in an operation'
  if (operation === '' || typeof operation !== 'string' || operation.length > nameLengthMax) {
    return 'bad "operation" in an operation'
  }
  try {
    const envelope = JSON.stringify(fields.get('envelope') ?? null)
    return { channel, text: `{"operation":${JSON.stringify(operation)},"envelope":${envelope}}` }
  } catch {
    return 'an envelope is nested too deep' // JSON.stringify recurses, JSON.parse does not
  }
}

function isOptionalText(value: unknown, lengthMax: number): value is string | null | undefined {
  return (
    value === undefined ||
    value === null ||
    (typeof value === 'string' && value !== '' && value.length <= lengthMax)
  )
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return new Map<string, unknown>(Object.entries(value))
}
