import { LockstepError } from './errors.ts'

/**
 * Where a client stands in the log: everything committed at or before `lsn` is applied.
 * `lsn` is a byte address in the WAL, below 2^53 (nine petabytes of WAL). Positions of different epochs
 * cannot be compared. @see docs/protocol.md P3
 */
export interface Position {
  readonly epoch: string
  readonly lsn: number
}

/** A position on the wire: `<epoch>.<lsn in lower-case hex>`, e.g. `k3f9a2.16b3748`. */
export type WirePosition = string

const pattern = /^([a-z0-9]{1,16})\.(0|[1-9a-f][0-9a-f]{0,13})$/

export function encodePosition(position: Position): WirePosition {
  return `${position.epoch}.${position.lsn.toString(16)}`
}

/** @throws LockstepError `bad_position` for anything that `encodePosition` could not have made. */
export function parsePosition(text: unknown): Position {
  const match = typeof text === 'string' && text.length <= 31 ? pattern.exec(text) : null
  const epoch = match?.[1]
  const lsn = Number.parseInt(match?.[2] ?? '', 16)
  if (epoch === undefined || !Number.isSafeInteger(lsn)) throw new LockstepError('bad_position')
  return { epoch, lsn }
}

/** Negative, zero or positive, as `Array.prototype.sort` wants it; `undefined` across epochs. */
export function comparePositions(a: Position, b: Position): number | undefined {
  return a.epoch === b.epoch ? a.lsn - b.lsn : undefined
}
