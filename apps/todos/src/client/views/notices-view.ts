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
      if (status === 0) this.#unanswered(collection, model)
      else this.#refused(collection, model, wordsOf(responseJSON) ?? `The server said no (${status}).`)
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
    if (model.isNew()) this.say(html`“${nameOf(model)}” was not added. ${words}`, again(collection, model))
    else this.say(html`“${nameOf(model)}” was not changed. ${words}`)
  }

  /** The server cannot be reached, or it has done what was asked and its answer was lost. */
  #unanswered(collection: Backbone.Collection, model: Backbone.Model): void {
    const [name, words] = [nameOf(model), 'The server did not answer.']
    if (model.isNew()) this.say(html`“${name}” may not have been added. ${words}`, again(collection, model))
    else this.say(html`“${name}” may not have been changed. ${words}`)
  }
}

function nameOf(model: Backbone.Model): string {
  const { title, name } = model.attributes
  return String(title ?? name ?? '')
}

/** The model itself and no copy of it: whoever sends it knows that it is the same request. */
function again(collection: Backbone.Collection, model: Backbone.Model): NoticeAction {
  return { label: 'Try again', run: () => collection.create(model) }
}

/** The message that an error reply of our server has. */
function wordsOf(body: unknown): string | undefined {
  const { message } = Object(Object(body).error)
  return typeof message === 'string' ? message : undefined
}
