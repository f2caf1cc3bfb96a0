import type { PageState } from '@lockstep/protocol'
import type { Viewer } from './board.ts'

/** `system` follows the device. */
export type Theme = 'system' | 'light' | 'dark'

/** What the server renders a page from, and what the script in it starts from. */
export type Page =
  | {
      readonly kind: 'sign-in'
      readonly theme: Theme
      readonly email: string
      readonly problem?: string
      readonly next: string
    }
  | {
      readonly kind: 'projects'
      readonly theme: Theme
      readonly viewer: Viewer
      readonly lockstep: PageState
    }
  | {
      readonly kind: 'backlog'
      readonly theme: Theme
      readonly viewer: Viewer
      readonly projectId: number
      readonly lockstep: PageState
    }
  | { readonly kind: 'problem'; readonly theme: Theme; readonly title: string; readonly text: string }

/** Id of the element that holds the page's data. */
export const pageElementId = 'page'

export const themeCookie = 'theme'
