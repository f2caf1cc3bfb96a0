import { useCollection } from '@lockstep/client/react'
import { type ReactElement, useMemo, useState } from 'react'
import { figureText } from '../../model/board.ts'
import type { ProjectPage } from '../../model/page.ts'
import { useBoard } from '../board/board-context.tsx'
import { Composer } from '../board/composer.tsx'
import { itemKey, markerKey } from '../board/highlights.ts'
import { ItemCard } from '../board/item-card.tsx'
import { ProjectFrame } from '../board/project-frame.tsx'
import { useRescue } from '../board/rescue.ts'
import { RowList } from '../board/row-list.tsx'
import { byItem, itemsBySprint, membersByName } from '../rows.ts'
import { itemsTagged } from '../tag-rows.ts'
import { type Entry, entriesOf } from './entries.ts'
import { MarkerLine } from './marker-line.tsx'
import { figuresOf, Summary } from './summary.tsx'
import { Tools } from './tools.tsx'

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
const keyOfEntry = (entry: Entry): string =>
  entry.kind === 'item' ? itemKey(entry.item.id) : markerKey(entry.marker.id)

function Backlog(): ReactElement {
  const { project, viewer } = useBoard()
  const items = useCollection(project.items, bySprint).of(null)
  const tasks = useCollection(project.tasks, tasksByItem)
  const members = useCollection(project.members, byName)
  const markers = useCollection(project.markers)
  const links = useCollection(project.item_tags)
  const known = useCollection(project.tags)
  const [chosenIds, setChosen] = useState<readonly number[]>([])
  // A tag that somebody deletes stops hiding what does not have it.
  const chosen = chosenIds.filter((id) => known.some((tag) => tag.id === id))
  const tagged = itemsTagged(links, chosen)
  const all = useMemo(() => entriesOf(items, markers), [items, markers])
  // Lines between some of the items would sum up what is not there.
  const entries =
    tagged === undefined ? all : all.filter((entry) => entry.kind === 'item' && tagged.has(entry.item.id))
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
      <Tools chosen={chosen} choose={setChosen} />
      <div className="backlog">
        <section className="item-box" aria-label="Items">
          <Composer where="top" first={items.length === 0} />
          {items.length === 0 ? (
            <Empty />
          ) : entries.length === 0 ? (
            <div className="empty">
              <h2>No item has these tags</h2>
              <button type="button" className="button plain small" onClick={() => setChosen([])}>
                Show all items
              </button>
            </div>
          ) : (
            <RowList
              label="Backlog items"
              rows={entries}
              keyOf={keyOfEntry}
              render={(entry) =>
                entry.kind === 'item' ? (
                  <ItemCard
                    item={entry.item}
                    tasks={tasks.of(entry.item.id)}
                    index={entry.index}
                    count={items.length}
                  />
                ) : (
                  <MarkerLine
                    marker={entry.marker}
                    sprint={entry.sprint}
                    points={entry.points}
                    items={entry.items}
                  />
                )
              }
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
