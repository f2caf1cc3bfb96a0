import { useWindowVirtualizer } from '@tanstack/react-virtual'
import { type ReactElement, useEffect, useLayoutEffect, useRef, useState } from 'react'
import type { Item } from '../../model/board.ts'
import type { TasksByItem } from '../rows.ts'
import { useBoard } from './board-context.tsx'
import { ItemCard } from './item-card.tsx'

/** Longer lists keep only what is near the window in the page. Shorter ones can be searched by the browser. */
const wholeMax = 150

/** Height of a line of the list before it has been measured, in px. */
const lineHeight = 57

/** Lines rendered above and below the window. */
const overscan = 12

/** Window that the server renders for; the first lines of a long list are in its HTML. */
const serverWindow = { width: 1280, height: 2400 }

interface ListProps {
  readonly items: readonly Item[]
  readonly tasks: TasksByItem
}

export function BacklogList({ items, tasks }: ListProps): ReactElement {
  return items.length <= wholeMax ? (
    <WholeList items={items} tasks={tasks} />
  ) : (
    <LongList items={items} tasks={tasks} />
  )
}

function WholeList({ items, tasks }: ListProps): ReactElement {
  const list = useRef<HTMLOListElement>(null)
  useFocusOfMoved(list, items)
  return (
    <ol ref={list} className="item-list" aria-label="Backlog items">
      {items.map((item, index) => (
        <li key={item.id}>
          <ItemCard item={item} tasks={tasks.of(item.id)} index={index} count={items.length} />
        </li>
      ))}
    </ol>
  )
}

function LongList({ items, tasks }: ListProps): ReactElement {
  const list = useRef<HTMLOListElement>(null)
  const [scrollMargin, setScrollMargin] = useState(0)
  useLayoutEffect(() => {
    const measure = (): void => {
      if (list.current !== null) setScrollMargin(list.current.getBoundingClientRect().top + window.scrollY)
    }
    measure()
    window.addEventListener('resize', measure)
    return () => window.removeEventListener('resize', measure)
  }, [])
  const lines = useWindowVirtualizer({
    count: items.length,
    estimateSize: () => lineHeight,
    getItemKey: (index) => items[index]?.id ?? index,
    overscan,
    scrollMargin,
    initialRect: serverWindow,
  })
  useFocusOfMoved(list, items, (index) => lines.scrollToIndex(index))
  const shown = lines.getVirtualItems()
  const above = (shown[0]?.start ?? scrollMargin) - scrollMargin
  const below = lines.getTotalSize() - ((shown.at(-1)?.end ?? scrollMargin) - scrollMargin)
  return (
    <ol
      ref={list}
      className="item-list"
      aria-label="Backlog items"
      style={{ paddingTop: Math.max(above, 0), paddingBottom: Math.max(below, 0) }}
    >
      {shown.map(({ index, key }) => {
        const item = items[index]
        if (item === undefined) return null
        return (
          <li
            key={key}
            ref={lines.measureElement}
            data-index={index}
            aria-setsize={items.length}
            aria-posinset={index + 1}
          >
            <ItemCard item={item} tasks={tasks.of(item.id)} index={index} count={items.length} />
          </li>
        )
      })}
    </ol>
  )
}

/** An element that is moved within the page loses the focus: it is given back to the moved item's handle. */
function useFocusOfMoved(
  list: React.RefObject<HTMLOListElement | null>,
  items: readonly Item[],
  reveal?: (index: number) => void,
): void {
  const { focus } = useBoard()
  useEffect(() => {
    const { key } = focus
    if (key === undefined) return
    const index = items.findIndex(({ id }) => String(id) === key)
    if (index < 0) {
      focus.key = undefined
      return
    }
    const give = (): boolean => {
      const handle = list.current?.querySelector<HTMLElement>(`[data-item="${CSS.escape(key)}"] .item-handle`)
      handle?.focus()
      handle?.scrollIntoView({ block: 'nearest' })
      return handle != null
    }
    if (!give()) {
      reveal?.(index)
      requestAnimationFrame(give)
    }
    focus.key = undefined
  }, [items, focus, list, reveal])
}
