import Backbone from 'backbone'
import { nameLengthMax, titleLengthMax } from '../model/rows.ts'

/** Attributes of rows; those that the server has not named yet have no id. */
export interface TodoAttributes {
  readonly id?: number
  readonly list_id: number
  readonly title: string
  readonly done: boolean
}

export interface ListAttributes {
  readonly id?: number
  readonly team_id: number
  readonly name: string
  readonly open?: number
  readonly total?: number
}

export class Todo extends Backbone.Model<TodoAttributes> {
  override validate({ title }: Partial<TodoAttributes>): string | undefined {
    return faultOf(title, 'A todo needs a title.', titleLengthMax)
  }
}

export class List extends Backbone.Model<ListAttributes> {
  override validate({ name }: Partial<ListAttributes>): string | undefined {
    return faultOf(name, 'A list needs a name.', nameLengthMax)
  }
}

function faultOf(text: string | undefined, empty: string, lengthMax: number): string | undefined {
  if (text === undefined) return undefined
  if (text.trim() === '') return empty
  return [...text].length > lengthMax ? `That is longer than ${lengthMax} characters.` : undefined
}

/** Oldest first; what the server has not named yet is the newest. */
const byAge = (model: Backbone.Model): number => Number(model.id ?? Number.POSITIVE_INFINITY)

type ClassOf<T> = new (...args: never[]) => T

/** The todos of one list. */
export class Todos extends Backbone.Collection<Todo> {
  readonly listId: number

  constructor(listId: number, model: ClassOf<Todo> = Todo) {
    super([], { model, comparator: byAge })
    this.listId = listId
    this.url = `/api/lists/${listId}/todos`
  }
}

/** All lists of one team. */
export class Lists extends Backbone.Collection<List> {
  readonly teamId: number

  constructor(teamId: number, model: ClassOf<List> = List) {
    super([], { model, comparator: byAge })
    this.teamId = teamId
    this.url = '/api/lists'
  }
}

/** How up to date the page is: `connecting`, `live`, `catching-up`, `offline` or `refused`. */
export class Status extends Backbone.Model<{ state: string; reason: string }> {
  constructor() {
    super({ state: 'connecting', reason: '' })
  }
}
