import Backbone from 'backbone'
import { todoMarkup } from '../../markup/todo.ts'
import { titleLengthMax } from '../../model/rows.ts'
import type { Todo } from '../models.ts'
import { isRemote, lightUp } from './light-up.ts'
import { type BeginEdit, LineEditor } from './line-editor.ts'

export interface TodoViewOptions {
  readonly model: Todo
  readonly beginEdit?: BeginEdit
}

const controls = ['.todo-done', '.todo-title', '.todo-remove']

/** One todo. */
export class TodoView extends Backbone.View<Todo> {
  readonly #beginEdit: BeginEdit | undefined
  #editor: LineEditor | undefined

  constructor({ model, beginEdit }: TodoViewOptions) {
    super({
      model,
      tagName: 'li',
      className: 'todo',
      events: {
        'change .todo-done': 'check',
        'click .todo-title': 'edit',
        'click .todo-remove': 'destroy',
      },
    })
    this.#beginEdit = beginEdit
    this.listenTo(model, 'change', (_model, options) => this.#changed(options))
  }

  override render(): this {
    const { title, done } = this.model.attributes
    this.el.innerHTML = todoMarkup({ title: title ?? '', done: done === true }).text
    this.el.classList.toggle('is-done', done === true)
    return this
  }

  check(event: JQuery.TriggeredEvent): void {
    const { checked } = event.target as HTMLInputElement // the checkbox of the line
    this.model.save({ done: checked }, { patch: true })
  }

  destroy(): void {
    this.model.destroy()
  }

  edit(): void {
    const title = this.el.querySelector<HTMLElement>('.todo-title')
    if (title === null || this.#editor !== undefined) return
    const editor = new LineEditor({
      model: this.model,
      attribute: 'title',
      label: 'Title',
      lengthMax: titleLengthMax,
      ...(this.#beginEdit !== undefined && { beginEdit: this.#beginEdit }),
      done: () => {
        this.#editor = undefined
        this.el.classList.remove('is-edited')
        this.render()
        this.focus('.todo-title')
      },
    })
    this.#editor = editor
    this.el.classList.add('is-edited')
    title.replaceWith(editor.render().el)
    editor.focus()
  }

  focus(selector: string): void {
    this.el.querySelector<HTMLElement>(selector)?.focus()
  }

  /** What somebody was typing here, and has not saved. */
  get draft(): string | undefined {
    return this.#editor?.isChanged === true ? this.#editor.draft : undefined
  }

  override remove(): this {
    this.#editor?.stopListening()
    return super.remove()
  }

  #changed(options: unknown): void {
    const checkbox = this.el.querySelector<HTMLInputElement>('.todo-done')
    if (this.#editor !== undefined && checkbox !== null) {
      // The draft stays; only what stands beside it follows.
      checkbox.checked = this.model.get('done') === true
      this.el.classList.toggle('is-done', checkbox.checked)
    } else {
      const focused = controls.find((selector) => this.el.querySelector(selector) === document.activeElement)
      this.render()
      if (focused !== undefined) this.focus(focused)
    }
    if (isRemote(options)) lightUp(this.el)
  }
}
