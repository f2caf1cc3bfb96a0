import Backbone from 'backbone'
import type { Status } from '../models.ts'

const words: Readonly<Record<string, string>> = {
  connecting: 'Connecting',
  'catching-up': 'Catching up',
  live: 'Live',
  offline: 'Offline',
  refused: 'Stopped',
}

/** How up to date the page is, in a word. */
export class StatusView extends Backbone.View<Status> {
  constructor(options: { el: string; model: Status }) {
    super(options)
    this.listenTo(this.model, 'change', this.render)
    this.render()
  }

  override render(): this {
    const { state = 'connecting', reason = '' } = this.model.attributes
    this.el.className = `pill pill-${state}`
    this.el.title = reason
    const word = this.el.querySelector('.pill-word')
    if (word !== null) word.textContent = words[state] ?? state
    return this
  }
}
