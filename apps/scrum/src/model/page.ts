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
  | ProjectPage
  | { readonly kind: 'problem'; readonly theme: Theme; readonly title: string; readonly text: string }

/** The pages inside a project. */
export interface ProjectPage {
  readonly kind: 'backlog' | 'planning' | 'sprint' | 'impediments'
  readonly theme: Theme
  readonly viewer: Viewer
  readonly projectId: number
  /** The sprint that the address names. */
  readonly sprintId?: number
  /** The day on which the page was rendered, so that server and script draw the same. */
  readonly today: string
  readonly lockstep: PageState
}

export const projectPageTitles: Readonly<Record<ProjectPage['kind'], string>> = {
  backlog: 'Backlog',
  planning: 'Planning',
  sprint: 'Sprint',
  impediments: 'Impediments',
}

/** Id of the element that holds the page's data. */
export const pageElementId = 'page'

export const themeCookie = 'theme'
