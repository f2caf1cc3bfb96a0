import { Checks } from '../checks/checks.ts'
import type { HistoryEvent, Violation } from '../history/history.ts'
import { readHistory } from './merge.ts'
import { heartbeatMs } from './server.ts'

/** What a busy machine may add to any time. */
const lateMs = 8_000

export interface Found {
  readonly events: number
  readonly byKind: ReadonlyMap<string, number>
  /** Faults that the history tells of, by kind. */
  readonly faults: ReadonlyMap<string, number>
  readonly resets: ReadonlyMap<string, number>
  readonly violations: readonly { readonly violation: Violation; readonly event: HistoryEvent }[]
}

const violationsMax = 50

/** Holds a recorded history against every promise. */
export async function checkHistory(file: string): Promise<Found> {
  const checks = new Checks({
    silentMs: 2 * heartbeatMs + lateMs,
    releaseMs: 2 * heartbeatMs + lateMs,
    ghostMs: 2 * heartbeatMs + lateMs,
  })
  const byKind = new Map<string, number>()
  const faults = new Map<string, number>()
  const resets = new Map<string, number>()
  const violations: { violation: Violation; event: HistoryEvent }[] = []
  let events = 0
  let last: HistoryEvent | undefined
  const keep = (found: readonly Violation[], event: HistoryEvent): void => {
    for (const violation of found)
      if (violations.length < violationsMax) violations.push({ violation, event })
  }
  for await (const event of readHistory(file)) {
    events++
    count(byKind, event.kind)
    if (event.kind === 'fault') count(faults, event.fault)
    if (event.kind === 'position' && event.reason !== undefined) count(resets, event.reason)
    keep(checks.take(event), event)
    last = event
  }
  if (last !== undefined) keep(checks.end(), last)
  return { events, byKind, faults, resets, violations }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
