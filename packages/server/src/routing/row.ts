import type { Tuple } from '../source/source.ts'
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
export function rowOf(version: Tuple, other: Tuple): Pick<Tuple, 'has' | 'text' | 'keyText'> {
  return {
    has: (column) => version.has(column) || other.has(column),
    text: (column) => (version.has(column) ? version : other).text(column),
    keyText: (column) => (version.has(column) ? version : other).keyText(column),
  }
}

export function channelsOf(plan: CollectionPlan, row: RowText): readonly string[] {
  const [first] = plan.routes
  if (first !== undefined && plan.routes.length === 1) return first.channelsOf(row)
  const channel = first?.channelOf(row)
  const channels = channel === undefined ? [] : [channel]
  for (let i = 1; i < plan.routes.length; i++) {
    const other = plan.routes[i]?.channelOf(row)
    if (other !== undefined && !channels.includes(other)) channels.push(other)
  }
  return channels
}

export const none: readonly string[] = []
