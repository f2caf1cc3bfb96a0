import { useCallback, useMemo } from 'react'
import type { Asks } from './asks.ts'
import { useBoard } from './board-context.tsx'
import type { Claims } from './claims.ts'
import { Keyed, useKeyed } from './keyed.ts'

/** A text that is being written: what it is now, and what the row said when it was begun. */
export interface Draft {
  readonly text: string
  readonly base: string
}

/** Drafts live outside the rows they belong to: scrolling a row away does not lose one. */
export class Drafts extends Keyed<Draft> {
  readonly #claims: Claims
  readonly #asks: Asks
  readonly #finishes = new Map<string, () => void>()

  constructor(claims: Claims, asks: Asks) {
    super()
    this.#claims = claims
    this.#asks = asks
  }

  /** Others are shown that one is writing, from its beginning until it is saved or given up. */
  override set(key: string, draft: Draft | undefined): void {
    const before = this.get(key)
    super.set(key, draft)
    const resource = rowOf(key)
    if (before === undefined && draft !== undefined) {
      this.#claims.take(resource, 'editing')
      if (this.#asks.get(resource) === 'given') this.#asks.end(resource)
    } else if (before !== undefined && draft === undefined) this.#claims.release(resource)
  }

  /** What saves the draft of a key as its editor would. */
  finishes(key: string, finish: () => void): () => void {
    this.#finishes.set(key, finish)
    return () => {
      if (this.#finishes.get(key) === finish) this.#finishes.delete(key)
    }
  }

  /** Saves what is being written in a row; what is in conflict stays. */
  finishAll(resource: string): void {
    for (const [key, finish] of [...this.#finishes]) if (rowOf(key) === resource) finish()
  }
}

/** The row that a draft's key belongs to: `items/17` of `items/17/description`. */
export function rowOf(key: string): string {
  return key.split('/').slice(0, 2).join('/')
}

export interface Editing {
  readonly key: string
  /** Undefined: not editing. */
  readonly text: string | undefined
  /** Someone else changed the text since; what to do is the writer's to choose. */
  readonly conflict: boolean
  begin(): void
  change(text: string): void
  /** Saves, unless there is a conflict to decide first. */
  finish(): void
  /** Saves over what the other wrote. */
  keepMine(): void
  cancel(): void
}

/** Editing one text of one row in place. `save` is called with a text that differs from the row's. */
export function useEditing(key: string, value: string, save: (text: string) => void): Editing {
  const { drafts } = useBoard()
  const draft = useKeyed(drafts, key)
  const conflict = draft !== undefined && draft.base !== value && draft.text !== value
  const commit = useCallback(
    (mine: Draft) => {
      // In this order: while the write is on its way, the row is still this page's.
      if (mine.text !== value) save(mine.text)
      drafts.set(key, undefined)
    },
    [drafts, key, value, save],
  )
  return useMemo(
    () => ({
      key,
      text: draft?.text,
      conflict,
      begin: () => drafts.set(key, { text: value, base: value }),
      change: (text) => draft && drafts.set(key, { ...draft, text }),
      finish: () => draft && !conflict && commit(draft),
      keepMine: () => draft && commit(draft),
      cancel: () => drafts.set(key, undefined),
    }),
    [drafts, key, value, draft, conflict, commit],
  )
}
