import { createContext, useContext } from 'react'
import type { Actions } from './actions.ts'
import type { Authors } from './authors.ts'
import type { Drafts } from './drafts.ts'
import type { Highlights } from './highlights.ts'
import type { Keyed } from './keyed.ts'
import type { News } from './news.ts'
import type { Pending } from './pending.ts'

/** What every part of the backlog page shares. None of it changes while the page lives. */
export interface BoardParts {
  readonly actions: Actions
  readonly authors: Authors
  readonly drafts: Drafts
  readonly highlights: Highlights
  readonly pending: Pending
  readonly news: News
  /** Items whose details are open. */
  readonly open: Keyed<true>
  /** The item whose handle gets the focus once it has been moved. */
  readonly focus: { key: string | undefined }
}

export const BoardContext = createContext<BoardParts | undefined>(undefined)

export function useBoard(): BoardParts {
  const parts = useContext(BoardContext)
  if (parts === undefined) throw new Error('BoardContext is missing')
  return parts
}
