import type { IncomingMessage } from 'node:http'
import { LockstepError } from '@lockstep/protocol'
import type { Runtime } from '../../runtime/runtime.ts'

/** Body of one request: a client that comes back with all the channels it may have needs about a third. */
export const requestBytesMax = 1_048_576
/** Messages of one request. */
export const messagesMax = 2_000
/** Time for a body to arrive. */
export const requestMs = 10_000

/** What every request of these carriers says. @see docs/protocol.md C1 */
export interface CarrierRequest {
  /** The connection it belongs to; undefined: a new one. */
  readonly connection: string | undefined
  /** Messages of the client, each as JSON text. */
  readonly messages: readonly string[]
}

/**
 * Reads a request.
 * @throws LockstepError `unsupported_media`, `too_large`, `too_many`, `timeout`, `bad_request`
 */
export async function readRequest(incoming: IncomingMessage, runtime: Runtime): Promise<CarrierRequest> {
  const type = incoming.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  // Nothing that a form of a foreign page could send without asking first.
  if (type !== 'application/json') throw new LockstepError('unsupported_media')
  return parseRequest((await readBody(incoming, runtime)).toString())
}

function parseRequest(text: string): CarrierRequest {
  const fields = fieldsOf(text)
  const connection = fields.get('connection')
  const messages = fields.get('messages') ?? []
  if (connection !== undefined && typeof connection !== 'string') {
    throw new LockstepError('bad_request', 'Field "connection" is a text.')
  }
  if (!Array.isArray(messages)) throw new LockstepError('bad_request', 'Field "messages" is a list.')
  if (messages.length > messagesMax) {
    throw new LockstepError('too_many', `A request has at most ${messagesMax} messages.`)
  }
  try {
    return { connection, messages: messages.map((message: unknown) => JSON.stringify(message)) }
  } catch (cause) {
    throw new LockstepError('bad_request', 'A message is nested too deep.', { cause })
  }
}

function fieldsOf(text: string): ReadonlyMap<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new LockstepError('bad_request', 'The body is not JSON.', { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new LockstepError('bad_request', 'The body is a JSON object.')
  }
  return new Map(Object.entries(value))
}

function readBody(incoming: IncomingMessage, runtime: Runtime): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const end = (error?: LockstepError): void => {
      timer.cancel()
      incoming.off('data', onData)
      if (error === undefined) resolve(Buffer.concat(chunks))
      else {
        incoming.pause()
        reject(error)
      }
    }
    const timer = runtime.timer(requestMs, () =>
      end(new LockstepError('timeout', 'The body did not arrive in time.')),
    )
    const onData = (chunk: Buffer): void => {
      length += chunk.length
      if (length <= requestBytesMax) chunks.push(chunk)
      else end(new LockstepError('too_large', `A body has at most ${requestBytesMax} bytes.`))
    }
    incoming.on('data', onData)
    incoming.once('end', () => end())
    incoming.once('close', () => end(new LockstepError('bad_request', 'The body broke off.')))
    incoming.once('error', () => {}) // `close` follows
  })
}
