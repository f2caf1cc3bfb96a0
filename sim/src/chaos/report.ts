import type { Found } from './checking.ts'
import type { ChaosResult } from './run.ts'
import type { ServerFacts } from './server-main.ts'

/** How much more a server may hold when everybody is gone than before anybody came: code that was compiled, pools. */
export const heapAllowanceBytes = 16_777_216
export const filesAllowance = 24

/** What did not come back to where it was. */
export function leaks({ before, after }: Pick<ChaosResult, 'before' | 'after'>): string[] {
  if (after === undefined) return []
  const left: string[] = []
  if (after.heapBytes > before.heapBytes + heapAllowanceBytes)
    left.push(`the heap was ${megabytes(before.heapBytes)} and is ${megabytes(after.heapBytes)}`)
  if (after.files > before.files + filesAllowance)
    left.push(`${before.files} files were open, and ${after.files} are`)
  if (after.connections > 1) left.push(`${after.connections} connections are left`)
  if (after.sessions > 1) left.push(`${after.sessions} sessions are left`)
  if (after.locks > 0) left.push(`${after.locks} locks are left`)
  return left
}

export function violationLines({ violations }: Found): string[] {
  return violations.flatMap(({ violation: { promise, message, event }, event: seen }) => [
    `${promise}: ${message}`,
    `  at event ${event}: ${JSON.stringify(seen).slice(0, eventCharsMax)}`,
  ])
}

const eventCharsMax = 400

export function resultLines(result: ChaosResult): string[] {
  const { faults, failures, found, writers, before, meanwhile, after } = result
  const total = [...faults.values()].reduce((all, each) => all + each, 0)
  const messages = found.byKind.get('position') ?? 0
  const lines = [
    `faults: ${total}: ${listed(faults)}`,
    ...(failures.length === 0 ? [] : [`faults that could not be made: ${failures.join('; ')}`]),
    `commits: ${result.commits}, ${writers.commits} of them beside the application; rolled back ${writers.rollbacks}, held open ${writers.held}; refused by the database: ${listed(new Map(Object.entries(writers.refusals)))}`,
    `messages with positions: ${messages}; connections: ${result.connections}; server processes: ${result.serverProcesses}; resets: ${listed(found.resets)}`,
    `history: ${found.events} events: ${listed(found.byKind)}`,
    `server before: ${factsLine(before)}`,
    ...edges(meanwhile).map((facts) => `server with clients: ${factsLine(facts)}`),
    ...(after === undefined ? [] : [`server after: ${factsLine(after)}`]),
    ...leaks(result).map((leak) => `NOT BACK: ${leak}`),
    ...(result.settled ? [] : ['NOT SETTLED: some page does not show what there is']),
    ...violationLines(found),
    `history in ${result.file}`,
  ]
  return lines
}

function edges<T>(list: readonly T[]): T[] {
  const last = list.at(-1)
  return list.length < 2 || last === undefined ? [...list] : [...list.slice(0, 1), last]
}

function factsLine({
  heapBytes,
  files,
  sockets,
  sessions,
  connections,
  logBytes,
  resets,
}: ServerFacts): string {
  return `heap ${megabytes(heapBytes)}, ${files} files, ${sockets} sockets, ${sessions} sessions, ${connections} connections, log ${logBytes} bytes, ${resets} snapshots for resets`
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MB`
}

function listed(counts: ReadonlyMap<string, number>): string {
  return counts.size === 0
    ? 'none'
    : [...counts]
        .sort((a, b) => b[1] - a[1])
        .map(([name, n]) => `${name} ${n}`)
        .join(', ')
}
