import { estimateWords, type Item, type Task } from '../../model/board.ts'
import { rankBetween } from '../../model/rank.ts'
import type { ProjectChannel } from '../lockstep.ts'
import { byItem, inOrder } from '../rows.ts'
import type { Toasts } from '../shell/toasts.tsx'
import { reasonOf } from '../write-reason.ts'
import type { Drafts } from './drafts.ts'
import { itemKey, taskKey } from './highlights.ts'
import type { Pending } from './pending.ts'

/** A way out that a failed action offers. */
interface Recovery {
  readonly label: string
  run(): void
}

/**
 * What the viewer can do to the backlog. Each is shown at once, is one HTTP request, and is taken back with
 * the reason if the server refuses.
 */
export class Actions {
  readonly #project: ProjectChannel
  readonly #projectId: number
  readonly #pending: Pending
  readonly #drafts: Drafts
  readonly #toasts: Toasts
  readonly #announce: (text: string) => void

  constructor(parts: {
    readonly project: ProjectChannel
    readonly projectId: number
    readonly pending: Pending
    readonly drafts: Drafts
    readonly toasts: Toasts
    readonly announce: (text: string) => void
  }) {
    this.#project = parts.project
    this.#projectId = parts.projectId
    this.#pending = parts.pending
    this.#drafts = parts.drafts
    this.#toasts = parts.toasts
    this.#announce = parts.announce
  }

  // ---- items ----------------------------------------------------------------------------------------

  createItem(where: 'top' | 'bottom', userStory: string): void {
    const items = this.#backlog()
    const position = rankAt(items, where === 'top' ? 0 : items.length)
    const attributes = {
      project_id: this.#projectId,
      user_story: userStory,
      description: '',
      estimate: null,
      position,
    }
    this.#run('', `“${userStory}” was not added`, this.#project.items.create(attributes))
  }

  renameItem(item: Item, userStory: string): void {
    const write = this.#project.items.update(item.id, { user_story: userStory })
    const again = this.#redraft(itemDraft(item, 'user_story'), userStory, item.user_story)
    this.#run(itemKey(item.id), 'The item was not renamed', write, again)
  }

  describeItem(item: Item, description: string): void {
    const write = this.#project.items.update(item.id, { description })
    const again = this.#redraft(itemDraft(item, 'description'), description, item.description)
    this.#run(itemKey(item.id), 'The description was not saved', write, again)
  }

  estimateItem(item: Item, estimate: number | null): void {
    if (estimate === item.estimate) return
    this.#announce(`${item.user_story}: ${estimateWords(estimate)}`)
    this.#run(
      itemKey(item.id),
      'The estimate was not saved',
      this.#project.items.update(item.id, { estimate }),
    )
  }

  /** `index`: where the item shall stand among the others. */
  moveItem(item: Item, index: number): void {
    const items = this.#backlog()
    const others = items.filter(({ id }) => id !== item.id)
    const place = Math.min(Math.max(index, 0), others.length)
    if (items.findIndex(({ id }) => id === item.id) === place) return
    this.#announce(`Moved “${item.user_story}” to position ${place + 1} of ${items.length}.`)
    const write = this.#project.items.update(item.id, { position: rankAt(others, place) })
    this.#run(itemKey(item.id), 'The item was not moved', write)
  }

  /** Where an item was dropped: on this side of that other one, wherever that stands by now. */
  moveBeside(item: Item, other: Item, side: 'before' | 'after'): void {
    const others = this.#backlog().filter(({ id }) => id !== item.id)
    const place = others.findIndex(({ id }) => id === other.id)
    if (place >= 0) this.moveItem(item, side === 'before' ? place : place + 1)
  }

  /** The item that takes another's place when that goes. */
  neighbourOf(item: Item): Item | undefined {
    const items = this.#backlog()
    const index = items.findIndex(({ id }) => id === item.id)
    return items[index + 1] ?? items[index - 1]
  }

  destroyItem(item: Item): void {
    const tasks = byItem(this.#project.tasks.all()).of(item.id)
    for (const field of ['user_story', 'description'] as const) {
      this.#drafts.set(itemDraft(item, field), undefined)
    }
    const write = this.#project.items.destroy(item.id)
    this.#run(itemKey(item.id), 'The item was not deleted', write)
    this.#toasts.add({
      kind: 'done',
      text: `Deleted “${item.user_story}”`,
      action: { label: 'Undo', run: () => this.restoreItem(item, tasks, write) },
    })
  }

  /** Makes a deleted item anew, with its tasks, in its old place: one request. */
  restoreItem(item: Item, tasks: readonly Task[], after?: Promise<unknown>): void {
    const { user_story, description, estimate, position } = item
    const attributes = { user_story, description, estimate, position }
    const create = (): Promise<unknown> =>
      this.#project.write({
        url: `/api/projects/${this.#projectId}/items`,
        body: { ...attributes, tasks: tasks.map(({ summary, done }) => ({ summary, done })) },
        optimistic: (shown) => shown.create('items', { ...attributes, project_id: this.#projectId }),
      })
    // What is not deleted yet cannot be made anew; where deleting failed, it is still there.
    const write = after === undefined ? create() : after.then(create, () => undefined)
    this.#run('', `“${user_story}” was not brought back`, write)
    this.#announce(`Brought back “${user_story}”.`)
  }

  // ---- tasks ----------------------------------------------------------------------------------------

  createTask(item: Item, summary: string): void {
    const tasks = byItem(this.#project.tasks.all()).of(item.id)
    const attributes = {
      item_id: item.id,
      project_id: this.#projectId,
      summary,
      done: false,
      position: rankAt(tasks, tasks.length),
    }
    this.#run('', `The task “${summary}” was not added`, this.#project.tasks.create(attributes))
  }

  renameTask(task: Task, summary: string): void {
    const write = this.#project.tasks.update(task.id, { summary })
    const again = this.#redraft(taskDraft(task), summary, task.summary)
    this.#run(taskKey(task.id), 'The task was not renamed', write, again)
  }

  tickTask(task: Task, done: boolean): void {
    this.#run(taskKey(task.id), 'The task was not saved', this.#project.tasks.update(task.id, { done }))
  }

  destroyTask(task: Task): void {
    const write = this.#project.tasks.destroy(task.id)
    this.#run(taskKey(task.id), 'The task was not deleted', write)
    const { item_id, project_id, summary, done, position } = task
    const restore = (): void => {
      const again = write.then(
        () => this.#project.tasks.create({ item_id, project_id, summary, done, position }),
        () => undefined,
      )
      this.#run('', `The task “${summary}” was not brought back`, again)
    }
    this.#toasts.add({
      kind: 'done',
      text: `Deleted the task “${summary}”`,
      action: { label: 'Undo', run: restore },
    })
  }

  // ---- around them ----------------------------------------------------------------------------------

  #backlog(): readonly Item[] {
    return inOrder(this.#project.items.all())
  }

  /** Follows a write to its end; a refused one has been taken back from the screen by then. */
  #run(key: string, failure: string, write: Promise<unknown>, recovery?: Recovery): void {
    this.#pending.during(key, write).catch((error: unknown) => {
      const text = `${failure}: ${reasonOf(error)}`
      this.#toasts.add({ kind: 'problem', text, ...(recovery !== undefined && { action: recovery }) })
    })
  }

  /** Opens the editor again with the text that was refused. */
  #redraft(key: string, text: string, base: string): Recovery {
    return { label: 'Edit again', run: () => this.#drafts.set(key, { text, base }) }
  }
}

export function itemDraft(item: Item, field: 'user_story' | 'description'): string {
  return `items/${item.id}/${field}`
}

export function taskDraft(task: Task): string {
  return `tasks/${task.id}/summary`
}

/** The rank that puts a row at an index of a list it is not in. */
export function rankAt(list: readonly { readonly position: string }[], index: number): string {
  const before = list[index - 1]?.position ?? null
  // Two that dropped into one gap have the same rank until the server has told them apart.
  const after =
    list.slice(index).find(({ position }) => before === null || position > before)?.position ?? null
  return rankBetween(before, after)
}
