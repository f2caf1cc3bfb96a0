/** The board's rows as clients see them, and the bounds of their fields. */

export interface Project {
  readonly id: number
  readonly name: string
}

export interface Member {
  readonly project_id: number
  readonly user_id: number
  readonly name: string
  /** Which of the eight avatar colours. */
  readonly hue: number
}

export interface ProjectCounts {
  readonly project_id: number
  readonly items: number
  readonly points: number
  readonly unestimated: number
}

export interface Item {
  readonly id: number
  readonly project_id: number
  readonly user_story: string
  /** Markdown. */
  readonly description: string
  /** Story points; null: not estimated yet. */
  readonly estimate: number | null
  /** Rank in the backlog, see rank.ts. */
  readonly position: string
}

export interface Task {
  readonly id: number
  readonly item_id: number
  readonly project_id: number
  readonly summary: string
  readonly done: boolean
  /** Rank among the item's tasks. */
  readonly position: string
}

/** Who looks at a page. */
export interface Viewer {
  readonly id: number
  readonly name: string
  readonly email: string
  readonly hue: number
}

export const userStoryLengthMax = 500
export const descriptionLengthMax = 20_000
export const summaryLengthMax = 300
export const projectNameLengthMax = 120
export const estimateMax = 1000
/** Tasks that may come with one new item. */
export const tasksPerCreateMax = 100

/** The cards that teams estimate with. */
export const estimateCards: readonly number[] = [0, 0.5, 1, 2, 3, 5, 8, 13, 20, 40, 100]

/**
 * Order of a list: by rank, and by id where two rows have the same one; a row that the server has not named
 * yet has no number.
 */
export function byPosition(
  a: { readonly position: string; readonly id: number },
  b: { readonly position: string; readonly id: number },
): number {
  return a.position < b.position ? -1 : a.position > b.position ? 1 : a.id - b.id || 0
}

/** `5`, `½`, `?`: an estimate as it stands on a card. */
export function estimateText(estimate: number | null): string {
  if (estimate === null) return '?'
  return estimate === 0.5 ? '½' : String(estimate)
}

/** `5 points`, `1 point`, `not estimated`: an estimate as it is read out. */
export function estimateWords(estimate: number | null): string {
  if (estimate === null) return 'not estimated'
  return estimate === 1 ? '1 point' : `${estimate} points`
}

/** Reads what somebody typed as an estimate: `null` for nothing or `?`; undefined where it is none. */
export function readEstimate(text: string): number | null | undefined {
  const trimmed = text.trim().replace(',', '.')
  if (trimmed === '' || trimmed === '?') return null
  if (trimmed === '½') return 0.5
  if (!/^\d{1,4}(\.\d)?$/.test(trimmed)) return undefined
  const value = Number(trimmed)
  return value <= estimateMax ? value : undefined
}

const figures = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })

/** `26,661`: a count or a sum for people; the same on the server and in every browser. */
export function figureText(value: number): string {
  return figures.format(value)
}
