import { useCollection } from '@lockstep/client/react'
import { type ReactElement, useRef } from 'react'
import { figureText, type Item } from '../../model/board.ts'
import type { ProjectPage } from '../../model/page.ts'
import { useBoard } from '../board/board-context.tsx'
import { Composer } from '../board/composer.tsx'
import { type Dragged, useListDrop } from '../board/dragging.ts'
import { itemKey } from '../board/highlights.ts'
import { ItemCard } from '../board/item-card.tsx'
import { ProjectFrame } from '../board/project-frame.tsx'
import { Rescue } from '../board/rescue.ts'
import { RowList } from '../board/row-list.tsx'
import { byItem, itemsBySprint, type TasksByItem } from '../rows.ts'
import { useSprintOf } from '../sprint/choice.ts'
import { SprintHead } from '../sprint/sprint-head.tsx'

export function PlanningPage({ page }: { page: ProjectPage }): ReactElement {
  return (
    <ProjectFrame page={page}>
      <Planning page={page} />
    </ProjectFrame>
  )
}

const bySprint = { select: itemsBySprint }
const tasksByItem = { select: byItem }
const keyOfItem = ({ id }: Item): string => itemKey(id)

function Planning({ page }: { page: ProjectPage }): ReactElement {
  const { project } = useBoard()
  const { sprints, sprint } = useSprintOf(page)
  const lists = useCollection(project.items, bySprint)
  const tasks = useCollection(project.tasks, tasksByItem)
  return (
    <>
      <Rescue />
      <SprintHead kind="planning" sprints={sprints} sprint={sprint} />
      <div className="planning">
        <Column title="Backlog" sprintId={null} items={lists.of(null)} tasks={tasks} />
        {sprint === undefined ? (
          <div className="empty">
            <h2>No sprint yet</h2>
            <p>Plan the first one, then drag items from the backlog into it.</p>
          </div>
        ) : (
          <Column title={sprint.name} sprintId={sprint.id} items={lists.of(sprint.id)} tasks={tasks} />
        )}
      </div>
    </>
  )
}

const acceptsItems = ({ collection }: Dragged): boolean => collection === 'items'

function Column({
  title,
  sprintId,
  items,
  tasks,
}: {
  title: string
  sprintId: number | null
  items: readonly Item[]
  tasks: TasksByItem
}): ReactElement {
  const { actions, project } = useBoard()
  const box = useRef<HTMLElement>(null)
  const over = useListDrop(box, acceptsItems, ({ id }) => {
    const item = project.items.get(id)
    if (item !== undefined && item.sprint_id !== sprintId) actions.items.moveTo(item, sprintId)
  })
  const points = items.reduce((sum, { estimate }) => sum + (estimate ?? 0), 0)
  const open = items.filter(({ estimate }) => estimate === null).length
  return (
    <section
      ref={box}
      className={`column item-box${over ? ' column-over' : ''}`}
      aria-label={title}
      data-list={sprintId ?? 'backlog'}
    >
      <header className="column-head">
        <h2>{title}</h2>
        <p>
          <strong>{figureText(points)}</strong> {points === 1 ? 'point' : 'points'} in{' '}
          {figureText(items.length)} {items.length === 1 ? 'item' : 'items'}
          {open > 0 && <span className="hint">, {figureText(open)} to estimate</span>}
        </p>
      </header>
      {items.length === 0 ? (
        <p className="column-none">Drop items here, or choose “Move to {title}” in an item’s menu.</p>
      ) : (
        <RowList
          label={sprintId === null ? 'Backlog items' : 'Sprint items'}
          rows={items}
          keyOf={keyOfItem}
          render={(item, index) => (
            <ItemCard item={item} tasks={tasks.of(item.id)} index={index} count={items.length} />
          )}
        />
      )}
      <Composer where="bottom" sprintId={sprintId} name={sprintId === null ? 'the backlog' : title} />
    </section>
  )
}
