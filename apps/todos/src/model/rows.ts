/** A row of the collection `lists`: all lists of a team are in its channel. */
export interface ListRow {
  readonly id: number
  readonly team_id: number
  readonly name: string
  /** Todos that are not done, and all of them; the database counts. */
  readonly open: number
  readonly total: number
}

/** A row of the collection `todos`. */
export interface TodoRow {
  readonly id: number
  readonly list_id: number
  readonly title: string
  readonly done: boolean
}

/** In characters, as the database checks it. */
export const nameLengthMax = 80
export const titleLengthMax = 200
