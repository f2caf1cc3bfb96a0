import { hoursWords, type Item, type Task } from '../../model/board.ts'
import { byItem } from '../rows.ts'
import type { Doing } from './doing.ts'
import { taskKey } from './highlights.ts'
import { rankAt, rankBeside } from './rank-at.ts'
import { changeFields } from './row-fields.ts'

/** What the viewer can do to tasks. */
export class TaskActions {
  readonly #doing: Doing

  constructor(doing: Doing) {
    this.#doing = doing
  }

  create(item: Item, summary: string): void {
    const { project, projectId } = this.#doing
    const tasks = this.of(item.id)
    const write = project.tasks.create({
      item_id: item.id,
      project_id: projectId,
      summary,
      done: false,
      hours_left: null,
      user_id: null,
      position: rankAt(tasks, tasks.length),
    })
    this.#doing.run({ failure: `The task “${summary}” was not added`, write })
    this.#doing.undoCreation(`adding the task “${summary}”`, write, (id) =>
      this.#doing.run({ key: taskKey(id), failure: 'Not undone', write: project.tasks.destroy(id) }),
    )
  }

  rename(task: Task, summary: string): void {
    this.#change(task, { summary }, 'The task was not renamed', 'renaming', {
      key: taskDraft(task),
      text: summary,
      base: task.summary,
    })
  }

  tick(task: Task, done: boolean): void {
    const change = done ? { done, hours_left: 0 } : { done, hours_left: null }
    this.#change(task, change, 'The task was not saved', done ? 'finishing' : 'reopening')
  }

  /** Nothing left: done. */
  setHours(task: Task, hours: number | null): void {
    if (hours === task.hours_left) return
    this.#doing.announce(`${task.summary}: ${hoursWords(hours)}`)
    this.#change(task, { hours_left: hours, done: hours === 0 }, 'The hours were not saved', 'the hours of')
  }

  assign(task: Task, userId: number | null): void {
    this.#change(task, { user_id: userId }, 'The task was not given away', 'giving away')
  }

  move(task: Task, index: number): void {
    const others = this.of(task.item_id).filter(({ id }) => id !== task.id)
    const place = Math.min(Math.max(index, 0), others.length)
    if (this.of(task.item_id).findIndex(({ id }) => id === task.id) === place) return
    this.#doing.announce(`Moved “${task.summary}” to position ${place + 1} of ${others.length + 1}.`)
    this.#change(task, { position: rankAt(others, place) }, 'The task was not moved', 'moving')
  }

  /** Also into another item's tasks. */
  moveBeside(task: Task, other: Task, side: 'before' | 'after'): void {
    const list = this.of(other.item_id).filter(({ id }) => id !== task.id)
    const position = rankBeside(list, other, side)
    const moved = task.item_id === other.item_id ? { position } : { position, item_id: other.item_id }
    this.#change(task, moved, 'The task was not moved', 'moving')
  }

  /** To the end of an item's tasks. */
  moveInto(task: Task, itemId: number): void {
    const list = this.of(itemId).filter(({ id }) => id !== task.id)
    const change = { item_id: itemId, position: rankAt(list, list.length) }
    this.#change(task, change, 'The task was not moved', 'moving')
  }

  destroy(task: Task): void {
    const { project } = this.#doing
    const write = project.tasks.destroy(task.id)
    const { id: _, ...attributes } = task
    const undo = {
      label: `deleting the task “${task.summary}”`,
      run: () => {
        const again = write.then(
          () => project.tasks.create(attributes),
          () => undefined,
        )
        this.#doing.run({ failure: `The task “${task.summary}” was not brought back`, write: again })
        return undefined
      },
    }
    this.#doing.run({ key: taskKey(task.id), failure: 'The task was not deleted', write, undo })
    this.#doing.offerUndo(`Deleted the task “${task.summary}”`, undo)
  }

  /** The tasks of an item, in order. */
  of(itemId: number): readonly Task[] {
    return byItem(this.#doing.project.tasks.all()).of(itemId)
  }

  #change(
    task: Task,
    change: Partial<Task>,
    failure: string,
    verb: string,
    draft?: { readonly key: string; readonly text: string; readonly base: string },
  ): void {
    changeFields(this.#doing, {
      rows: this.#doing.project.tasks,
      row: task,
      change,
      failure,
      label: `${verb} “${task.summary}”`,
      ...(draft !== undefined && { draft }),
    })
  }
}

export function taskDraft(task: Task): string {
  return `tasks/${task.id}/summary`
}
