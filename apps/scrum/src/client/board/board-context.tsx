import { createContext, useContext } from 'react'
import type { Viewer } from '../../model/board.ts'
import type { ProjectChannel } from '../lockstep.ts'
import type { Actions } from './actions.ts'
import type { Asks } from './asks.ts'
import type { Authors } from './authors.ts'
import type { Claims } from './claims.ts'
import type { Doing } from './doing.ts'
import type { Drafts } from './drafts.ts'
import type { Highlights } from './highlights.ts'
import type { Keyed } from './keyed.ts'
import type { News } from './news.ts'
import type { Pending } from './pending.ts'
import type { Questions } from './questions.ts'
import type { UndoStack } from './undo.ts'

/** What every part of a project's page shares. None of it changes while the page lives. */
export interface BoardParts {
  readonly project: ProjectChannel
  readonly projectId: number
  readonly viewer: Viewer
  /** The day on which the page was rendered. */
  readonly today: string
  readonly doing: Doing
  readonly undo: UndoStack
  readonly actions: Actions
  readonly authors: Authors
  readonly asks: Asks
  readonly claims: Claims
  readonly drafts: Drafts
  readonly highlights: Highlights
  readonly pending: Pending
  readonly news: News
  readonly questions: Questions
  /** Rows whose details are open. */
  readonly open: Keyed<true>
  /** The row whose handle gets the focus once it has been moved. */
  readonly focus: { key: string | undefined }
}

export const BoardContext = createContext<BoardParts | undefined>(undefined)

export function useBoard(): BoardParts {
  const parts = useContext(BoardContext)
  if (parts === undefined) throw new Error('BoardContext is missing')
  return parts
}
