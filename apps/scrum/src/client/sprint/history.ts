import type { Sprint, SprintDay } from '../../model/board.ts'
import { daysFrom } from '../../model/days.ts'

/** A sprint day by day: the day's figures, and undefined for days that are still to come. */
export interface History {
  readonly days: readonly string[]
  readonly noted: readonly (SprintDay | undefined)[]
}

/**
 * What stood at the end of each day of the sprint. A day on which nothing changed is as the one before; the
 * days before the first change are as that.
 */
export function historyOf(sprint: Sprint, noted: readonly SprintDay[], today: string): History {
  const own = noted
    .filter(({ sprint_id }) => sprint_id === sprint.id)
    .sort((a, b) => (a.day < b.day ? -1 : 1))
  const days = daysFrom(sprint.from_date, sprint.to_date)
  return {
    days,
    noted: days.map((day) => {
      if (day > today) return undefined
      return own.findLast((entry) => entry.day <= day) ?? own[0]
    }),
  }
}
