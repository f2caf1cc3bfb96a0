import {
  byPosition,
  type Comment,
  type Impediment,
  type Item,
  type Member,
  type Sprint,
  type Task,
} from '../model/board.ts'

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

/** Members of the team by their user's id. */
export const membersById: (members: readonly Member[]) => ReadonlyMap<number, Member> = remembered(
  (members) => new Map(members.map((member) => [member.user_id, member])),
)

/** Members in the order of their names. */
export const membersByName: (members: readonly Member[]) => readonly Member[] = remembered((members) =>
  [...members].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.user_id - b.user_id)),
)

/** Sprints in the order of their first days. */
export const sprintsInOrder: (sprints: readonly Sprint[]) => readonly Sprint[] = remembered((sprints) =>
  [...sprints].sort((a, b) => (a.from_date < b.from_date ? -1 : a.from_date > b.from_date ? 1 : a.id - b.id)),
)

export interface CommentsBySubject {
  of(subject: Pick<Comment, 'item_id' | 'impediment_id'>): readonly Comment[]
}

const noComments: readonly Comment[] = []

/** Comments on each item and impediment, oldest first. */
export const commentsBySubject: (comments: readonly Comment[]) => CommentsBySubject = remembered(
  (comments): CommentsBySubject => {
    const lists = new Map<string, Comment[]>()
    const keyOf = ({ item_id, impediment_id }: Pick<Comment, 'item_id' | 'impediment_id'>): string =>
      `${item_id}/${impediment_id}`
    const inTime = [...comments].sort((a, b) =>
      a.created_at < b.created_at ? -1 : a.created_at > b.created_at ? 1 : a.id - b.id || 0,
    )
    for (const comment of inTime) {
      const list = lists.get(keyOf(comment))
      if (list === undefined) lists.set(keyOf(comment), [comment])
      else list.push(comment)
    }
    return { of: (subject) => lists.get(keyOf(subject)) ?? noComments }
  },
)

const noItems: readonly Item[] = []

export interface ItemsBySprint {
  /** Null: the backlog. */
  of(sprintId: number | null): readonly Item[]
}

/** Items of each sprint and of the backlog, in order. Lists that did not change stay the same array. */
export const itemsBySprint: (items: readonly Item[]) => ItemsBySprint = (() => {
  let last: ReadonlyMap<number | null, readonly Item[]> = new Map()
  return remembered((items: readonly Item[]): ItemsBySprint => {
    const lists = new Map<number | null, Item[]>()
    for (const item of inOrder(items)) {
      const list = lists.get(item.sprint_id)
      if (list === undefined) lists.set(item.sprint_id, [item])
      else list.push(item)
    }
    const kept = new Map<number | null, readonly Item[]>()
    for (const [id, list] of lists) {
      const old = last.get(id)
      kept.set(id, old?.length === list.length && list.every((item, i) => item === old[i]) ? old : list)
    }
    last = kept
    return { of: (sprintId) => kept.get(sprintId) ?? noItems }
  })
})()

/** Impediments, what came last first; one that the server has not named yet is the newest. */
export const impedimentsInOrder: (impediments: readonly Impediment[]) => readonly Impediment[] = remembered(
  (impediments) =>
    [...impediments].sort((a, b) =>
      a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : b.id - a.id || 0,
    ),
)
