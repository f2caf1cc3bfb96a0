import { CommentActions } from './comment-actions.ts'
import type { Doing } from './doing.ts'
import { ImpedimentActions } from './impediment-actions.ts'
import { ItemActions } from './item-actions.ts'
import { SprintActions } from './sprint-actions.ts'
import { TaskActions } from './task-actions.ts'

/** Everything that the viewer can do on a project's pages. */
export class Actions {
  readonly items: ItemActions
  readonly tasks: TaskActions
  readonly sprints: SprintActions
  readonly impediments: ImpedimentActions
  readonly comments: CommentActions

  constructor(doing: Doing) {
    this.items = new ItemActions(doing)
    this.tasks = new TaskActions(doing)
    this.sprints = new SprintActions(doing)
    this.impediments = new ImpedimentActions(doing)
    this.comments = new CommentActions(doing)
  }
}
