import Backbone from 'backbone'
import { listLinkMarkup } from '../../markup/list-link.ts'
import type { Variant } from '../../model/page.ts'
import type { List, Lists } from '../models.ts'
import { isRemote, lightUp } from './light-up.ts'

export interface ListsViewOptions {
  readonly lists: Lists
  readonly openId: number | undefined
  readonly variant: Variant
}

/** The navigation: all lists of the team, and the field for a new one. */
export class ListsView extends Backbone.View {
  readonly #options: ListsViewOptions
  readonly #entries = new Map<List, HTMLElement>()

  constructor(options: ListsViewOptions) {
    super({ el: '.lists', events: { 'submit #new-list': 'create' } })
    this.#options = options
    const { lists } = options
    this.listenTo(lists, 'update reset', () => this.render())
    this.listenTo(lists, 'change', (list: List, changed) => {
      this.#draw(list)
      if (list.hasChanged('name') && isRemote(changed)) lightUp(this.#entryOf(list))
    })
    this.listenTo(lists, 'add', (list: List, _lists, added) => {
      if (isRemote(added)) lightUp(this.#entryOf(list))
    })
    this.listenTo(lists, 'update', (_lists, { changes }: { changes: { added: List[] } }) => {
      const [list] = changes.added
      // Whoever has just typed its name wants to see it.
      if (list !== undefined && this.el.contains(document.activeElement)) reveal(this.#entryOf(list))
    })
    this.#element.replaceChildren()
    this.render()
    this.#revealOpen()
    // Widths change when the font has come.
    document.fonts.ready.then(() => this.#revealOpen())
  }

  override render(): this {
    const { lists } = this.#options
    for (const [list, entry] of this.#entries) {
      if (lists.models.includes(list)) continue
      entry.remove()
      this.#entries.delete(list)
    }
    let at = this.#element.firstElementChild
    for (const list of lists.models) {
      const entry = this.#entryOf(list)
      if (entry === at) at = at.nextElementSibling
      else this.#element.insertBefore(entry, at)
    }
    return this
  }

  create(event: Event): void {
    event.preventDefault()
    const field = this.el.querySelector<HTMLInputElement>('#new-list input')
    const name = field?.value.trim() ?? ''
    if (field === null) return
    if (name === '') {
      field.focus()
      return
    }
    const { lists } = this.#options
    lists.create({ team_id: lists.teamId, name, open: 0, total: 0 })
    field.value = ''
  }

  #entryOf(list: List): HTMLElement {
    let entry = this.#entries.get(list)
    if (entry === undefined) {
      entry = document.createElement('li')
      this.#entries.set(list, entry)
      this.#draw(list)
    }
    return entry
  }

  #revealOpen(): void {
    const open = this.el.querySelector<HTMLElement>('[aria-current]')
    if (open !== null) reveal(open)
  }

  #draw(list: List): void {
    const { variant, openId } = this.#options
    const entry = this.#entryOf(list)
    const hasFocus = entry.contains(document.activeElement)
    entry.innerHTML = listLinkMarkup(list.attributes, variant, openId).text
    if (hasFocus) entry.querySelector('a')?.focus()
  }

  get #element(): HTMLElement {
    const element = this.el.querySelector<HTMLElement>('#lists')
    if (element === null) throw new Error('the page has no navigation')
    return element
  }
}

/** Narrow pages show the lists in a strip that scrolls. */
function reveal(entry: HTMLElement): void {
  entry.scrollIntoView({ block: 'nearest', inline: 'nearest' })
}
