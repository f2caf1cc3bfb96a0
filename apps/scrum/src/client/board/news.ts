import { type Operations, operationsOf } from '@lockstep/client/operations'
import type { Json } from '@lockstep/protocol'
import type { ProjectChannel } from '../lockstep.ts'
import { operations } from './operation-names.ts'

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

/**
 * What else Banana Scrum's envelopes carried. Here all of it is in the rows of the same commit, or in the locks: a message
 * that says it once more, from an older backend say, disturbs nothing and is not believed.
 */
const partsToldByRows = ['_burnchart', '_participants', '_project_members', '_unlock'] as const

/** What others did while this page was open, newest first. */
export class News {
  /** The sprint whose page this is: what is about another one is not told here. */
  sprintId: number | undefined
  #entries: readonly NewsEntry[] = []
  #lastId = 0
  #heard: Operations | undefined
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
    this.#heard ??= operationsOf(project)
    const heard = this.#heard
    const stops = [
      heard.registerPart(
        '_sprint_id',
        (sprintId) => this.sprintId === undefined || sprintId === this.sprintId,
      ),
      heard.registerPart('_flash', (flash, { at }) => {
        const { notice: text, userId } = readFlash(flash)
        if (text === undefined) return
        const entry = { id: ++this.#lastId, text, userId, at }
        this.#entries = [entry, ...this.#entries].slice(0, entriesMax)
        for (const listener of this.#listeners) listener()
        tell(entry)
      }),
      ...partsToldByRows.map((part) => heard.registerPart(part, () => {})),
      ...operations.map((operation) => heard.registerCallback(operation)),
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }
}

/** What an envelope tells of who did what to which row. */
export function flashOf(envelope: Json): ReturnType<typeof readFlash> & { readonly id: number | undefined } {
  const id = field(envelope, 'id')
  return { ...readFlash(field(envelope, '_flash')), id: typeof id === 'number' ? id : undefined }
}

function readFlash(flash: Json | undefined): {
  readonly notice: string | undefined
  readonly userId: number | undefined
  readonly name: string | undefined
} {
  const [notice, userId, name] = [field(flash, 'notice'), field(flash, 'user_id'), field(flash, 'name')]
  return {
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
