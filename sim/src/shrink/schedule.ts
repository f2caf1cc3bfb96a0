import type { HistoryEvent, Violation } from '../history/history.ts'
import { runSchedule } from '../run/run.ts'
import type { Schedule, Setting, Someone, Step } from '../schedule/schedule.ts'
import { type Pass, type Shrunk, shrink } from './shrink.ts'

/** How long all stays quiet after the last step of a shrunk schedule, at least, in virtual ms. */
const quietMs = 75_000
const afterLastMs = 2_000

export interface ShrunkRun extends Shrunk<Schedule> {
  readonly events: readonly HistoryEvent[]
  /** Of the promise that was broken at first. */
  readonly violations: readonly Violation[]
}

/** Cuts a schedule down to what breaks the same promise. */
export async function shrinkSchedule(
  failing: Schedule,
  promise: string,
  options: { readonly runsMax?: number } = {},
): Promise<ShrunkRun> {
  const broken = async (
    schedule: Schedule,
    keep: boolean,
  ): Promise<Pick<ShrunkRun, 'events' | 'violations'>> => {
    const { events, violations } = await runSchedule(schedule, { keep })
    return { events, violations: violations.filter((violation) => violation.promise === promise) }
  }
  const shrunk = await shrink(failing, {
    ...options,
    passes,
    fails: async (candidate) => {
      try {
        return (await broken(candidate, false)).violations.length > 0
      } catch {
        return false // it breaks in another way
      }
    },
  })
  return { ...shrunk, ...(await broken(shrunk.smallest, true)) }
}

const passes: readonly Pass<Schedule>[] = [
  {
    name: 'end sooner',
    *plainer(schedule) {
      const last = schedule.steps.at(-1)?.at ?? 0
      const quietAt = last + afterLastMs
      if (quietAt < schedule.quietAt) yield { ...schedule, quietAt, endAt: quietAt + quietMs }
    },
  },
  {
    name: 'steps',
    count: ({ steps }) => steps.length,
    keep: (schedule, kept) => ({ ...schedule, steps: schedule.steps.filter((_, i) => kept(i)) }),
  },
  {
    name: 'people',
    count: ({ setting }) => setting.people.length,
    keep: (schedule, kept) => {
      const people = schedule.setting.people.filter((_, i) => kept(i))
      const names = new Set(people.map(({ name }) => name))
      const gone = new Set(schedule.setting.people.map(({ name }) => name).filter((name) => !names.has(name)))
      if (people.length === 0) return undefined
      const steps = schedule.steps.filter((step) => !('of' in step && gone.has(step.of)))
      return { ...schedule, steps, setting: { ...schedule.setting, people } }
    },
  },
  {
    name: 'rooms on pages',
    *plainer(schedule) {
      for (const [i, person] of schedule.setting.people.entries()) {
        if (person.rooms.length === 1) continue
        for (const room of person.rooms) {
          yield withPerson(schedule, i, { ...person, rooms: person.rooms.filter((other) => other !== room) })
        }
      }
    },
  },
  { name: 'setting', plainer: plainSettings },
  { name: 'times of faults', plainer: plainSteps },
  {
    name: 'gaps',
    *plainer(schedule) {
      // All that comes after a step moves towards it.
      for (const [i, step] of schedule.steps.entries()) {
        const gap = step.at - (schedule.steps[i - 1]?.at ?? 0)
        for (const shorter of [100, 1_000, Math.round(gap / 2)]) {
          if (shorter >= gap || shorter === 0) continue
          const by = gap - shorter
          const steps = schedule.steps.map((other, j) => (j < i ? other : { ...other, at: other.at - by }))
          yield { ...schedule, steps, quietAt: schedule.quietAt - by, endAt: schedule.endAt - by }
          break
        }
      }
    },
  },
]

function withPerson(schedule: Schedule, index: number, person: Someone): Schedule {
  return {
    ...schedule,
    setting: { ...schedule.setting, people: schedule.setting.people.with(index, person) },
  }
}

function* plainSettings(schedule: Schedule): Iterable<Schedule> {
  const { setting } = schedule
  const change = (changed: Partial<Setting>): Schedule => ({
    ...schedule,
    setting: { ...setting, ...changed },
  })
  if (Object.keys(setting.rights).length > 0) yield change({ rights: {} })
  if (setting.authorizeMs > 0) yield change({ authorizeMs: 0 })
  for (const [i, person] of setting.people.entries()) {
    if (person.clockMs !== 0) yield withPerson(schedule, i, { ...person, clockMs: 0 })
    for (const direction of ['up', 'down'] as const) {
      const way = person[direction]
      const plain = { ...way, latencyMs: 1, jitterMs: 0, rate: Number.MAX_SAFE_INTEGER }
      if (way.jitterMs > 0 || way.latencyMs !== 1 || way.rate < plain.rate) {
        yield withPerson(schedule, i, { ...person, [direction]: plain })
      }
    }
  }
}

/** Fields of steps that are times. */
const times = ['ms', 'holdMs', 'downMs', 'waitMs', 'leaseMs'] as const

function* plainSteps(schedule: Schedule): Iterable<Schedule> {
  for (const [i, step] of schedule.steps.entries()) {
    for (const field of times) {
      // A field of this name is a number in every step that has it.
      const value = (step as { readonly [name: string]: unknown })[field]
      if (typeof value !== 'number' || value <= 50) continue
      const shorter: Step = { ...step, [field]: value > 1_000 ? 1_000 : 50 }
      if (value > 1_000 || value > 50) yield { ...schedule, steps: schedule.steps.with(i, shorter) }
    }
  }
}
