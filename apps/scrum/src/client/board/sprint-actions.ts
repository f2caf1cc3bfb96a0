import type { Sprint } from '../../model/board.ts'
import type { Doing } from './doing.ts'
import { changeFields } from './row-fields.ts'

export type SprintFields = Pick<Sprint, 'name' | 'goal' | 'from_date' | 'to_date'>

/** What the viewer can do to sprints. */
export class SprintActions {
  readonly #doing: Doing

  constructor(doing: Doing) {
    this.#doing = doing
  }

  /** Gives the new sprint's id, or undefined where it was refused. */
  async create(fields: SprintFields): Promise<number | undefined> {
    const { project, projectId } = this.#doing
    const write = project.sprints.create({ ...fields, project_id: projectId })
    this.#doing.run({ failure: `“${fields.name}” was not planned`, write })
    this.#doing.undoCreation(`planning “${fields.name}”`, write, (id) =>
      this.#doing.run({ failure: 'Not undone', write: project.sprints.destroy(id) }),
    )
    try {
      const reply = await write
      const id: unknown = Object(reply).id
      return typeof id === 'number' ? id : undefined
    } catch {
      return undefined // told by `run`
    }
  }

  change(sprint: Sprint, fields: SprintFields): void {
    changeFields(this.#doing, {
      rows: this.#doing.project.sprints,
      row: sprint,
      change: fields,
      failure: 'The sprint was not changed',
      label: `changing “${sprint.name}”`,
    })
  }

  /** Its items go back to the backlog; taken back, they are in it again. */
  destroy(sprint: Sprint): void {
    const { project, projectId } = this.#doing
    const itemIds = project.items
      .all()
      .filter(({ sprint_id }) => sprint_id === sprint.id)
      .map(({ id }) => id)
    const write = this.#doing.send(`sprints/${sprint.id}`, {
      method: 'DELETE',
      optimistic: (shown) => {
        for (const id of itemIds) shown.update('items', id, { sprint_id: null })
        shown.destroy('sprints', sprint.id)
      },
    })
    const { name, goal, from_date, to_date } = sprint
    const undo = {
      label: `deleting “${name}”`,
      run: () => {
        const again = write.then(
          () =>
            this.#doing.send('sprints', {
              body: { name, goal, from_date, to_date, item_ids: itemIds },
              optimistic: (shown) =>
                shown.create('sprints', { project_id: projectId, name, goal, from_date, to_date }),
            }),
          () => undefined,
        )
        this.#doing.run({ failure: `“${name}” was not brought back`, write: again })
        return undefined
      },
    }
    this.#doing.run({ failure: 'The sprint was not deleted', write, undo })
    this.#doing.offerUndo(`Deleted “${name}”; its items are in the backlog`, undo)
  }
}
