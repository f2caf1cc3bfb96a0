import type { Random } from '../../random/random.ts'
import type { Row } from '../database.ts'
import type { PostgresModel } from '../model.ts'
import type { ModelSession } from './model-session.ts'
import type { Operation } from './operation.ts'

/** One step of a history: of one session, or of the world around. */
export type Step =
  | { readonly kind: 'statement'; readonly session: number; readonly operation: Operation }
  /** A commit that is durable becomes visible. */
  | { readonly kind: 'show'; readonly session: number }
  | { readonly kind: 'snapshot'; readonly room: string }
  /** The reader of the slot ends, and another begins. `forgets`: what that is given is not given again after it. */
  | { readonly kind: 'restart'; readonly forgets: boolean }

export const rooms: readonly string[] = ['a', 'b']

const tableNames = ['items', 'items', 'items', 'notes', 'notes', 'marks'] as const

/**
 * Decides what comes next, by what the model's sessions are at; `forgets`: whether the reader of now does. Undefined: this
 * throw of the dice means nothing now.
 */
export function nextStep(
  random: Random,
  model: PostgresModel,
  sessions: readonly ModelSession[],
  forgets: boolean,
): Step | undefined {
  const roll = random.next()
  const isAnyCommitting = sessions.some((session) => session.isCommitting)
  if (roll < 0.04) {
    // A TRUNCATE that is in the log and not visible holds up the snapshots of all channels, and which it is depends on time.
    const isOneWhole = [...model.instance.tables].some((table) => model.instance.locks.isWhole(table))
    return isOneWhole ? undefined : { kind: 'snapshot', room: random.of(rooms) }
  }
  // A commit that was given, but is not visible, must still be given to who comes later: whoever forgets may not end now.
  if (roll < 0.046)
    return isAnyCommitting && forgets ? undefined : { kind: 'restart', forgets: random.chance(0.5) }
  const number = random.below(sessions.length)
  const session = sessions[number]
  if (session === undefined) return undefined
  if (session.isCommitting) return random.chance(0.4) ? { kind: 'show', session: number } : undefined
  if (session.isBusy) return undefined
  const operation = operationFor(random, session)
  if (!isPredictable(operation, model, session, sessions)) return undefined
  return { kind: 'statement', session: number, operation }
}

function operationFor(random: Random, session: ModelSession): Operation {
  if (session.transaction === undefined) return { kind: 'begin' }
  const roll = random.next()
  if (session.hasFailed)
    return roll < 0.1 ? { kind: 'emit', content: 'late' } : { kind: roll < 0.8 ? 'rollback' : 'commit' }
  const table = random.of(tableNames)
  // Few, so that sessions meet.
  const key = table === 'marks' ? random.of(['x', 'ü']) : String(random.below(3))
  if (roll < 0.22) return { kind: 'insert', table, row: rowOf(random, table, key) }
  if (roll < 0.5) return { kind: 'update', table, key, columns: columnsOf(random, table) }
  if (roll < 0.58) return { kind: 'delete', table, key }
  if (roll < 0.65) return { kind: 'lock', table, key }
  if (roll < 0.7) return { kind: 'get', table, key }
  if (roll < 0.75) return { kind: 'emit', content: JSON.stringify({ n: random.below(100) }) }
  if (roll < 0.77) return { kind: 'truncate', table }
  if (roll < 0.79) return { kind: 'addColumn', table, column: 'extra' }
  return { kind: roll < 0.93 ? 'commit' : 'rollback' }
}

function rowOf(random: Random, table: string, key: string): Row {
  if (table === 'marks') return { id: key, flag: random.of([true, false, null]) }
  const room = random.of(rooms)
  const id = Number(key)
  if (table === 'notes') return { id, room, body: bodyOf(random) }
  return { id, room, n: random.below(10), body: bodyOf(random), data: dataOf(random) }
}

/** Some of the columns; at times the key. */
function columnsOf(random: Random, table: string): Row {
  const row = rowOf(random, table, table === 'marks' ? random.of(['x', 'y']) : String(random.below(4)))
  const names = Object.keys(row).filter((name) => random.chance(name === 'id' ? 0.15 : 0.4))
  const chosen = names.length === 0 ? [table === 'marks' ? 'flag' : 'room'] : names
  return Object.fromEntries(chosen.map((name) => [name, row[name]]))
}

function bodyOf(random: Random): string | null {
  return random.of([null, 'short', "it's ü", 'x'.repeat(3_000), `${'ä"\\'.repeat(1_500)}${random.below(5)}`])
}

function dataOf(random: Random): unknown {
  return random.of([
    null,
    random.below(100),
    { b: [1, { c: 'ü' }], aa: null, a: random.below(9) },
    ['x', true],
  ])
}

/**
 * Whether Postgres' answer does not depend on who is quicker: nobody else waits for the same row, and nobody waits for
 * the whole table.
 */
function isPredictable(
  operation: Operation,
  model: PostgresModel,
  session: ModelSession,
  sessions: readonly ModelSession[],
): boolean {
  if (!('table' in operation) || session.transaction === undefined) return true
  const { locks } = model.instance
  const table = model.instance.table(operation.table)
  if (locks.isWanted(table) && !locks.holds(session.transaction, table)) return false
  const isWhole = operation.kind === 'truncate' || operation.kind === 'addColumn'
  if (isWhole && locks.isWanted(table)) return false
  const keys = keysOf(operation)
  return sessions.every((other) => {
    const waiting = other.operation
    if (!other.isBusy || other.isCommitting || waiting === undefined || !('table' in waiting)) return true
    if (waiting.table !== operation.table) return true
    return !keysOf(waiting).some((key) => keys.includes(key))
  })
}

function keysOf(operation: Operation): readonly string[] {
  if (operation.kind === 'insert') return [String(operation.row['id'])]
  if (operation.kind === 'update')
    return 'id' in operation.columns ? [operation.key, String(operation.columns['id'])] : [operation.key]
  return 'key' in operation ? [operation.key] : []
}
