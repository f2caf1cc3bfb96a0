import { useCallback, useMemo, useRef, useSyncExternalStore } from 'react'
import type { Collection, Key } from '../index.ts'

export interface CollectionView<R, T> {
  /** Rows to keep; default all. */
  readonly filter?: (row: R) => boolean
  /** Order, as for `Array.prototype.sort`; default none in particular. */
  readonly sort?: (a: R, b: R) => number
  /** What to make of the rows; default the rows. Arrays are compared element by element. */
  readonly select?: (rows: readonly R[]) => T
}

const noRows: readonly never[] = []
const stopNothing = (): void => {}

/**
 * The rows of a collection, none where it is undefined, or what `select` makes of them. Renders again only when the result differs:
 * in another element (===) for arrays, else in itself. Functions may be written in place.
 */
export function useCollection<R extends object, T = readonly R[]>(
  collection: Collection<R> | undefined,
  view: CollectionView<R, T> = {},
): T {
  const { filter, sort, select } = view
  const last = useRef<{ readonly result: T } | undefined>(undefined)
  const [now, first] = useMemo(() => {
    const result = (rows: readonly R[]): T => {
      let shown = rows
      if (filter !== undefined) shown = shown.filter(filter)
      if (sort !== undefined) shown = [...shown].sort(sort)
      // Without `select`, T is its default: the rows.
      const made = select === undefined ? (shown as unknown as T) : select(shown)
      if (last.current !== undefined && sameElements(last.current.result, made)) return last.current.result
      last.current = { result: made }
      return made
    }
    return [
      remember(result, () => collection?.all() ?? noRows),
      remember(result, () => collection?.initial() ?? noRows),
    ]
  }, [collection, filter, sort, select])
  const subscribe = useCallback(
    (listener: () => void) => collection?.subscribe(listener) ?? stopNothing,
    [collection],
  )
  return useSyncExternalStore(subscribe, now, first)
}

/** One row, or undefined. Renders again only when this row changes. */
export function useRow<R extends object>(collection: Collection<R> | undefined, key: Key): R | undefined {
  const text = typeof key === 'object' ? JSON.stringify(key) : String(key)
  // biome-ignore lint/correctness/useExhaustiveDependencies: a composite key is another array every time.
  const subscribe = useCallback(
    (listener: () => void) => collection?.subscribeRow(key, listener) ?? stopNothing,
    [collection, text],
  )
  return useSyncExternalStore(
    subscribe,
    () => collection?.get(key),
    () => collection?.initialRow(key),
  )
}

/** Makes the result once for the same rows. */
function remember<R, T>(result: (rows: readonly R[]) => T, read: () => readonly R[]): () => T {
  let last: { readonly rows: readonly R[]; readonly made: T } | undefined
  return () => {
    const rows = read()
    if (last === undefined || last.rows !== rows) last = { rows, made: result(rows) }
    return last.made
  }
}

function sameElements(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
  return a.every((element, index) => Object.is(element, b[index]))
}
