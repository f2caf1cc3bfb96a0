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
  /** Rank among all items of the project, see rank.ts. */
  readonly position: string
  /** The sprint it stands in; null: the backlog. */
  readonly sprint_id: number | null
}

export interface Task {
  readonly id: number
  readonly item_id: number
  readonly project_id: number
  readonly summary: string
  readonly done: boolean
  /** Hours of work that are left; null: nobody has said yet. Done is 0. */
  readonly hours_left: number | null
  /** Who does it. */
  readonly user_id: number | null
  /** Rank among the item's tasks. */
  readonly position: string
}

export interface Sprint {
  readonly id: number
  readonly project_id: number
  readonly name: string
  readonly goal: string
  /** First and last day, `2026-01-31`. */
  readonly from_date: string
  readonly to_date: string
}

/** How a sprint stood at the end of a day. Days on which nothing changed have none. */
export interface SprintDay {
  readonly sprint_id: number
  readonly project_id: number
  readonly day: string
  readonly hours_left: number
  readonly points: number
  readonly points_done: number
  readonly items: number
  readonly items_done: number
}

export interface Impediment {
  readonly id: number
  readonly project_id: number
  readonly summary: string
  /** Markdown. */
  readonly description: string
  readonly open: boolean
  /** ISO 8601. */
  readonly created_at: string
}

/** Said about an item or about an impediment. */
export interface Comment {
  readonly id: number
  readonly project_id: number
  readonly item_id: number | null
  readonly impediment_id: number | null
  /** Null: they have left. */
  readonly user_id: number | null
  readonly text: string
  /** ISO 8601. */
  readonly created_at: string
}

export interface Tag {
  readonly id: number
  readonly project_id: number
  readonly name: string
}

export interface ItemTag {
  readonly id: number
  readonly project_id: number
  readonly item_id: number
  readonly tag_id: number
}

/** A file that hangs on an item. */
export interface Attachment {
  readonly id: number
  readonly project_id: number
  readonly item_id: number
  readonly user_id: number | null
  readonly name: string
  /** In bytes. */
  readonly size: number
  /** ISO 8601. */
  readonly created_at: string
}

/** A line across the backlog: what is above it, up to the next one, fits into one sprint. */
export interface Marker {
  readonly id: number
  readonly project_id: number
  /** Rank among the items of the project. */
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
export const hoursMax = 1000
export const sprintNameLengthMax = 120
export const goalLengthMax = 500
export const sprintDaysMax = 93
/** Items that may come with a sprint that is brought back. */
export const itemsPerSprintMax = 1000
export const commentLengthMax = 5000
export const tagNameLengthMax = 40
export const tagsPerItemMax = 20
export const fileNameLengthMax = 200
export const attachmentBytesMax = 1_048_576
export const velocityMax = 10_000
export const markersMax = 500
/** Items that come at once, in a list of lines or a CSV file. */
export const itemsPerImportMax = 5000
export const csvBytesMax = 5_242_880
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

/** `3 hours left`, `hours not known`: hours left as they are read out. */
export function hoursWords(hours: number | null): string {
  if (hours === null) return 'hours not known'
  return hours === 1 ? '1 hour left' : `${figureText(hours)} hours left`
}

/** Reads what somebody typed as hours: `null` for nothing or `?`; undefined where it is none. */
export function readHours(text: string): number | null | undefined {
  return readEstimate(text.replace(/\s*h(ours?)?$/i, ''))
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

/** `12 kB`: a size for people. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return bytes === 1 ? '1 byte' : `${bytes} bytes`
  return bytes < 1024 * 1024 ? `${figureText(bytes / 1024)} kB` : `${figureText(bytes / 1024 / 1024)} MB`
}
