import type { Sprint, SprintDay } from '../../model/board.ts'

/** Sprints that count for it, the latest. */
const sprintsCounted = 3

/** Points that the team finishes in a sprint: the mean of the last that are over; undefined where none is. */
export function velocityOf(
  sprints: readonly Sprint[],
  days: readonly SprintDay[],
  today: string,
): number | undefined {
  const done = sprints
    .filter(({ to_date }) => to_date < today)
    .sort((a, b) => (a.to_date < b.to_date ? 1 : -1))
    .slice(0, sprintsCounted)
    .map(({ id, to_date }) => {
      const own = days.filter((day) => day.sprint_id === id && day.day <= to_date)
      return own.sort((a, b) => (a.day < b.day ? 1 : -1))[0]?.points_done ?? 0
    })
    .filter((points) => points > 0)
  if (done.length === 0) return undefined
  return Math.round((done.reduce((sum, points) => sum + points, 0) / done.length) * 2) / 2
}
