import type { Row } from '@lockstep/protocol'
import type { Changes } from '../collection/collection.ts'
import { temporaryPrefix } from '../collection/key.ts'
import type { Store } from '../collection/store.ts'
import { type Attributes, contains, type Model, type Models } from './backbone.ts'
import { Edits } from './edits.ts'

/** Keeps the models of a Backbone collection equal to the rows of one of ours. */
export class Mirror {
  readonly models: Models
  readonly rows: Store
  readonly edits: Edits = new Edits()
  readonly #byKey = new Map<string, Model>()
  readonly #keys = new WeakMap<Model, string>()
  /** Temporary keys of models that shall not show before the server has said yes. */
  readonly #waiting = new Set<string>()
  /** Models whose own removal has not been answered, and where they stood. */
  readonly #leaving = new Map<string, { readonly model: Model; readonly at: number }>()
  /** While the models are changed from here. */
  #applying = false

  constructor(models: Models, rows: Store) {
    this.models = models
    this.rows = rows
  }

  /** The rows as they are now; models that are there already are taken over. */
  start(): void {
    const created = this.rows.all().map((row) => this.rows.keyOf(row))
    if (created.length > 0) this.apply({ created, updated: [], destroyed: [], origin: 'reset' })
  }

  /** Somebody put other models into the collection: those of rows count from now on, and missing ones come back. */
  restart(): void {
    if (this.#applying) return
    for (const [key, model] of [...this.#byKey]) {
      if (!isTemporary(key) && !contains(this.models, model)) this.#unbind(key)
    }
    this.start()
  }

  /** All rows have come: models with an id that is not among them are from somewhere else. */
  complete(): void {
    const strangers = new Set<Model>()
    this.#removeStrangers(strangers)
    if (strangers.size > 0) this.apply({ created: [], updated: [], destroyed: [], origin: 'reset' })
  }

  /** The row's key: temporary for one that the server has not named yet, undefined for one that is no row. */
  keyOf(model: Model): string | undefined {
    return this.#keys.get(model) ?? (model.isNew() ? undefined : String(model.id))
  }

  holds(model: Model): boolean {
    return this.#keys.has(model)
  }

  /** The server has not named the model yet. */
  waits(model: Model): boolean {
    return isTemporary(this.#keys.get(model) ?? '')
  }

  /** The row that is about to be created is this model. */
  expect(key: string, model: Model, waiting: boolean): void {
    this.#bind(key, model)
    if (waiting) this.#waiting.add(key)
  }

  /** The model removes itself; until the server has answered, it may come back. */
  leave(key: string, model: Model): void {
    this.#leaving.set(key, { model, at: this.models.indexOf(model) })
    this.#unbind(key)
  }

  left(key: string): void {
    this.#leaving.delete(key)
  }

  /** Somebody removed the model from the collection by themselves. */
  removed(model: Model): void {
    const key = this.#keys.get(model)
    // A row without a key of its own is still on its way; it is looked for under its temporary one.
    if (!this.#applying && key !== undefined && !isTemporary(key)) this.#unbind(key)
  }

  /** Forgets a row whose model is gone. */
  forget(model: Model): void {
    const key = this.#keys.get(model)
    if (key !== undefined) this.#unbind(key)
  }

  apply(changes: Changes): void {
    this.#applying = true
    try {
      this.#apply(changes)
    } finally {
      this.#applying = false
    }
  }

  #apply(changes: Changes): void {
    const { origin, reset } = changes
    const options: Attributes = { lockstep: true, origin, ...(reset === undefined ? {} : { reason: reset }) }
    const renamed = new Set<string>()
    const removed = new Set<Model>()
    const added: Model[] = []
    for (const key of changes.destroyed) {
      const model = this.#byKey.get(key)
      if (model === undefined) continue
      const waiting = this.#waiting.delete(key)
      const real = this.rows.realKey(key)
      this.#unbind(key)
      if (real !== key && this.rows.has(real) && !this.#byKey.has(real)) {
        this.#bind(real, model)
        renamed.add(real)
        if (waiting || !contains(this.models, model)) added.push(model)
      } else if (!waiting) removed.add(model)
    }
    const returning: { readonly model: Model; readonly at: number }[] = []
    const merged = new Map<Model, Attributes>()
    for (const key of [...changes.created, ...changes.updated]) {
      const row = this.rows.get(key)
      if (row === undefined) continue
      const bound = this.#byKey.get(key)
      if (bound === undefined) {
        const leaving = this.#leaving.get(key)
        if (leaving !== undefined) {
          this.#leaving.delete(key)
          this.#bind(key, leaving.model)
          returning.push(leaving)
          merged.set(leaving.model, this.#attributesOf(leaving.model, row, options))
        } else {
          const fresh = this.#make(key, row, options, merged)
          if (fresh !== undefined) added.push(fresh)
        }
      } else if (isTemporary(key)) this.edits.start(bound)
      else merged.set(bound, this.#attributesOf(bound, row, options))
    }
    if (origin === 'reset') this.#removeStrangers(removed)
    for (const model of removed) this.edits.gone(model, options)
    for (const key of renamed) this.#take(this.#byKey.get(key), merged, options, origin)
    if (origin === 'reset' && reset !== undefined) {
      for (const model of [...merged.keys()]) this.#take(model, merged, options, origin)
      this.models.reset([...this.models.models.filter((model) => !removed.has(model)), ...added], options)
    } else {
      this.#addAndRemove(added, removed, options)
      for (const { model, at } of returning) this.models.add(model, { ...options, at })
      for (const model of [...merged.keys()]) this.#take(model, merged, options, origin)
    }
    this.models.trigger('transaction', this.models, changes, options)
  }

  /** In one step of Backbone, so that there is one `update` event. */
  #addAndRemove(added: readonly Model[], removed: ReadonlySet<Model>, options: Attributes): void {
    if (removed.size === 0) {
      if (added.length > 0) this.models.add(added, options)
    } else if (added.length === 0) this.models.remove([...removed], options)
    else {
      const kept = this.models.models.filter((model) => !removed.has(model))
      this.models.set([...kept, ...added], { ...options, merge: false })
    }
  }

  /** A snapshot has all rows: models with an id that is not among them came from somewhere else. */
  #removeStrangers(removed: Set<Model>): void {
    for (const model of this.models.models) {
      const key = this.keyOf(model)
      if (key !== undefined && !this.#keys.has(model) && !this.rows.has(key)) removed.add(model)
    }
  }

  #take(
    model: Model | undefined,
    merged: Map<Model, Attributes>,
    options: Attributes,
    origin: Changes['origin'],
  ): void {
    const attributes = model && merged.get(model)
    if (model === undefined || attributes === undefined) return
    merged.delete(model)
    this.edits.take(model, attributes, options, origin)
  }

  /** A model for a new row; undefined where the collection has it already. */
  #make(key: string, row: Row, options: Attributes, merged: Map<Model, Attributes>): Model | undefined {
    const shown = isTemporary(key) ? withoutValue(row, key) : { ...row }
    const fresh = this.models._prepareModel(shown, { ...options, parse: true })
    if (fresh === false) return undefined
    const there = fresh.isNew() ? undefined : this.models.get(fresh.attributes)
    if (there === undefined) {
      this.#bind(key, fresh)
      this.edits.start(fresh)
      return fresh
    }
    this.#bind(key, there)
    merged.set(there, this.#attributesOf(there, row, options))
    return undefined
  }

  /** Rows are frozen, and a `parse` may change what it is given. */
  #attributesOf(model: Model, row: Row, options: Attributes): Attributes {
    return model.parse({ ...row }, options) ?? {}
  }

  #bind(key: string, model: Model): void {
    this.#byKey.set(key, model)
    this.#keys.set(model, key)
  }

  #unbind(key: string): void {
    const model = this.#byKey.get(key)
    this.#byKey.delete(key)
    if (model !== undefined) this.#keys.delete(model)
  }
}

export function isTemporary(key: string): boolean {
  return key.startsWith(temporaryPrefix)
}

function withoutValue(row: Row, value: string): Row {
  return Object.fromEntries(Object.entries(row).filter(([, other]) => other !== value))
}
