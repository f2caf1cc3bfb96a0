import Backbone from 'backbone'
import { headMarkup, progressMarkup } from '../../markup/head.ts'
import { html } from '../../markup/html.ts'
import { nothingMarkup } from '../../markup/lists-page.ts'
import { nameLengthMax } from '../../model/rows.ts'
import type { List, Lists, Todos } from '../models.ts'
import { isRemote, lightUp } from './light-up.ts'
import { type BeginEdit, LineEditor } from './line-editor.ts'

export interface HeadViewOptions {
  readonly lists: Lists
  readonly todos: Todos
  readonly openId: number | undefined
  readonly beginEdit?: BeginEdit
}

/** Name of the open list and how far it is; renaming and removing it. */
export class HeadView extends Backbone.View<List> {
  readonly #options: HeadViewOptions
  #editor: LineEditor | undefined

  constructor(options: HeadViewOptions) {
    super({
      el: '#head',
      events: {
        'click .list-rename': 'edit',
        'click .list-remove': 'ask',
        'click .remove-yes': 'destroy',
        'click .remove-no': 'keep',
      },
    })
    this.#options = options
    const { lists, todos, openId } = options
    this.listenTo(lists, 'change:name', (list: List, _name, changed) => {
      if (list.id === openId) this.#renamed(changed)
    })
    this.listenTo(todos, 'update reset change:done', () => this.#progress())
    this.listenTo(lists, 'update reset', () => {
      if (this.#list === undefined) this.#gone()
    })
    this.render()
  }

  override render(): this {
    const list = this.#list
    if (list === undefined) return this
    this.el.innerHTML = headMarkup({ name: list.get('name') ?? '', ...this.#counts }).text
    return this
  }

  edit(): void {
    const list = this.#list
    const line = this.el.querySelector('.head-line')
    if (list === undefined || line === null || this.#editor !== undefined) return
    const { beginEdit } = this.#options
    this.#editor = new LineEditor({
      model: list,
      attribute: 'name',
      label: 'Name of the list',
      lengthMax: nameLengthMax,
      ...(beginEdit !== undefined && { beginEdit }),
      done: () => {
        this.#editor = undefined
        this.render()
        this.el.querySelector<HTMLElement>('.list-rename')?.focus()
      },
    })
    line.replaceWith(this.#editor.render().el)
    this.#editor.focus()
  }

  /** Removing a list takes its todos with it: that is asked for first. */
  ask(): void {
    const line = this.el.querySelector('.head-line')
    if (line === null) return
    const { total } = this.#counts
    const what =
      total === 0 ? 'this empty list' : `this list and its ${total === 1 ? 'todo' : `${total} todos`}`
    line.insertAdjacentHTML(
      'afterend',
      html`<div class="question" role="alert"><p>Remove ${what}, for everybody?</p><button type="button" class="button danger small remove-yes">Remove</button><button type="button" class="button plain small remove-no">Keep</button></div>`
        .text,
    )
    this.el.querySelector<HTMLButtonElement>('.list-remove')?.setAttribute('disabled', '')
    this.el.querySelector<HTMLElement>('.remove-no')?.focus()
  }

  keep(): void {
    this.render()
    this.el.querySelector<HTMLElement>('.list-remove')?.focus()
  }

  destroy(): void {
    this.#list?.destroy()
    this.keep()
  }

  #renamed(options: unknown): void {
    const heading = this.el.querySelector<HTMLElement>('h1')
    const name = this.#list?.get('name') ?? ''
    document.title = document.title.replace(/^.*(?= · Lockstep Todos$)/, name)
    if (heading === null) return
    heading.textContent = name
    if (isRemote(options)) lightUp(heading)
  }

  #progress(): void {
    this.el.querySelector('.progress')?.replaceWith(fragmentOf(progressMarkup(this.#counts).text))
  }

  #gone(): void {
    this.stopListening()
    this.#editor?.remove()
    const sheet = document.getElementById('sheet')
    sheet?.replaceWith(
      fragmentOf(nothingMarkup('This list is gone', 'It was removed. The others are still there.').text),
    )
    document.getElementById('main')?.focus()
  }

  get #list(): List | undefined {
    return this.#options.lists.models.find(({ id }) => id === this.#options.openId)
  }

  /** Of the todos on the page: they are there before the list's own counts have come. */
  get #counts(): { open: number; total: number } {
    const { models } = this.#options.todos
    return { open: models.filter((todo) => todo.get('done') !== true).length, total: models.length }
  }
}

function fragmentOf(text: string): DocumentFragment {
  return document.createRange().createContextualFragment(text)
}
