import { useWindowVirtualizer } from '@tanstack/react-virtual'
import {
  type ReactElement,
  type RefObject,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react'
import { useBoard } from './board-context.tsx'

/** Longer lists keep only what is near the window in the page. Shorter ones can be searched by the browser. */
const wholeMax = 150

/** Height of a line of the list before it has been measured, in px. */
const lineHeight = 57

/** Lines rendered above and below the window. */
const overscan = 12

/** Window that the server renders for; the first lines of a long list are in its HTML. */
const serverWindow = { width: 1280, height: 2400 }

interface RowListProps<R> {
  readonly label: string
  readonly rows: readonly R[]
  /** `items/17`: also the row's `data-row`, by which it is found to get the focus. */
  readonly keyOf: (row: R) => string
  readonly render: (row: R, index: number) => ReactElement
}

/** An ordered list of any length: a long one has only what is near the window in the page. */
export function RowList<R>(props: RowListProps<R>): ReactElement {
  return props.rows.length <= wholeMax ? <WholeList {...props} /> : <LongList {...props} />
}

function WholeList<R>({ label, rows, keyOf, render }: RowListProps<R>): ReactElement {
  const list = useRef<HTMLOListElement>(null)
  useFocusOfMoved(list, rows, keyOf)
  return (
    <ol ref={list} className="item-list" aria-label={label}>
      {rows.map((row, index) => (
        <li key={keyOf(row)}>{render(row, index)}</li>
      ))}
    </ol>
  )
}

function LongList<R>({ label, rows, keyOf, render }: RowListProps<R>): ReactElement {
  const list = useRef<HTMLOListElement>(null)
  const [scrollMargin, setScrollMargin] = useState(0)
  useLayoutEffect(() => {
    const measure = (): void => {
      if (list.current !== null) setScrollMargin(list.current.getBoundingClientRect().top + window.scrollY)
    }
    measure()
    // What stands above the list may grow: a form that opens, a banner that comes.
    const watcher = new ResizeObserver(measure)
    watcher.observe(document.body)
    return () => watcher.disconnect()
  }, [])
  // Another function makes the list measure all its lines anew: it stays the same while the keys do.
  const keys = useSameKeys(rows, keyOf)
  const getItemKey = useCallback((index: number) => keys[index] ?? index, [keys])
  const lines = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => lineHeight,
    getItemKey,
    overscan,
    scrollMargin,
    initialRect: serverWindow,
  })
  useFocusOfMoved(list, rows, keyOf, (index) => lines.scrollToIndex(index))
  const shown = lines.getVirtualItems()
  const above = (shown[0]?.start ?? scrollMargin) - scrollMargin
  const below = lines.getTotalSize() - ((shown.at(-1)?.end ?? scrollMargin) - scrollMargin)
  return (
    <ol
      ref={list}
      className="item-list"
      aria-label={label}
      style={{ paddingTop: Math.max(above, 0), paddingBottom: Math.max(below, 0) }}
    >
      {shown.map(({ index, key }) => {
        const row = rows[index]
        if (row === undefined) return null
        return (
          <li
            key={key}
            ref={lines.measureElement}
            data-index={index}
            aria-setsize={rows.length}
            aria-posinset={index + 1}
          >
            {render(row, index)}
          </li>
        )
      })}
    </ol>
  )
}

/** Keys of all rows; the same array until one is another or stands elsewhere. */
function useSameKeys<R>(rows: readonly R[], keyOf: (row: R) => string): readonly string[] {
  const last = useRef<{ readonly rows: readonly R[]; readonly keys: readonly string[] }>({
    rows: [],
    keys: [],
  })
  return useMemo(() => {
    const { rows: before, keys: known } = last.current
    // Most rows are the same objects as before: theirs are not made and compared again.
    const keyAt = (row: R, i: number): string => (row === before[i] ? (known[i] ?? keyOf(row)) : keyOf(row))
    const same = rows.length === known.length && rows.every((row, i) => keyAt(row, i) === known[i])
    last.current = { rows, keys: same ? known : rows.map(keyAt) }
    return last.current.keys
  }, [rows, keyOf])
}

/** An element that is moved within the page loses the focus: it is given back to the moved row's handle. */
function useFocusOfMoved<R>(
  list: RefObject<HTMLOListElement | null>,
  rows: readonly R[],
  keyOf: (row: R) => string,
  reveal?: (index: number) => void,
): void {
  const { focus } = useBoard()
  useEffect(() => {
    const { key } = focus
    if (key === undefined) return
    const index = rows.findIndex((row) => keyOf(row) === key)
    // It may stand in another list of the page.
    if (index < 0) return
    const give = (): boolean => {
      const handle = list.current?.querySelector<HTMLElement>(`[data-row="${CSS.escape(key)}"] [data-handle]`)
      handle?.focus()
      handle?.scrollIntoView({ block: 'nearest' })
      return handle != null
    }
    if (!give()) {
      reveal?.(index)
      requestAnimationFrame(give)
    }
    focus.key = undefined
  }, [rows, keyOf, focus, list, reveal])
}
