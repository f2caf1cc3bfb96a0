import { useCollection } from '@lockstep/client/react'
import { type ReactElement, useEffect } from 'react'
import { figureText, type Item, type Sprint } from '../../model/board.ts'
import type { ProjectPage } from '../../model/page.ts'
import { useBoard } from '../board/board-context.tsx'
import { Composer } from '../board/composer.tsx'
import { itemKey } from '../board/highlights.ts'
import { ItemCard } from '../board/item-card.tsx'
import { ProjectFrame } from '../board/project-frame.tsx'
import { Rescue } from '../board/rescue.ts'
import { RowList } from '../board/row-list.tsx'
import { byItem, itemsBySprint, membersByName } from '../rows.ts'
import { Charts } from './charts.tsx'
import { useSprintOf } from './choice.ts'
import { Participants } from './participants.tsx'
import { SprintHead } from './sprint-head.tsx'
import { workOf } from './work.ts'

export function SprintPage({ page }: { page: ProjectPage }): ReactElement {
  return (
    <ProjectFrame page={page}>
      <SprintBoard page={page} />
    </ProjectFrame>
  )
}

function SprintBoard({ page }: { page: ProjectPage }): ReactElement {
  const { news } = useBoard()
  const { sprints, sprint } = useSprintOf(page)
  useEffect(() => {
    news.sprintId = sprint?.id
  }, [news, sprint?.id])
  return (
    <>
      <Rescue />
      <SprintHead kind="sprint" sprints={sprints} sprint={sprint} />
      {sprint === undefined ? (
        <div className="empty">
          <h2>{page.sprintId === undefined ? 'No sprint yet' : 'This sprint was deleted'}</h2>
          <p>
            A sprint is some days, a goal, and the items that the team wants to finish in them. Plan one, then
            fill it on the planning page.
          </p>
        </div>
      ) : (
        <SprintItems sprint={sprint} />
      )}
    </>
  )
}

const bySprint = { select: itemsBySprint }
const tasksByItem = { select: byItem }
const byName = { select: membersByName }
const keyOfItem = ({ id }: Item): string => itemKey(id)

function SprintItems({ sprint }: { sprint: Sprint }): ReactElement {
  const { project, projectId } = useBoard()
  const items = useCollection(project.items, bySprint).of(sprint.id)
  const tasks = useCollection(project.tasks, tasksByItem)
  const members = useCollection(project.members, byName)
  const work = workOf(items, tasks, members)
  return (
    <div className="backlog">
      <section className="item-box" aria-label="Items of the sprint" data-list={sprint.id}>
        {items.length === 0 ? (
          <div className="empty">
            <h2>Nothing is in this sprint yet</h2>
            <p>
              <a href={`/projects/${projectId}/planning/${sprint.id}`}>Plan it</a>, or write an item down
              here.
            </p>
          </div>
        ) : (
          <RowList
            label="Sprint items"
            rows={items}
            keyOf={keyOfItem}
            render={(item, index) => (
              <ItemCard item={item} tasks={tasks.of(item.id)} index={index} count={items.length} withTasks />
            )}
          />
        )}
        <Composer where="bottom" sprintId={sprint.id} name={sprint.name} />
      </section>
      <aside className="sprint-side" aria-label="About this sprint">
        <dl className="figures">
          <div>
            <dt>{work.hours === 1 ? 'Hour left' : 'Hours left'}</dt>
            <dd>{figureText(work.hours)}</dd>
          </div>
          <div>
            <dt>Points done</dt>
            <dd>
              {figureText(work.pointsDone)} <span className="of">/ {figureText(work.points)}</span>
            </dd>
          </div>
          <div>
            <dt>Items done</dt>
            <dd>
              {figureText(work.itemsDone)} <span className="of">/ {figureText(items.length)}</span>
            </dd>
          </div>
        </dl>
        <Participants work={work} />
        <Charts sprint={sprint} work={work} />
      </aside>
    </div>
  )
}
