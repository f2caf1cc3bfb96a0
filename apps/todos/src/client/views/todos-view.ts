import Backbone from 'backbone'
import { html } from '../../markup/html.ts'
import type { Todo, Todos } from '../models.ts'
import { isRemote, lightUp } from './light-up.ts'
import type { BeginEdit } from './line-editor.ts'
import type { NoticesView } from './notices-view.ts'
import { TodoView } from './todo-view.ts'

export type Filter = 'all' | 'open' | 'done'

export interface TodosViewOptions {
  readonly todos: Todos
  readonly notices: NoticesView
  readonly beginEdit?: BeginEdit
}

const words: Readonly<Record<Filter, string>> = {
  all: 'Nothing here yet. Add the first below.',
  open: 'Nothing is left to do.',
  done: 'Nothing is done yet.',
}

/** The open list's todos, and the field for new ones. */
export class TodosView extends Backbone.View {
  readonly #todos: Todos
  readonly #options: TodosViewOptions
  readonly #views = new Map<Todo, TodoView>()
  #filter: Filter = 'all'

  constructor(options: TodosViewOptions) {
    super({ el: '#sheet', events: { 'submit #new-todo': 'create' } })
    this.#options = options
    this.#todos = options.todos
    const { todos } = options
    this.listenTo(todos, 'update reset', () => this.render())
    this.listenTo(todos, 'change:done', () => this.render())
    this.listenTo(todos, 'add', (todo: Todo, _todos, added) => {
      if (isRemote(added)) lightUp(this.#viewOf(todo).el)
    })
    this.#list.replaceChildren()
    this.render()
  }

  show(filter: Filter): void {
    this.#filter = filter
    this.el.querySelectorAll('#filters a').forEach((link) => {
      const isThis = link.getAttribute('href') === (filter === 'all' ? '#' : `#${filter}`)
      if (isThis) link.setAttribute('aria-current', 'true')
      else link.removeAttribute('aria-current')
    })
    this.render()
  }

  /** Brings the lines into the order of the collection; those that stand right are not touched. */
  override render(): this {
    for (const [todo, view] of this.#views) if (!this.#todos.models.includes(todo)) this.#drop(todo, view)
    let at = this.#list.firstElementChild
    let shown = 0
    for (const todo of this.#todos.models) {
      const { el } = this.#viewOf(todo)
      if (el === at) at = at.nextElementSibling
      else this.#list.insertBefore(el, at)
      const isShown = this.#filter === 'all' || (this.#filter === 'done') === (todo.get('done') === true)
      if (!isShown && el.contains(document.activeElement)) this.#moveFocus(el)
      el.hidden = !isShown
      if (isShown) shown++
    }
    const empty = this.el.querySelector<HTMLElement>('#empty')
    if (empty !== null) {
      empty.textContent = words[this.#filter]
      empty.hidden = shown > 0
    }
    return this
  }

  create(event: Event): void {
    event.preventDefault()
    const field = this.#field
    const title = field.value.trim()
    if (title === '') {
      field.focus()
      return
    }
    this.#todos.create({ list_id: this.#todos.listId, title, done: false })
    field.value = ''
  }

  #viewOf(todo: Todo): TodoView {
    let view = this.#views.get(todo)
    if (view === undefined) {
      const { beginEdit } = this.#options
      view = new TodoView({ model: todo, ...(beginEdit !== undefined && { beginEdit }) }).render()
      this.#views.set(todo, view)
    }
    return view
  }

  #drop(todo: Todo, view: TodoView): void {
    const { draft } = view
    if (view.el.contains(document.activeElement)) this.#moveFocus(view.el)
    view.remove()
    this.#views.delete(todo)
    if (draft === undefined) return
    this.#options.notices.say(html`“${todo.get('title') ?? ''}” was removed while you were editing it.`, {
      label: `Add “${draft}”`,
      run: () => this.#todos.create({ list_id: this.#todos.listId, title: draft, done: false }),
    })
  }

  /** To the next line that one sees, else to the field for a new one. */
  #moveFocus(from: HTMLElement): void {
    let next = from.nextElementSibling
    while (next instanceof HTMLElement && next.hidden) next = next.nextElementSibling
    const target = next?.querySelector<HTMLElement>('.todo-title') ?? this.#field
    target.focus()
  }

  get #list(): HTMLElement {
    return found(this.el.querySelector<HTMLElement>('#todos'))
  }

  get #field(): HTMLInputElement {
    return found(this.el.querySelector<HTMLInputElement>('#new-todo input'))
  }
}

function found<T>(element: T | null): T {
  if (element === null) throw new Error('the page lacks an element of the list')
  return element
}
