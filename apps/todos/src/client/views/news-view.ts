import Backbone from 'backbone'
import type { Todo } from '../models.ts'
import { isRemote } from './light-up.ts'

/** Lines of news that are kept; screen readers read what is new. */
const linesMax = 20

/** Says what others do, for those who cannot see lines light up. */
export class NewsView extends Backbone.View {
  constructor(options: { el: string; collection: Backbone.Collection<Todo> }) {
    super(options)
    const { collection } = options
    this.listenTo(collection, 'add', (todo: Todo, _all, how) => this.#tell(how, `Added: ${nameOf(todo)}`))
    this.listenTo(collection, 'remove', (todo: Todo, _all, how) =>
      this.#tell(how, `Removed: ${nameOf(todo)}`),
    )
    this.listenTo(collection, 'change:title', (todo: Todo, _title, how) =>
      this.#tell(how, `Renamed ${todo.previous('title')} to ${nameOf(todo)}`),
    )
    this.listenTo(collection, 'change:done', (todo: Todo, done, how) =>
      this.#tell(how, `${done === true ? 'Done' : 'Open again'}: ${nameOf(todo)}`),
    )
  }

  #tell(options: unknown, text: string): void {
    if (!isRemote(options)) return
    const line = document.createElement('p')
    line.textContent = text
    this.el.append(line)
    while (this.el.childElementCount > linesMax) this.el.firstElementChild?.remove()
  }
}

function nameOf(todo: Todo): string {
  return todo.get('title') ?? ''
}
