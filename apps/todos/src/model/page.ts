import type { PageState } from '@lockstep/protocol'
import type { ListRow, TodoRow } from './rows.ts'

/** The two ways in which the same page is kept in step. */
export const variants = ['faye', 'native'] as const
export type Variant = (typeof variants)[number]

export interface Viewer {
  readonly id: number
  readonly name: string
  readonly email: string
}

/** What a page of lists is rendered from, and what its script begins with. */
export interface ListsPage {
  readonly viewer: Viewer
  readonly teamId: number
  /** The list that is open; undefined where the team has none. */
  readonly listId: number | undefined
  readonly lists: readonly ListRow[]
  readonly todos: readonly TodoRow[]
  readonly live: FayeState | NativeState
}

/** Where Faye's subscriptions go on from: everything after is told, so that nothing is missed. */
export interface FayeState {
  readonly variant: 'faye'
  /** By Bayeux channel. */
  readonly positions: Readonly<Record<string, string>>
}

/** What the native client goes on from. */
export interface NativeState {
  readonly variant: 'native'
  readonly lockstep: PageState
}

/** Element that carries the page's data as JSON. */
export const pageElementId = 'page'
