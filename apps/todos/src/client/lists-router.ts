import Backbone from 'backbone'
import jQuery from 'jquery'
import type { ListsPage } from '../model/page.ts'
import type { Lists, Status, Todos } from './models.ts'
import { HeadView } from './views/head-view.ts'
import type { BeginEdit } from './views/line-editor.ts'
import { ListsView } from './views/lists-view.ts'
import { NewsView } from './views/news-view.ts'
import { NoticesView } from './views/notices-view.ts'
import { StatusView } from './views/status-view.ts'
import { type Filter, TodosView } from './views/todos-view.ts'

Backbone.$ = jQuery

/** What a variant brings: collections that are kept in step, each in its own way. */
export interface Kept {
  readonly lists: Lists
  /** Undefined where no list is open. */
  readonly todos: Todos | undefined
  readonly status: Status
  /** Where the way of keeping in step knows of edits: nothing overwrites them then. */
  readonly beginEdit?: BeginEdit
}

/** Shows the page's collections; the address says which todos: `#`, `#open` or `#done`. */
export class ListsRouter extends Backbone.Router {
  readonly #todos: TodosView | undefined

  constructor(page: ListsPage, { lists, todos, status, beginEdit }: Kept) {
    super()
    const notices = new NoticesView({ el: '#notices' })
    const shared = { lists, notices, openId: page.listId, ...(beginEdit !== undefined && { beginEdit }) }
    new StatusView({ el: '#status', model: status })
    new ListsView({ ...shared, variant: page.live.variant })
    notices.watch(lists)
    if (todos !== undefined) {
      new HeadView({ ...shared, todos })
      this.#todos = new TodosView({ ...shared, todos })
      notices.watch(todos)
      new NewsView({ el: '#news', collection: todos })
    }
    this.route('', () => this.#show('all'))
    this.route('open', () => this.#show('open'))
    this.route('done', () => this.#show('done'))
    Backbone.history.start()
  }

  #show(filter: Filter): void {
    this.#todos?.show(filter)
  }
}
