import type { Tuple } from '../source/source.ts'
import type { Values } from './net-changes.ts'
import type { CollectionPlan, RowText } from './plan.ts'

/** Whether key and channels are surely the same before and after. */
export function staysInPlace(plan: CollectionPlan, before: Tuple, after: Tuple): boolean {
  for (const column of plan.identity) if (!before.same(after, column)) return false
  return true
}

/** Whether the tuple tells key and channels. */
export function holds(plan: CollectionPlan, row: Pick<Tuple, 'has'>): boolean {
  return plan.identity.every((column) => row.has(column))
}

/** The texts of a row version, taken from the other version where it does not hold them. */
export function rowOf(version: Tuple, other: Tuple): Pick<Tuple, 'has' | 'text'> {
  return {
    has: (column) => version.has(column) || other.has(column),
    text: (column) => (version.has(column) ? version : other).text(column),
  }
}

export function channelsOf(plan: CollectionPlan, row: RowText): readonly string[] {
  const [first] = plan.routes
  const channel = first?.channelOf(row)
  if (plan.routes.length === 1) return channel === undefined ? none : [channel]
  const channels = channel === undefined ? [] : [channel]
  for (let i = 1; i < plan.routes.length; i++) {
    const other = plan.routes[i]?.channelOf(row)
    if (other !== undefined && !channels.includes(other)) channels.push(other)
  }
  return channels
}

export const none: readonly string[] = []

/** Undefined where a value is in neither version. */
export function wholeRow(plan: CollectionPlan, after: Tuple, before: Tuple | null): Values | undefined {
  const values: Values = new Array(plan.collection.columns.length)
  for (const column of plan.shown) {
    if (after.has(column)) values[column] = after.json(column)
    else if (before?.has(column)) values[column] = before.json(column)
    else return undefined
  }
  return values
}

/** Undefined where nothing shown has changed. What is not held did not change; what `before` does not hold may have. */
export function changedValues(plan: CollectionPlan, before: Tuple | null, after: Tuple): Values | undefined {
  let values: Values | undefined
  for (const column of plan.shown) {
    if (!after.has(column) || before?.same(after, column)) continue
    values ??= new Array(plan.collection.columns.length)
    values[column] = after.json(column)
  }
  return values
}

/** What a row's change costs beside its texts. */
export const rowSize = 16

/** A change's share of the bound on a transaction, in UTF-16 units. */
export function sizeOf(values: Values): number {
  let size = rowSize
  for (let column = 0; column < values.length; column++) {
    const value = values[column]
    if (value !== undefined) size += value.length + 12
  }
  return size
}
