import { encodePosition, LockstepError, type Position, parsePosition } from '@lockstep/protocol'
import type { MessageId } from './juggernaut.ts'

/** The text of an id: a position, and `-n` where n messages of the same commit follow. */
export function messageIdText({ position, remaining }: MessageId): string {
  return remaining === 0 ? position : `${position}-${remaining}`
}

/** @throws LockstepError `bad_position` */
export function parseMessageId(value: unknown): MessageId {
  const [position = '', remaining, ...more] = typeof value === 'string' ? value.split('-') : []
  const { lsn } = parsePosition(position)
  if (remaining === undefined) return { position, remaining: 0 }
  // No commit is at the very start of the log.
  if (more.length > 0 || lsn === 0 || !/^[1-9]\d{0,5}$/.test(remaining))
    throw new LockstepError('bad_position')
  return { position, remaining: Number(remaining) }
}

/** From where the log is to be read on: before the commit, where some of its messages are yet to be had. */
export function startOf({ position, remaining }: MessageId): Position {
  const { epoch, lsn } = parsePosition(position)
  return { epoch, lsn: remaining === 0 ? lsn : lsn - 1 }
}

export function idAt(position: Position): MessageId {
  return { position: encodePosition(position), remaining: 0 }
}
