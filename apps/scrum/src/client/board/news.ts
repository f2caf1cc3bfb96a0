import type { Json } from '@lockstep/protocol'
import type { ProjectChannel } from '../lockstep.ts'

/** What a member did a moment ago, as a sentence. */
export interface NewsEntry {
  readonly id: number
  readonly text: string
  readonly userId: number | undefined
  /** ms since 1970. */
  readonly at: number
}

/** Entries kept; they are of this visit only. */
const entriesMax = 40

/** Every operation of a project's pages; each carries a notice in `_flash`. */
const operations = [
  'items/create',
  'items/destroy',
  'items/sort',
  'items/backlog_item_user_story',
  'items/backlog_item_description',
  'items/backlog_item_estimate',
  'items/bulk_add',
  'items/import_csv',
  'backlog_item_tags/create',
  'backlog_item_tags/destroy',
  'tags/create',
  'tags/update',
  'tags/destroy',
  'attachments/create',
  'attachments/destroy',
  'planning_markers/create',
  'planning_markers/update',
  'planning_markers/destroy',
  'planning_markers/destroy_all',
  'planning_markers/distribute',
  'tasks/create',
  'tasks/destroy',
  'tasks/sort',
  'tasks/assign',
  'tasks/task_summary',
  'tasks/task_estimate',
  'sprints/create',
  'sprints/update',
  'sprints/destroy',
  'sprints/sort',
  'sprints/assign_item_to_sprint',
  'sprints/remove_item_from_sprint',
  'comments/create',
  'impediments/create',
  'impediments/destroy',
  'impediments/status',
  'impediments/impediment_summary',
  'impediments/impediment_description',
  'impediments/create_comment',
]

/** What others did while this page was open, newest first. */
export class News {
  #entries: readonly NewsEntry[] = []
  #lastId = 0
  readonly #listeners = new Set<() => void>()

  get entries(): readonly NewsEntry[] {
    return this.#entries
  }

  subscribe = (tell: () => void): (() => void) => {
    this.#listeners.add(tell)
    return () => this.#listeners.delete(tell)
  }

  /** Collects the notices of the project's operations, and hands each on. */
  watch(project: ProjectChannel, tell: (entry: NewsEntry) => void): () => void {
    const stops = operations.map((operation) =>
      project.on(operation, (envelope, { at }) => {
        const { notice: text, userId } = flashOf(envelope)
        if (text === undefined) return
        const entry = {
          id: ++this.#lastId,
          text,
          userId,
          at,
        }
        this.#entries = [entry, ...this.#entries].slice(0, entriesMax)
        for (const listener of this.#listeners) listener()
        tell(entry)
      }),
    )
    return () => {
      for (const stop of stops) stop()
    }
  }
}

/** What an envelope tells of who did what to which row. */
export function flashOf(envelope: Json): {
  readonly id: number | undefined
  readonly notice: string | undefined
  readonly userId: number | undefined
  readonly name: string | undefined
} {
  const flash = field(envelope, '_flash')
  const [id, notice] = [field(envelope, 'id'), field(flash, 'notice')]
  const [userId, name] = [field(flash, 'user_id'), field(flash, 'name')]
  return {
    id: typeof id === 'number' ? id : undefined,
    notice: typeof notice === 'string' ? notice : undefined,
    userId: typeof userId === 'number' ? userId : undefined,
    name: typeof name === 'string' ? name : undefined,
  }
}

function field(value: Json | undefined, name: string): Json | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  // Not an array, so an object with names; Array.isArray does not narrow readonly arrays.
  return (value as { readonly [name: string]: Json })[name]
}
