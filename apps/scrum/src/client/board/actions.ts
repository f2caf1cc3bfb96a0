import { AttachmentActions } from './attachment-actions.ts'
import { CommentActions } from './comment-actions.ts'
import type { Doing } from './doing.ts'
import { ImpedimentActions } from './impediment-actions.ts'
import { ItemActions } from './item-actions.ts'
import { ManyActions } from './many-actions.ts'
import { MarkerActions } from './marker-actions.ts'
import { SprintActions } from './sprint-actions.ts'
import { TagActions } from './tag-actions.ts'
import { TaskActions } from './task-actions.ts'

/** Everything that the viewer can do on a project's pages. */
export class Actions {
  readonly items: ItemActions
  readonly tasks: TaskActions
  readonly sprints: SprintActions
  readonly impediments: ImpedimentActions
  readonly comments: CommentActions
  readonly tags: TagActions
  readonly attachments: AttachmentActions
  readonly markers: MarkerActions
  readonly many: ManyActions

  constructor(doing: Doing) {
    this.items = new ItemActions(doing)
    this.tasks = new TaskActions(doing)
    this.sprints = new SprintActions(doing)
    this.impediments = new ImpedimentActions(doing)
    this.comments = new CommentActions(doing)
    this.tags = new TagActions(doing)
    this.attachments = new AttachmentActions(doing)
    this.markers = new MarkerActions(doing)
    this.many = new ManyActions(doing)
  }
}
