import type { Doing } from './doing.ts'

/** What a comment is about: one of the two. */
export type Subject =
  | { readonly item_id: number; readonly impediment_id: null }
  | { readonly item_id: null; readonly impediment_id: number }

/** What the viewer can say. */
export class CommentActions {
  readonly #doing: Doing

  constructor(doing: Doing) {
    this.#doing = doing
  }

  /** `failed`: gets the text back where it was refused. */
  create(subject: Subject, text: string, failed: (text: string) => void): void {
    const { project, projectId, viewer } = this.#doing
    const write = project.comments.create({
      ...subject,
      project_id: projectId,
      user_id: viewer.id,
      text,
      created_at: new Date().toISOString(),
    })
    this.#doing.run({
      failure: 'The comment was not added',
      write,
      recovery: { label: 'Edit again', run: () => failed(text) },
    })
  }
}
