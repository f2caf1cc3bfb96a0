import type { LockstepError, Operation, TransactionMessage } from '@lockstep/protocol'
import { type Frame, payloadOf } from '../../log/frame.ts'
import type { MessageId } from './juggernaut.ts'
import { messageIdText } from './message-id.ts'

/** A message of a transaction, ready to be sent, and where it stands. */
export interface Told {
  readonly id: MessageId
  readonly bytes: Buffer
}

/** `{"id": ..., "body": {operation, envelope, session_id}}` and NUL. */
export function messageBytes(
  id: MessageId,
  { operation, envelope }: Operation,
  session: string | undefined,
): Buffer {
  const body = { operation, envelope, session_id: session ?? null }
  return Buffer.from(`${JSON.stringify({ id: messageIdText(id), body })}\0`)
}

/** `{"error": {code, message, retryable}}` and NUL; `retryMs`: when to come back. */
export function errorBytes(error: LockstepError, retryMs: number | undefined): Buffer {
  return Buffer.from(`${JSON.stringify({ error: { ...error.toJSON(), retryMs } })}\0`)
}

/** What Flash asks for before anything else: leave to talk to this port. */
export const policyRequest = '<policy-file-request/>'

export function policyBytes(port: number): Buffer {
  return Buffer.from(
    `<?xml version="1.0"?><cross-domain-policy><allow-access-from domain="*" to-ports="${port}"/></cross-domain-policy>\0`,
  )
}

const known = new WeakMap<Frame, readonly Told[]>()
const transactionStart = Buffer.from('{"type":"transaction"')
const snapshotStart = Buffer.from('{"type":"snapshot"')

/** The operations of a transaction, made once for all who are sent its frame; undefined: it is no transaction. */
export function operationsIn(frame: Frame): readonly Told[] | undefined {
  if (!startsWith(frame, transactionStart)) return undefined
  let told = known.get(frame)
  if (told === undefined) {
    told = readOperations(frame)
    known.set(frame, told)
  }
  return told
}

/** Rows are not told to these clients, so they need not be read. */
export function isSnapshot(frame: Frame): boolean {
  return startsWith(frame, snapshotStart)
}

function readOperations(frame: Frame): readonly Told[] {
  // Rows may be many: what has no operations is not parsed.
  if (!frame.bytes.includes('"operations":', frame.payloadStart)) return []
  const { position, operations = [], session } = JSON.parse(payloadOf(frame)) as TransactionMessage // the log made it
  return operations.map((operation, i) => {
    const id = { position, remaining: operations.length - 1 - i }
    return { id, bytes: messageBytes(id, operation, session) }
  })
}

function startsWith({ bytes, payloadStart }: Frame, text: Buffer): boolean {
  return bytes.subarray(payloadStart, payloadStart + text.length).equals(text)
}
