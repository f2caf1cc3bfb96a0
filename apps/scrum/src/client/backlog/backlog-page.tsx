import { useCollection } from '@lockstep/client/react'
import type { ReactElement } from 'react'
import { figureText, type Item } from '../../model/board.ts'
import type { ProjectPage } from '../../model/page.ts'
import { useBoard } from '../board/board-context.tsx'
import { Composer } from '../board/composer.tsx'
import { itemKey } from '../board/highlights.ts'
import { ItemCard } from '../board/item-card.tsx'
import { ProjectFrame } from '../board/project-frame.tsx'
import { useRescue } from '../board/rescue.ts'
import { RowList } from '../board/row-list.tsx'
import { byItem, itemsBySprint, membersByName } from '../rows.ts'
import { figuresOf, Summary } from './summary.tsx'

export function BacklogPage({ page }: { page: ProjectPage }): ReactElement {
  return (
    <ProjectFrame page={page}>
      <Backlog />
    </ProjectFrame>
  )
}

const bySprint = { select: itemsBySprint }
const tasksByItem = { select: byItem }
const byName = { select: membersByName }
const keyOfItem = ({ id }: Item): string => itemKey(id)

function Backlog(): ReactElement {
  const { project, viewer } = useBoard()
  const items = useCollection(project.items, bySprint).of(null)
  const tasks = useCollection(project.tasks, tasksByItem)
  const members = useCollection(project.members, byName)
  const figures = figuresOf(items)
  useRescue()
  return (
    <>
      <header className="page-head backlog-head">
        <div>
          <h1>Backlog</h1>
          <p>The most important item stands at the top.</p>
        </div>
        <dl className="figures">
          <div>
            <dt>{figures.items === 1 ? 'Item' : 'Items'}</dt>
            <dd>{figureText(figures.items)}</dd>
          </div>
          <div>
            <dt>{figures.points === 1 ? 'Point' : 'Points'}</dt>
            <dd>{figureText(figures.points)}</dd>
          </div>
          <div>
            <dt>To estimate</dt>
            <dd>{figureText(figures.unestimated)}</dd>
          </div>
        </dl>
      </header>
      <div className="backlog">
        <section className="item-box" aria-label="Items">
          <Composer where="top" first={items.length === 0} />
          {items.length === 0 ? (
            <Empty />
          ) : (
            <RowList
              label="Backlog items"
              rows={items}
              keyOf={keyOfItem}
              render={(item, index) => (
                <ItemCard item={item} tasks={tasks.of(item.id)} index={index} count={items.length} />
              )}
            />
          )}
          {items.length > 0 && <Composer where="bottom" />}
        </section>
        <Summary figures={figures} members={members} viewerId={viewer.id} />
      </div>
    </>
  )
}

function Empty(): ReactElement {
  return (
    <div className="empty">
      <h2>An empty backlog</h2>
      <p>
        Write down the first thing that somebody wants from you: who wants it, what, and why. Your team sees
        it while you press Enter.
      </p>
    </div>
  )
}
