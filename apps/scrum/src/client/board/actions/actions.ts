import { CommentActions } from './comments.ts'
import type { Doing } from './doing.ts'
import { ImpedimentActions } from './impediments.ts'
import { ItemActions } from './items.ts'
import { SprintActions } from './sprints.ts'
import { TaskActions } from './tasks.ts'

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
