import type { Comment, Impediment, Item, Member, Sprint, Task } from '../model/board.ts'
import { listsInOrder } from './kept-order.ts'

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

const noTasks: readonly Task[] = []

const tasksInOrder = listsInOrder((task: Task) => task.item_id)

/** Tasks of each item, in the order of their ranks. Lists that did not change stay the same array. */
export const byItem: (tasks: readonly Task[]) => TasksByItem = remembered((tasks) => {
  const lists = tasksInOrder(tasks)
  return { of: (itemId) => lists.get(itemId) ?? noTasks }
})

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

const itemsInOrder = listsInOrder((item: Item) => item.sprint_id)

/** Items of each sprint and of the backlog, in order. Lists that did not change stay the same array. */
export const itemsBySprint: (items: readonly Item[]) => ItemsBySprint = remembered((items) => {
  const lists = itemsInOrder(items)
  return { of: (sprintId) => lists.get(sprintId) ?? noItems }
})

/** Impediments, what came last first; one that the server has not named yet is the newest. */
export const impedimentsInOrder: (impediments: readonly Impediment[]) => readonly Impediment[] = remembered(
  (impediments) =>
    [...impediments].sort((a, b) =>
      a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : b.id - a.id || 0,
    ),
)
