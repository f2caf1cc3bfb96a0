import Backbone from 'backbone'
import { html } from '../../markup/html.ts'

/** What `@lockstep/client/backbone` says when a row changes that is being edited. */
export interface Conflict {
  readonly theirs: Readonly<Record<string, unknown>> | undefined
  takeTheirs(): void
}

/** Begins an edit: until it ends nobody's change overwrites these attributes. */
export type BeginEdit = (
  model: Backbone.Model,
  attributes: readonly string[],
) => { end(): void; revert(): void }

export interface LineEditorOptions {
  readonly model: Backbone.Model
  readonly attribute: string
  readonly label: string
  readonly lengthMax: number
  readonly beginEdit?: BeginEdit
  /** The editor is gone. */
  done(): void
}

/** One line of a model under edit: Enter saves, Escape does not. The draft is the user's until then. */
export class LineEditor extends Backbone.View<Backbone.Model> {
  readonly #options: LineEditorOptions
  readonly #edit: ReturnType<BeginEdit> | undefined
  /** What was there when the edit began. */
  readonly #before: string
  #conflict: Conflict | undefined

  constructor(options: LineEditorOptions) {
    super({
      model: options.model,
      tagName: 'form',
      className: 'line-editor',
      events: {
        submit: 'save',
        input: 'typed',
        keydown: 'keyPressed',
        'click .line-cancel': 'cancel',
        'click .conflict-theirs': 'takeTheirs',
        'click .conflict-mine': 'keepMine',
      },
    })
    this.#options = options
    this.#before = String(options.model.get(options.attribute) ?? '')
    this.#edit = options.beginEdit?.(options.model, [options.attribute])
    this.listenTo(options.model, 'invalid', (_model, fault: unknown) => {
      if (typeof fault === 'string') this.#say(fault)
    })
    this.listenTo(options.model, 'conflict', (_model, conflict: Conflict) => this.#meet(conflict))
  }

  override render(): this {
    const { label, lengthMax } = this.#options
    this.el.innerHTML =
      html`<input class="field" aria-label="${label}" maxlength="${lengthMax}" autocomplete="off" value="${this.#before}">
<button class="button small" type="submit">Save</button><button class="button plain small line-cancel" type="button">Cancel</button>
<p class="line-fault" role="alert" hidden></p><div class="conflict" role="alert" hidden></div>`.text
    return this
  }

  focus(): void {
    this.#field.focus()
    this.#field.select()
  }

  get draft(): string {
    return this.#field.value.trim()
  }

  /** Whether something was typed that is not saved. */
  get isChanged(): boolean {
    return this.draft !== this.#before
  }

  save(event: Event): void {
    event.preventDefault()
    // Where somebody else has changed it, the same text is a change as well.
    if (!this.isChanged && this.#conflict === undefined) {
      this.cancel()
      return
    }
    const { model, attribute } = this.#options
    // False, which Backbone's types do not tell of: it is not valid, and the model has said why.
    const sent: unknown = model.save({ [attribute]: this.draft }, { patch: true })
    if (sent !== false) this.#close()
  }

  cancel(): void {
    this.#edit?.revert()
    this.#close()
  }

  /** Beside the other version stands what one has typed so far. */
  typed(): void {
    const mine = this.el.querySelector('.conflict-my-text')
    if (mine !== null) mine.textContent = this.draft
  }

  keyPressed(event: JQuery.TriggeredEvent): void {
    if (event.key !== 'Escape') return
    event.preventDefault()
    this.cancel()
  }

  takeTheirs(): void {
    this.#conflict?.takeTheirs()
    this.#edit?.end()
    this.#close()
  }

  keepMine(): void {
    this.#box.hidden = true
    this.#field.focus()
  }

  /** Both versions, side by side, for the user to choose. */
  #meet(conflict: Conflict): void {
    const theirs = conflict.theirs?.[this.#options.attribute]
    // Where the row is gone, whoever shows this editor rescues the draft.
    if (theirs === undefined) return
    this.#conflict = conflict
    this.#box.innerHTML = html`<p>Somebody else changed this while you were editing.</p>
<dl><dt>Theirs</dt><dd class="conflict-their-text">${String(theirs)}</dd><dt>Yours</dt><dd class="conflict-my-text">${this.draft}</dd></dl>
<p class="conflict-choice"><button type="button" class="button small conflict-theirs">Use theirs</button><button type="button" class="button plain small conflict-mine">Keep mine</button></p>`.text
    this.#box.hidden = false
    // The field for a new todo stands above what is below in the window, and hides it.
    this.#box.scrollIntoView({ block: 'nearest' })
  }

  #say(fault: string): void {
    const line = this.el.querySelector<HTMLElement>('.line-fault')
    if (line === null) return
    line.textContent = fault
    line.hidden = false
  }

  #close(): void {
    this.remove()
    this.#options.done()
  }

  get #field(): HTMLInputElement {
    return found(this.el.querySelector('input'))
  }

  get #box(): HTMLElement {
    return found(this.el.querySelector<HTMLElement>('.conflict'))
  }
}

function found<T>(element: T | null): T {
  if (element === null) throw new Error('the editor has not been rendered')
  return element
}
