import { byPosition, estimateWords, type Item, type Marker, type Task } from '../../model/board.ts'
import { byItem, itemsBySprint } from '../rows.ts'
import { type TagOfItem, tagsByItem } from '../tag-rows.ts'
import type { Doing } from './doing.ts'
import { itemKey } from './highlights.ts'
import { rankAt, rankBeside } from './rank-at.ts'
import { changeFields } from './row-fields.ts'

type Side = 'before' | 'after'
interface Ranked {
  readonly position: string
  readonly id: number
}

/** What the viewer can do to items, in the backlog and in sprints. */
export class ItemActions {
  readonly #doing: Doing

  constructor(doing: Doing) {
    this.#doing = doing
  }

  create(where: 'top' | 'bottom', userStory: string, sprintId: number | null = null): void {
    const { project, projectId } = this.#doing
    const entries = this.#entries(sprintId)
    const write = project.items.create({
      project_id: projectId,
      user_story: userStory,
      description: '',
      estimate: null,
      sprint_id: sprintId,
      position: rankAt(entries, where === 'top' ? 0 : entries.length),
    })
    this.#doing.run({ failure: `“${userStory}” was not added`, write })
    this.#doing.undoCreation(`adding “${userStory}”`, write, (id) =>
      this.#doing.run({ key: itemKey(id), failure: 'Not undone', write: project.items.destroy(id) }),
    )
  }

  rename(item: Item, userStory: string): void {
    this.#change(item, { user_story: userStory }, 'The item was not renamed', 'renaming', {
      key: itemDraft(item, 'user_story'),
      text: userStory,
      base: item.user_story,
    })
  }

  describe(item: Item, description: string): void {
    this.#change(item, { description }, 'The description was not saved', 'describing', {
      key: itemDraft(item, 'description'),
      text: description,
      base: item.description,
    })
  }

  estimate(item: Item, estimate: number | null): void {
    if (estimate === item.estimate) return
    this.#doing.announce(`${item.user_story}: ${estimateWords(estimate)}`)
    this.#change(item, { estimate }, 'The estimate was not saved', 'estimating')
  }

  /** `index`: where the item shall stand among the others of its list. */
  move(item: Item, index: number): void {
    const list = this.list(item.sprint_id)
    const others = list.filter(({ id }) => id !== item.id)
    const place = Math.min(Math.max(index, 0), others.length)
    const from = list.findIndex(({ id }) => id === item.id)
    if (from === place) return
    const [other, side]: [Item | undefined, Side] =
      place > from ? [others[place - 1], 'after'] : [others[place], 'before']
    if (other === undefined) return
    this.#doing.announce(`Moved “${item.user_story}” to position ${place + 1} of ${list.length}.`)
    this.#place(item, item.sprint_id, other, side)
  }

  /** Where an item was dropped: on this side of that other one, in whichever list that stands. */
  moveBeside(item: Item, other: Item, side: Side): void {
    if (item.sprint_id !== other.sprint_id) {
      this.#place(item, other.sprint_id, other, side)
      return
    }
    const others = this.list(item.sprint_id).filter(({ id }) => id !== item.id)
    const place = others.findIndex(({ id }) => id === other.id)
    if (place < 0) return
    const target = side === 'before' ? place : place + 1
    if (this.list(item.sprint_id).findIndex(({ id }) => id === item.id) === target) {
      // Over a marker, an item can move without passing another one.
      if (item.sprint_id === null) this.#place(item, null, other, side)
      return
    }
    this.move(item, target)
  }

  /** Where an item was dropped beside a marker, into the backlog. */
  moveBesideMarker(item: Item, marker: Marker, side: Side): void {
    this.#doing.announce(`Moved “${item.user_story}”.`)
    this.#place(item, null, marker, side)
  }

  /** To the top or the bottom of another list; null: the backlog. */
  moveTo(item: Item, sprintId: number | null, where: 'top' | 'bottom' = 'bottom'): void {
    const { project } = this.#doing
    const name = sprintId === null ? 'the backlog' : (project.sprints.get(sprintId)?.name ?? 'the sprint')
    const entries = this.#entries(sprintId)
    this.#doing.announce(`Moved “${item.user_story}” to ${name}.`)
    const position =
      entries.length === 0 ? item.position : rankAt(entries, where === 'top' ? 0 : entries.length)
    this.#change(item, { sprint_id: sprintId, position }, 'The item was not moved', 'moving')
  }

  /** The item that takes another's place when that goes. */
  neighbourOf(item: Item): Item | undefined {
    const items = this.list(item.sprint_id)
    const index = items.findIndex(({ id }) => id === item.id)
    return items[index + 1] ?? items[index - 1]
  }

  destroy(item: Item): void {
    const { project } = this.#doing
    const tasks = byItem(project.tasks.all()).of(item.id)
    const tags = tagsByItem(project).of(item.id)
    for (const field of ['user_story', 'description'] as const) {
      this.#doing.drafts.set(itemDraft(item, field), undefined)
    }
    const write = project.items.destroy(item.id)
    const undo = {
      label: `deleting “${item.user_story}”`,
      run: () => {
        this.restore(item, tasks, tags, write)
        return undefined
      },
    }
    this.#doing.run({ key: itemKey(item.id), failure: 'The item was not deleted', write, undo })
    this.#doing.offerUndo(`Deleted “${item.user_story}”`, undo)
  }

  /** Makes a deleted item anew, with all that hung on it, in its old place: one request. */
  restore(
    item: Item,
    tasks: readonly Task[],
    tags: readonly TagOfItem[] = [],
    after?: Promise<unknown>,
  ): void {
    const { user_story, description, estimate, position, sprint_id } = item
    const { project, projectId } = this.#doing
    const inSprint = sprint_id !== null && project.sprints.has(sprint_id) ? sprint_id : null
    const attributes = { user_story, description, estimate, position, sprint_id: inSprint }
    const create = (): Promise<unknown> =>
      this.#doing.send('items', {
        body: {
          ...attributes,
          restores: item.id,
          tags: tags.map(({ tag }) => tag.name),
          tasks: tasks.map(({ summary, done, hours_left, user_id }) => ({
            summary,
            done,
            hours_left,
            user_id,
          })),
        },
        optimistic: (shown) => shown.create('items', { ...attributes, project_id: projectId }),
      })
    // What is not deleted yet cannot be made anew; where deleting failed, it is still there.
    const write = after === undefined ? create() : after.then(create, () => undefined)
    this.#doing.run({ failure: `“${user_story}” was not brought back`, write })
    this.#doing.announce(`Brought back “${user_story}”.`)
  }

  /** The items of a sprint, or of the backlog, in order. */
  list(sprintId: number | null): readonly Item[] {
    return itemsBySprint(this.#doing.project.items.all()).of(sprintId)
  }

  /** Everything that stands in a list: in the backlog, markers between the items. */
  #entries(sprintId: number | null): readonly Ranked[] {
    const items = this.list(sprintId)
    if (sprintId !== null) return items
    return [...items, ...this.#doing.project.markers.all()].sort(byPosition)
  }

  #place(item: Item, sprintId: number | null, other: Ranked, side: Side): void {
    const entries = this.#entries(sprintId).filter((entry) => entry !== item)
    const change = { position: rankBeside(entries, other, side) }
    this.#change(
      item,
      sprintId === item.sprint_id ? change : { ...change, sprint_id: sprintId },
      'The item was not moved',
      'moving',
    )
  }

  #change(
    item: Item,
    change: Partial<Item>,
    failure: string,
    verb: string,
    draft?: { readonly key: string; readonly text: string; readonly base: string },
  ): void {
    changeFields(this.#doing, {
      rows: this.#doing.project.items,
      row: item,
      change,
      failure,
      label: `${verb} “${item.user_story}”`,
      ...(draft !== undefined && { draft }),
    })
  }
}

export function itemDraft(item: Item, field: 'user_story' | 'description'): string {
  return `items/${item.id}/${field}`
}
