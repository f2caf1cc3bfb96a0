import { byPosition } from '../model/board.ts'

interface Ranked {
  readonly id: number
  readonly position: string
}

/** Rows that differ from the last time, above which sorting all is no more work. */
const differencesMax = 200

/**
 * Puts rows into lists, each in the order of its ranks. A commit changes a few of a collection's rows: only these
 * are looked for and put in their places, and lists that did not change stay the same array.
 */
export function listsInOrder<R extends Ranked, K>(
  listOf: (row: R) => K,
): (rows: readonly R[]) => ReadonlyMap<K, readonly R[]> {
  let last: { readonly rows: readonly R[]; readonly lists: ReadonlyMap<K, readonly R[]> } = {
    rows: [],
    lists: new Map(),
  }
  return (rows) => {
    if (rows !== last.rows) {
      const difference = differenceOf(last.rows, rows)
      const lists =
        difference === undefined ? sorted(rows, listOf, last.lists) : moved(difference, listOf, last.lists)
      last = { rows, lists }
    }
    return last.lists
  }
}

interface Difference<R> {
  readonly gone: readonly R[]
  readonly come: readonly R[]
}

/** Collections keep the places of their rows, and new ones are the last: one walk along both finds what differs. */
function differenceOf<R extends Ranked>(before: readonly R[], now: readonly R[]): Difference<R> | undefined {
  const gone: R[] = []
  const come: R[] = []
  let [i, j] = [0, 0]
  while (i < before.length || j < now.length) {
    const [old, row] = [before[i], now[j]]
    if (old === row) {
      i++
      j++
      continue
    }
    if (old !== undefined) {
      gone.push(old)
      i++
    }
    if (row !== undefined && (old === undefined || old.id === row.id)) {
      come.push(row)
      j++
    }
    if (gone.length + come.length > differencesMax) return undefined
  }
  return { gone, come }
}

function moved<R extends Ranked, K>(
  { gone, come }: Difference<R>,
  listOf: (row: R) => K,
  before: ReadonlyMap<K, readonly R[]>,
): ReadonlyMap<K, readonly R[]> {
  const lists = new Map(before)
  const copies = new Map<K, R[]>()
  const copyOf = (row: R): R[] => {
    const key = listOf(row)
    let copy = copies.get(key)
    if (copy === undefined) {
      copy = [...(before.get(key) ?? [])]
      copies.set(key, copy)
    }
    return copy
  }
  for (const row of gone) {
    const list = copyOf(row)
    list.splice(list.indexOf(row), 1)
  }
  for (const row of come) {
    const list = copyOf(row)
    list.splice(placeIn(list, row), 0, row)
  }
  for (const [key, list] of copies) {
    if (list.length === 0) lists.delete(key)
    else lists.set(key, sameOr(before.get(key), list))
  }
  return lists
}

function placeIn<R extends Ranked>(list: readonly R[], row: R): number {
  let [from, to] = [0, list.length]
  while (from < to) {
    const middle = (from + to) >> 1
    const other = list[middle]
    if (other !== undefined && byPosition(other, row) <= 0) from = middle + 1
    else to = middle
  }
  return from
}

function sorted<R extends Ranked, K>(
  rows: readonly R[],
  listOf: (row: R) => K,
  before: ReadonlyMap<K, readonly R[]>,
): ReadonlyMap<K, readonly R[]> {
  const lists = new Map<K, R[]>()
  for (const row of rows) {
    const list = lists.get(listOf(row))
    if (list === undefined) lists.set(listOf(row), [row])
    else list.push(row)
  }
  const kept = new Map<K, readonly R[]>()
  for (const [key, list] of lists) {
    list.sort(byPosition)
    kept.set(key, sameOr(before.get(key), list))
  }
  return kept
}

function sameOr<R>(old: readonly R[] | undefined, list: readonly R[]): readonly R[] {
  return old?.length === list.length && list.every((row, i) => row === old[i]) ? old : list
}
