import { byPosition, type Item, type Task } from '../model/board.ts'

/** Computes once per array: collections give the same array until something changes. */
export function remembered<R extends object, D>(
  compute: (rows: readonly R[]) => D,
): (rows: readonly R[]) => D {
  const known = new WeakMap<readonly R[], { readonly value: D }>()
  return (rows) => {
    let entry = known.get(rows)
    if (entry === undefined) {
      entry = { value: compute(rows) }
      known.set(rows, entry)
    }
    return entry.value
  }
}

/** The backlog: items in the order of their ranks. */
export const inOrder: (items: readonly Item[]) => readonly Item[] = remembered((items) =>
  [...items].sort(byPosition),
)

const noTasks: readonly Task[] = []

/** Tasks of each item, in the order of their ranks. Lists that did not change stay the same array. */
export const byItem: (tasks: readonly Task[]) => TasksByItem = (() => {
  let last: ReadonlyMap<number, readonly Task[]> = new Map()
  return remembered((tasks: readonly Task[]): TasksByItem => {
    const lists = new Map<number, Task[]>()
    for (const task of tasks) {
      const list = lists.get(task.item_id)
      if (list === undefined) lists.set(task.item_id, [task])
      else list.push(task)
    }
    const kept = new Map<number, readonly Task[]>()
    for (const [id, list] of lists) {
      list.sort(byPosition)
      const old = last.get(id)
      const unchanged = old?.length === list.length && list.every((task, i) => task === old[i])
      kept.set(id, unchanged ? old : list)
    }
    last = kept
    return { of: (itemId) => kept.get(itemId) ?? noTasks }
  })
})()

export interface TasksByItem {
  of(itemId: number): readonly Task[]
}
