import { useCollection } from '@lockstep/client/react'
import { type ReactElement, useMemo, useRef, useState } from 'react'
import { figureText, type Item } from '../../model/board.ts'
import type { ProjectPage } from '../../model/page.ts'
import { useBoard } from '../board/board-context.tsx'
import { Composer } from '../board/composer.tsx'
import { itemKey, markerKey } from '../board/highlights.ts'
import { ItemCard } from '../board/item-card.tsx'
import { ProjectFrame } from '../board/project-frame.tsx'
import { Rescue } from '../board/rescue.ts'
import { RowList } from '../board/row-list.tsx'
import { byItem, itemsBySprint } from '../rows.ts'
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

const inBacklog = { select: (items: readonly Item[]) => itemsBySprint(items).of(null) }
const figures = { select: (items: readonly Item[]) => figuresOf(itemsBySprint(items).of(null)) }
const tasksByItem = { select: byItem }
const keyOfEntry = (entry: Entry): string =>
  entry.kind === 'item' ? itemKey(entry.item.id) : markerKey(entry.marker.id)

/** What each change renders anew is only the list, and the figures where they differ. */
function Backlog(): ReactElement {
  const { project } = useBoard()
  const known = useCollection(project.tags)
  const [chosenIds, setChosen] = useState<readonly number[]>([])
  // A tag that somebody deletes stops hiding what does not have it.
  const chosen = useMemo(
    () => chosenIds.filter((id) => known.some((tag) => tag.id === id)),
    [chosenIds, known],
  )
  return (
    <>
      <Rescue />
      <header className="page-head backlog-head">
        <div>
          <h1>Backlog</h1>
          <p>The most important item stands at the top.</p>
        </div>
        <FiguresList />
      </header>
      <Tools chosen={chosen} choose={setChosen} />
      <div className="backlog">
        <Items chosen={chosen} showAll={() => setChosen([])} />
        <Summary />
      </div>
    </>
  )
}

function FiguresList(): ReactElement {
  const { project } = useBoard()
  const { items, points, unestimated } = useCollection(project.items, figures)
  return (
    <dl className="figures">
      <div>
        <dt>{items === 1 ? 'Item' : 'Items'}</dt>
        <dd>{figureText(items)}</dd>
      </div>
      <div>
        <dt>{points === 1 ? 'Point' : 'Points'}</dt>
        <dd>{figureText(points)}</dd>
      </div>
      <div>
        <dt>To estimate</dt>
        <dd>{figureText(unestimated)}</dd>
      </div>
    </dl>
  )
}

function Items({ chosen, showAll }: { chosen: readonly number[]; showAll: () => void }): ReactElement {
  const { project } = useBoard()
  const items = useCollection(project.items, inBacklog)
  const tasks = useCollection(project.tasks, tasksByItem)
  const markers = useCollection(project.markers)
  const links = useCollection(project.item_tags)
  const tagged = useMemo(() => itemsTagged(links, chosen), [links, chosen])
  const last = useRef<readonly Entry[]>([])
  const all = useMemo(() => {
    last.current = entriesOf(items, markers, last.current)
    return last.current
  }, [items, markers])
  // Lines between some of the items would sum up what is not there.
  const entries = useMemo(
    () =>
      tagged === undefined ? all : all.filter((entry) => entry.kind === 'item' && tagged.has(entry.item.id)),
    [all, tagged],
  )
  return (
    <section className="item-box" aria-label="Items">
      <Composer where="top" first={items.length === 0} />
      {items.length === 0 ? (
        <Empty />
      ) : entries.length === 0 ? (
        <div className="empty">
          <h2>No item has these tags</h2>
          <button type="button" className="button plain small" onClick={showAll}>
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
