import { assertChannel } from './channel.ts'
import { LockstepError } from './errors.ts'
import { doingLengthMax, leaseMsLeast, leaseMsMax, lockWaitMsMax, resourceLengthMax } from './limits.ts'
import type { LockRequest } from './lock-messages.ts'
import { parseObject } from './parse-object.ts'
import { isText } from './text.ts'
import { wrong } from './wrong-field.ts'

/** What a request over HTTP may ask of locks. */
export type LockOrder =
  | ({ readonly type: 'lock' } & Omit<LockRequest, 'type' | 'id'>)
  | { readonly type: 'unlock'; readonly channel: string; readonly resource: string }

/**
 * Reads the body of a request about locks: a message without `id`, and without waiting.
 * @throws LockstepError `bad_request`, `unknown_type`, `bad_channel`, `bad_lease`
 */
export function parseLockOrder(text: string): LockOrder {
  const fields = parseObject(text)
  const type = fields.get('type')
  if (type === 'unlock') return { type, ...readPlace(fields) }
  if (typeof type !== 'string') throw wrong('type')
  if (type !== 'lock') throw new LockstepError('unknown_type')
  const order = readLock(fields)
  if (order.waitMs) throw new LockstepError('bad_request', 'Only a connection can wait for a lock.')
  return { type, ...order }
}

type Fields = ReadonlyMap<string, unknown>

/** @throws LockstepError `bad_channel`, `bad_request` */
export function readPlace(fields: Fields): { readonly channel: string; readonly resource: string } {
  const channel = fields.get('channel')
  const resource = fields.get('resource')
  assertChannel(channel)
  if (!isText(resource, resourceLengthMax) || resource === '') throw wrong('resource')
  return { channel, resource }
}

/** What a request for a lock says. @throws LockstepError `bad_channel`, `bad_request`, `bad_lease` */
export function readLock(fields: Fields): Omit<LockRequest, 'type' | 'id'> {
  const place = readPlace(fields)
  const doing = fields.get('doing')
  const leaseMs = fields.get('leaseMs')
  const waitMs = fields.get('waitMs')
  const ask = fields.get('ask')
  if (doing !== undefined && !isText(doing, doingLengthMax)) throw wrong('doing')
  if (leaseMs !== undefined && typeof leaseMs !== 'number') throw wrong('leaseMs')
  if (leaseMs !== undefined && !isWithin(leaseMs, leaseMsLeast, leaseMsMax)) {
    throw new LockstepError('bad_lease', `A lease is ${leaseMsLeast} to ${leaseMsMax} ms.`)
  }
  if (waitMs !== undefined && (typeof waitMs !== 'number' || !isWithin(waitMs, 0, lockWaitMsMax)))
    throw wrong('waitMs')
  if (ask !== undefined && typeof ask !== 'boolean') throw wrong('ask')
  if (ask === true && !waitMs) throw new LockstepError('bad_request', 'Who asks waits: "waitMs" is missing.')
  return {
    ...place,
    ...(doing !== undefined && { doing }),
    ...(leaseMs !== undefined && { leaseMs }),
    ...(waitMs !== undefined && { waitMs }),
    ...(ask !== undefined && { ask }),
  }
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most
}
