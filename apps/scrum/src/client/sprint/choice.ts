import { useCollection } from '@lockstep/client/react'
import type { Sprint } from '../../model/board.ts'
import type { ProjectPage } from '../../model/page.ts'
import { useBoard } from '../board/board-context.tsx'
import { sprintsInOrder } from '../rows.ts'

const inTime = { select: sprintsInOrder }

/** All sprints in time, and the one that the page shows: the address's, else the running one or the nearest. */
export function useSprintOf({ sprintId, today, kind }: ProjectPage): {
  readonly sprints: readonly Sprint[]
  readonly sprint: Sprint | undefined
} {
  const { project } = useBoard()
  const sprints = useCollection(project.sprints, inTime)
  const open = sprints.filter(({ to_date }) => to_date >= today)
  const running = open.find(({ from_date }) => from_date <= today)
  // Planning looks ahead, working looks at today.
  const next = kind === 'planning' ? (open.find(({ from_date }) => from_date > today) ?? running) : running
  const sprint =
    sprintId === undefined ? (next ?? open[0] ?? sprints.at(-1)) : sprints.find(({ id }) => id === sprintId)
  return { sprints, sprint }
}

/** `running`, `planned`, `over`. */
export function stateOf(sprint: Sprint, today: string): 'running' | 'planned' | 'over' {
  return sprint.to_date < today ? 'over' : sprint.from_date > today ? 'planned' : 'running'
}
