import type { Deadlines } from '../checks/checks.ts'
import { Scheduler } from '../clock/scheduler.ts'
import type { HistoryEvent, Violation } from '../history/history.ts'
import type { Schedule } from '../schedule/schedule.ts'
import { Actor } from './act.ts'
import { Journal } from './journal.ts'
import { measure, takeFinal } from './look.ts'
import { openDatabase } from './open-database.ts'
import { World } from './world.ts'

export interface RunOptions {
  /** Checks the promises. Default true. */
  readonly check?: boolean
  /** Keeps the whole history, for a story. Default false. */
  readonly keep?: boolean
  /** Works out what tells two runs apart. Default false. */
  readonly hash?: boolean
}

export interface RunResult {
  readonly violations: readonly Violation[]
  /** Events of the history. */
  readonly count: number
  readonly hash: string
  readonly virtualMs: number
  /** Events of the scheduler. */
  readonly steps: number
  readonly faults: ReadonlyMap<string, number>
  /** Where it was kept. */
  readonly events: readonly HistoryEvent[]
}

/** How long after all is quiet somebody who got rights back loads the page again, which does not ask by itself. */
const wonderMs = 40_000

/** How often queues are measured, in virtual ms. */
const measureMs = 500

/** Runs a schedule from its beginning to its end. */
export async function runSchedule(schedule: Schedule, options: RunOptions = {}): Promise<RunResult> {
  const scheduler = new Scheduler()
  const { check = true, keep = false, hash = false } = options
  const deadlines = check ? deadlinesOf(schedule) : undefined
  const journal = new Journal(() => scheduler.now, { deadlines, keep, hash })
  const database = openDatabase(scheduler, schedule)
  const world = new World({ schedule, scheduler, journal, database })
  const actor = new Actor(world, scheduler, journal)
  const begun = world.begin()
  for (const step of schedule.steps) scheduler.at(step.at, () => actor.do(step))
  scheduler.at(schedule.quietAt, () => {
    for (const { line } of world.people.values()) line.heal()
  })
  scheduler.at(schedule.quietAt + wonderMs, () => {
    for (const person of world.people.values())
      if (person.wonders((room) => world.audience(person.user, room) !== false)) person.load(0)
  })
  const measureNext = (): void => {
    measure(world, schedule, journal)
    scheduler.after(measureMs, measureNext)
  }
  scheduler.after(measureMs, measureNext)
  scheduler.between = () => world.node.look()
  await scheduler.runUntil(schedule.endAt)
  await begun
  takeFinal(world, schedule)
  journal.end()
  return {
    violations: journal.violations,
    count: journal.count,
    hash: journal.hash,
    virtualMs: schedule.endAt,
    steps: scheduler.steps,
    faults: actor.faults,
    events: journal.events,
  }
}

/** What a timer may be late, and what the network may take on the way, in ms. */
const slackMs = 2_000

function deadlinesOf({ setting: { limits } }: Schedule): Deadlines {
  const silentMs = 2 * limits.heartbeatMs + slackMs
  const releaseMs = 2 * limits.heartbeatMs + limits.logoutMs + limits.helloMs + slackMs
  return { silentMs, releaseMs, ghostMs: releaseMs + limits.presenceMs + slackMs }
}
