import type { Origin } from '../collection/collection.ts'
import type { Attributes, Model } from './backbone.ts'
import { sameValue } from './same-value.ts'

/** Another session changed what is being edited here. */
export interface Conflict {
  /** Names of the attributes that were left as they are. */
  readonly attributes: readonly string[]
  /** Their values before either side changed them. */
  readonly base: Attributes
  readonly mine: Attributes
  /** Undefined: the row is gone, and the model leaves the collection after this event. */
  readonly theirs: Attributes | undefined
  /** Sets these attributes to the others' values. */
  takeTheirs(): void
  /** Sets these attributes; like any `set`, it is the user's own until it is saved. */
  resolve(attributes: Attributes): void
}

/** An edit that somebody began: nothing is overwritten until it ends. `save` ends it too. */
export interface Edit {
  /** What the user has set stays, and counts as not saved. */
  end(): void
  /** The model becomes what the row is now. */
  revert(): void
}

/** Which attributes of which models belong to the user for now, and what happens when a row changes. */
export class Edits {
  /** Attributes as the row last had them. */
  readonly #bases = new WeakMap<Model, Attributes>()
  /** Attributes under an edit; undefined inside: all of them. */
  readonly #open = new WeakMap<Model, { readonly names: ReadonlySet<string> | undefined }>()

  /** The model is as the row is. */
  start(model: Model): void {
    this.#bases.set(model, { ...model.attributes })
  }

  begin(model: Model, names: readonly string[] | undefined): Edit {
    const edit = { names: names && new Set(names) }
    this.#open.set(model, edit)
    const end = (): void => {
      if (this.#open.get(model) === edit) this.#open.delete(model)
    }
    return {
      end,
      revert: () => {
        end()
        model.set({ ...this.#bases.get(model) }, { origin: 'local' })
      },
    }
  }

  end(model: Model): void {
    this.#open.delete(model)
  }

  /** Sets what the row has changed, except what the user is changing too. */
  take(model: Model, theirs: Attributes, options: Attributes, origin: Origin): void {
    const base = this.#bases.get(model) ?? {}
    this.#bases.set(model, { ...base, ...theirs })
    const changed: Attributes = {}
    const kept: string[] = []
    for (const [name, value] of Object.entries(theirs)) {
      const mine = model.attributes[name]
      const known = name in base
      if (sameValue(mine, value) || (known && sameValue(base[name], value))) continue
      if ((known && !sameValue(mine, base[name])) || this.#isOpen(model, name)) kept.push(name)
      else changed[name] = value
    }
    if (Object.keys(changed).length > 0) model.set(changed, options)
    // What one's own write comes back with is no conflict.
    if (kept.length === 0 || origin === 'local' || origin === 'refused') return
    this.#conflict(model, kept, base, theirs, options)
  }

  /** The row is gone: says so where somebody is changing it. */
  gone(model: Model, options: Attributes): void {
    const base = this.#bases.get(model) ?? {}
    const names = Object.keys(base).filter(
      (name) => !sameValue(model.attributes[name], base[name]) || this.#isOpen(model, name),
    )
    if (names.length > 0) this.#conflict(model, names, base, undefined, options)
    this.#open.delete(model)
  }

  /** The row's values of the attributes that nobody is changing here. */
  settled(model: Model): Attributes {
    const base = this.#bases.get(model) ?? {}
    return Object.fromEntries(
      Object.entries(base).filter(
        ([name, value]) => sameValue(model.attributes[name], value) && !this.#isOpen(model, name),
      ),
    )
  }

  #isOpen(model: Model, name: string): boolean {
    const edit = this.#open.get(model)
    return edit !== undefined && edit.names?.has(name) !== false
  }

  #conflict(
    model: Model,
    names: readonly string[],
    base: Attributes,
    theirs: Attributes | undefined,
    options: Attributes,
  ): void {
    const pick = (from: Attributes): Attributes => Object.fromEntries(names.map((name) => [name, from[name]]))
    const conflict: Conflict = {
      attributes: names,
      base: pick(base),
      mine: pick(model.attributes),
      theirs: theirs && pick(theirs),
      takeTheirs() {
        if (theirs !== undefined) model.set(pick(theirs), options)
      },
      resolve(attributes) {
        model.set(attributes, options)
      },
    }
    model.trigger('conflict', model, conflict, options)
  }
}
