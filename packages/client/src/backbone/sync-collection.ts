import type { Collection } from '../collection/collection.ts'
import type { Store } from '../collection/store.ts'
import {
  type BackboneCollection,
  type BackboneModel,
  contains,
  type Model,
  type Models,
  type Sync,
} from './backbone.ts'
import type { Edit } from './edits.ts'
import { Mirror } from './mirror.ts'
import { Requests, type Writer } from './requests.ts'

export interface SyncedCollection {
  /** Ends it: the models stay as they are, and `save` goes Backbone's own way again. */
  stop(): void
}

/** The mirror that a model belongs to. */
const mirrors = new WeakMap<object, Mirror>()

/** A client, as the writer of its collections. */
interface ClientOfRows {
  channel(name: string, options: { readonly subscribe: false }): Writer
}

/**
 * Keeps a `Backbone.Collection` equal to a channel's rows: `add`, `change`, `remove` and one `update` for each
 * transaction, then `transaction`; `reset` only where the server reset the channel. `create`, `save` and
 * `destroy` show at once and become one request to the model's own `url()`. A refusal takes the change back and
 * comes as `error` (with status 422 as `invalid` before it). What the user has set and not saved, or began to
 * edit with `beginEdit`, is not overwritten: the model says `conflict` with both versions.
 */
export function syncCollection<R extends object>(
  collection: BackboneCollection,
  rows: Collection<R>,
): SyncedCollection {
  // What a Backbone collection has beyond what is asked of it, and what a channel's collection is.
  const models = collection as unknown as Models
  const store = rows as unknown as Store
  const client = store.writer as unknown as ClientOfRows
  const mirror = new Mirror(models, store)
  const channel = client.channel(store.channel, { subscribe: false })
  const requests = new Requests(mirror, channel)

  const adopted = new Set<Model>()
  const adopt = (model: Model): void => {
    if (adopted.has(model) || mirrors.has(model)) return
    adopted.add(model)
    mirrors.set(model, mirror)
    model.sync = (method, _model, options) => requests.ofModel(method, model, options)
  }
  const release = (model: Model): void => {
    if (!adopted.delete(model)) return
    mirrors.delete(model)
    Reflect.deleteProperty(model, 'sync')
  }

  const prepare = models._prepareModel
  const undo = [
    override(models, '_prepareModel', (attributes, options) => {
      const model = prepare.call(models, attributes, options)
      if (model !== false) adopt(model)
      return model
    }),
    override(models, 'sync', ((_method, _models, options) => requests.ofCollection(models, options)) as Sync),
  ]
  const removed = (model: Model): void => {
    // The collection hears of what happens in models, too.
    if (contains(models, model)) return
    mirror.removed(model)
    if (!mirror.holds(model)) release(model)
  }
  const destroyed = (model: Model): void => {
    requests.destroyUnnamed(model)
    release(model)
  }
  const replaced = (): void => {
    for (const model of [...adopted]) if (!contains(models, model) && !mirror.waits(model)) release(model)
    mirror.restart()
  }
  for (const model of models.models) adopt(model)
  models.on('remove', removed)
  models.on('destroy', destroyed)
  models.on('reset', replaced)
  const unsubscribe = store.subscribe((changes) => mirror.apply(changes))
  mirror.start()
  let stopped = false
  channel.ready.then(
    () => {
      if (!stopped) mirror.complete()
    },
    // The channel says itself that it was refused.
    () => {},
  )

  return {
    stop() {
      stopped = true
      unsubscribe()
      models.off('remove', removed)
      models.off('destroy', destroyed)
      models.off('reset', replaced)
      for (const end of undo) end()
      for (const model of [...adopted]) release(model)
    },
  }
}

/**
 * Until the edit ends, nobody else's change overwrites these attributes of the model, all by default: the model
 * says `conflict` instead. Saving the model ends the edit.
 * @throws Error where the model belongs to no synced collection.
 */
export function beginEdit(model: BackboneModel, attributes?: readonly string[]): Edit {
  const mirror = mirrors.get(model)
  if (mirror === undefined) throw new Error('The model is in no collection that syncCollection keeps.')
  // Only models get into the map.
  return mirror.edits.begin(model as Model, attributes)
}

/** Puts a method over an object's own or inherited one. Returns what takes it away again. */
function override<T extends object, Name extends keyof T>(on: T, name: Name, method: T[Name]): () => void {
  const own = Object.getOwnPropertyDescriptor(on, name)
  on[name] = method
  return () => {
    if (own === undefined) Reflect.deleteProperty(on, name)
    else Object.defineProperty(on, name, own)
  }
}
