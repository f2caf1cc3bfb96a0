import type { WriteRequest } from '@lockstep/client'
import type { Viewer } from '../../model/board.ts'
import type { ProjectChannel } from '../lockstep.ts'
import type { Toasts } from '../shell/toasts.tsx'
import { reasonOf } from '../write-reason.ts'
import type { Drafts } from './drafts.ts'
import type { Pending } from './pending.ts'
import type { Undoable, UndoStack } from './undo.ts'

/** A way out that a failed action offers. */
export interface Recovery {
  readonly label: string
  run(): void
}

/** One thing that the viewer does: a write on its way, and what may come after it. */
interface Deed {
  /** The row that is shown as waiting, `items/17`. */
  readonly key?: string
  /** Begins the sentence that tells a refusal. */
  readonly failure: string
  readonly write: Promise<unknown>
  readonly recovery?: Recovery
  readonly undo?: Undoable
}

interface Parts {
  readonly project: ProjectChannel
  readonly projectId: number
  readonly viewer: Viewer
  readonly pending: Pending
  readonly drafts: Drafts
  readonly toasts: Toasts
  readonly undo: UndoStack
  readonly announce: (text: string) => void
}

/**
 * What all actions of the viewer share. Each is shown at once, is one HTTP request, and is taken back with
 * the reason if the server refuses.
 */
export class Doing {
  readonly project: ProjectChannel
  readonly projectId: number
  readonly viewer: Viewer
  readonly drafts: Drafts
  readonly announce: (text: string) => void
  readonly #pending: Pending
  readonly #toasts: Toasts
  readonly #undo: UndoStack

  constructor(parts: Parts) {
    this.project = parts.project
    this.projectId = parts.projectId
    this.viewer = parts.viewer
    this.drafts = parts.drafts
    this.announce = parts.announce
    this.#pending = parts.pending
    this.#toasts = parts.toasts
    this.#undo = parts.undo
  }

  /** Follows a write to its end; a refused one has been taken back from the screen by then. */
  run({ key = '', failure, write, recovery, undo }: Deed): void {
    if (undo !== undefined) this.#undo.push(undo)
    this.#pending.during(key, write).catch((error: unknown) => {
      if (undo !== undefined) this.#undo.remove(undo)
      const text = `${failure}: ${reasonOf(error)}`
      this.#toasts.add({ kind: 'problem', text, ...(recovery !== undefined && { action: recovery }) })
    })
  }

  /** A request of the project's API that is not about one row's own address. */
  send(path: string, request: Omit<WriteRequest, 'url'>): Promise<unknown> {
    return this.project.write({ url: `/api/projects/${this.projectId}/${path}`, ...request })
  }

  /** A row that was just made can be taken away again once the server has named it. */
  undoCreation(label: string, write: Promise<unknown>, destroy: (id: number) => void): void {
    write.then(
      (reply) => {
        const id = idOf(reply)
        if (id === undefined) return
        this.#undo.push({
          label,
          run: () => {
            destroy(id)
            return undefined
          },
        })
      },
      () => {
        // `run` tells the refusal.
      },
    )
  }

  /** Says that something was done, with the way back. */
  offerUndo(text: string, undo: Undoable): void {
    this.#toasts.add({ kind: 'done', text, action: { label: 'Undo', run: () => this.takeBack(undo) } })
  }

  /** Puts what was already done on top of what can be taken back. */
  remember(undo: Undoable): void {
    this.#undo.push(undo)
  }

  problem(text: string): void {
    this.#toasts.add({ kind: 'problem', text })
  }

  takeBack(action: Undoable | undefined = this.#undo.last): void {
    if (action === undefined || !this.#undo.remove(action)) return
    const obstacle = action.run()
    if (obstacle === undefined) this.announce(`Undone: ${action.label}.`)
    else this.#toasts.add({ kind: 'problem', text: `Not undone: ${obstacle}` })
  }

  /** Opens the editor again with the text that was refused. */
  redraft(key: string, text: string, base: string): Recovery {
    return { label: 'Edit again', run: () => this.drafts.set(key, { text, base }) }
  }
}

function idOf(reply: unknown): number | undefined {
  const id: unknown = typeof reply === 'object' && reply !== null && 'id' in reply ? reply.id : undefined
  return typeof id === 'number' ? id : undefined
}
