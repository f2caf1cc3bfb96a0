import type { Random } from '../random/random.ts'
import type { Direction, Setting, Step } from './schedule.ts'

const directions: readonly Direction[] = ['up', 'down', 'both']

/** Something goes wrong: mostly at somebody's, sometimes with the server or the database. */
export function drawFault(random: Random, setting: Setting, at: number): Step {
  const kind = random.next()
  if (kind < 0.62) return drawClientFault(random, random.of(setting.people).name, at)
  return kind < 0.78 ? drawNodeFault(random, at) : drawDatabaseFault(random, at)
}

function drawClientFault(random: Random, of: string, at: number): Step {
  const ms = random.of([50, 500, 3_000, 8_000])
  switch (random.below(11)) {
    case 0:
    case 1:
    case 2:
      return { at, kind: 'cut', of }
    case 3:
      return { at, kind: 'half-open', of, direction: random.of(directions) }
    case 4:
      return { at, kind: 'partition', of, direction: random.of(directions), ms }
    case 5:
      return { at, kind: 'offline', of, ms }
    case 6:
      return { at, kind: 'hold', of, direction: random.of(['up', 'down']), ms }
    case 7:
      return { at, kind: 'slow', of, rate: random.of([0.05, 0.3, 2]), ms: 2 * ms }
    case 8:
      return { at, kind: 'sleep', of, ms }
    case 9:
      return { at, kind: 'clock', of, ms: random.of([-3_600_000, -2_000, 2_000, 3_600_000]) }
    default:
      return {
        at,
        kind: 'request',
        of,
        fate: random.of(['request-lost', 'reply-lost', 'duplicated', 'silent']),
      }
  }
}

function drawNodeFault(random: Random, at: number): Step {
  switch (random.below(6)) {
    case 0:
    case 1:
      return { at, kind: 'crash', of: 'node', downMs: random.of([20, 500, 3_000]) }
    case 2:
      return { at, kind: 'restart', of: 'node', downMs: random.of([20, 500, 3_000]) }
    case 3:
      return { at, kind: 'stop', of: 'node', ms: random.of([50, 900, 4_000]) }
    case 4:
      return { at, kind: 'clock', of: 'node', ms: random.of([-3_600_000, -1_500, 1_500, 3_600_000]) }
    default:
      return { at, kind: 'authorize-fails', of: 'node', ms: random.of([100, 2_000]) }
  }
}

function drawDatabaseFault(random: Random, at: number): Step {
  switch (random.below(9)) {
    case 0:
    case 1:
      return { at, kind: 'postgres-crash', of: 'postgres', downMs: random.of([50, 800, 4_000]) }
    case 2:
      return { at, kind: 'slot-lost', of: 'postgres' }
    case 3:
    case 4:
      return { at, kind: 'stall', of: 'postgres', ms: random.of([100, 1_500, 6_000]) }
    case 5:
    case 6:
      return { at, kind: 'slow-visibility', of: 'postgres', ms: random.of([5, 100, 1_000]) }
    case 7:
      return { at, kind: 'truncate', of: 'postgres', table: 'entries' }
    default: {
      const column = `extra${random.below(1_000)}`
      return {
        at,
        kind: 'add-column',
        of: 'postgres',
        table: random.of(['accounts', 'rooms', 'entries']),
        column,
      }
    }
  }
}
