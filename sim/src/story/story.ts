import type { HistoryEvent, Violation } from '../history/history.ts'
import { diagram, type Row, wrap } from './diagram.ts'
import { nodeName, postgresName, Telling } from './rows.ts'

export interface StoryOptions {
  /** Columns of text. */
  readonly width?: number
  /** Rows that are drawn; of more, those right before the violation and all faults. */
  readonly rowsMax?: number
}

/** Tells a run up to its first violation as a sequence diagram. */
export function story(
  history: readonly HistoryEvent[],
  violations: readonly Violation[],
  { width = 110, rowsMax = 48 }: StoryOptions = {},
): string {
  const [violation] = violations
  const until = violation?.event ?? history.length
  const clients = [...new Set(history.flatMap((event) => (event.kind === 'page' ? [event.client] : [])))]
  const node = history.find((event) => event.kind === 'fault' && isNode(event.of, clients))
  const server = node?.kind === 'fault' ? node.of : nodeName
  const participants = [...clients, server, postgresName]
  const telling = new Telling(history, participants, server)
  for (const [i, event] of history.entries()) {
    if (i > until) break
    telling.take(event, i === until)
  }
  const event = history[Math.min(until, history.length - 1)]
  for (const { promise, message, event: index } of violations.filter(({ event }) => event === until)) {
    const of = event !== undefined && index === until && 'client' in event ? event.client : undefined
    telling.broken(event?.at ?? 0, of, promise, message)
  }
  const { kept, left } = abridge(telling.rows, rowsMax)
  const head =
    violation === undefined ? 'Nothing was broken.' : `${violation.promise} is broken: ${violation.message}`
  const lines = [...wrap(head, width), '', diagram(participants, kept, width)]
  if (left > 0) lines.push('', `(${left} rows left out: those far before the end that are no faults)`)
  return lines.join('\n')
}

function isNode(of: string, clients: readonly string[]): boolean {
  return of !== postgresName && !clients.includes(of)
}

function abridge(rows: readonly Row[], rowsMax: number): { kept: readonly Row[]; left: number } {
  const strong = rows.filter((row) => row.strong).length
  let weak = Math.max(10, rowsMax - strong)
  const kept = rows.filter((row, i) => row.strong || weakAfter(rows, i) < weak)
  weak = rows.length - kept.length
  return { kept, left: weak }
}

/** How many rows that may be left out come after this one. */
function weakAfter(rows: readonly Row[], index: number): number {
  let count = 0
  for (let i = index + 1; i < rows.length; i++) if (!rows[i]?.strong) count++
  return count
}
