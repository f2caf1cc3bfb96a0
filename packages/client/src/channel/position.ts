import type { WirePosition } from '@lockstep/protocol'

/**
 * Whether `a` lies beyond `b` in the same epoch; undefined across epochs. Compares the hex digits as they
 * are: without leading zeros, the longer number is the larger one. @see docs/protocol.md P3
 */
export function isBeyond(a: WirePosition, b: WirePosition): boolean | undefined {
  const dot = a.indexOf('.')
  if (a.slice(0, dot) !== b.slice(0, b.indexOf('.'))) return undefined
  return a.length === b.length ? a > b : a.length > b.length
}
