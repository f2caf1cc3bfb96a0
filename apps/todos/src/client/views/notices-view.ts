import Backbone from 'backbone'
import { type Html, html } from '../../markup/html.ts'
import { removeIcon } from '../../markup/icons.ts'

export interface NoticeAction {
  readonly label: string
  run(): void
}

/** Notices on the screen at once; the oldest goes. */
const noticesMax = 3
const unprocessable = 422

/** What went wrong, until somebody has read it. */
export class NoticesView extends Backbone.View {
  /** Shows what the server refuses of a collection's models. */
  watch(collection: Backbone.Collection): void {
    // Faults that the page finds itself are texts, and stand where one was typing.
    this.listenTo(collection, 'invalid', (model, fault: unknown) => {
      if (typeof fault !== 'string') this.#refused(collection, model, wordsOf(fault))
    })
    this.listenTo(collection, 'error', (model, refusal: unknown) => {
      const { status, responseJSON } = Object(refusal)
      if (status === unprocessable) return // `invalid` has said it
      const words = wordsOf(responseJSON) ?? (status === 0 ? unreachable : `The server said no (${status}).`)
      this.#refused(collection, model, words)
    })
  }

  say(text: Html, action?: NoticeAction): void {
    const notice = document.createElement('div')
    notice.className = 'notice'
    notice.innerHTML =
      html`<p>${text}</p>${action !== undefined && html`<button type="button" class="button plain small notice-action">${action.label}</button>`}<button type="button" class="icon-button notice-close" aria-label="Dismiss">${removeIcon}</button>`.text
    notice.querySelector('.notice-close')?.addEventListener('click', () => notice.remove())
    notice.querySelector('.notice-action')?.addEventListener('click', () => {
      notice.remove()
      action?.run()
    })
    this.el.append(notice)
    while (this.el.childElementCount > noticesMax) this.el.firstElementChild?.remove()
  }

  #refused(collection: Backbone.Collection, model: Backbone.Model, words = 'The server said no.'): void {
    const attributes = model.toJSON()
    const name = String(attributes.title ?? attributes.name ?? '')
    if (!model.isNew()) {
      this.say(html`“${name}” was not changed. ${words}`)
      return
    }
    this.say(html`“${name}” was not added. ${words}`, {
      label: 'Try again',
      run: () => collection.create(attributes),
    })
  }
}

const unreachable = 'The server cannot be reached.'

/** The message that an error reply of our server has. */
function wordsOf(body: unknown): string | undefined {
  const { message } = Object(Object(body).error)
  return typeof message === 'string' ? message : undefined
}
