import type { Json, Row } from '@lockstep/protocol'
import type { WriteError } from '../writes/error.ts'
import type { WriteRequest } from '../writes/writes.ts'
import { contains, type Model, type Models, type SyncMethod, type SyncOptions } from './backbone.ts'
import { isTemporary, type Mirror } from './mirror.ts'

/** What is asked of the channel. */
export interface Writer {
  readonly ready: Promise<void>
  write(request: WriteRequest): Promise<Json | undefined>
}

/** What `error` listeners get in the place of Backbone's `xhr`. */
export interface Refusal {
  /** HTTP status; 0 where there was no reply. */
  readonly status: number
  readonly statusText: string
  readonly responseJSON: Json | undefined
  readonly responseText: string
  readonly error: WriteError
}

/** Status of a reply that finds fault with what was sent. */
const unprocessable = 422

/** Backbone's `sync` over a channel: shown at once, and one request each. */
export class Requests {
  readonly #mirror: Mirror
  readonly #writer: Writer
  /** Address without an id, of models that the server has not named yet. */
  readonly #bases = new WeakMap<Model, string>()

  constructor(mirror: Mirror, writer: Writer) {
    this.#mirror = mirror
    this.#writer = writer
  }

  /** As `Backbone.sync` for a model. */
  ofModel(method: SyncMethod, model: Model, options: SyncOptions): Promise<unknown> {
    if (method === 'read') return this.#read(model, options, () => this.#mirror.edits.settled(model))
    this.#mirror.edits.end(model)
    const key = this.#mirror.keyOf(model)
    if (method === 'delete') return this.#destroy(model, options, key)
    const attributes = jsonOf(options.attrs ?? model.toJSON(options))
    return key === undefined
      ? this.#create(model, options, attributes)
      : this.#update(model, options, key, attributes)
  }

  /** As `Backbone.sync` for the collection, which can only read; the channel has the rows already. */
  ofCollection(models: Models, options: SyncOptions): Promise<unknown> {
    options.reset = false
    return this.#read(models, options, () => undefined)
  }

  /** The model was destroyed before the server had named it: Backbone asks for nothing then. */
  destroyUnnamed(model: Model): void {
    const key = this.#mirror.keyOf(model)
    if (key === undefined || !isTemporary(key)) return
    this.#mirror.forget(model)
    const url = this.#urlOf(model, key, this.#bases.get(model) ?? '')
    const request = requestOf('DELETE', url, undefined, (tx) => tx.destroy(this.#mirror.rows.name, key))
    this.#writer.write(request).catch((error: WriteError) => {
      if (error.code !== 'not_found') model.trigger('error', model, refusalOf(error), {})
    })
  }

  #create(model: Model, options: SyncOptions, attributes: Row): Promise<unknown> {
    const url = options.url ?? model.url()
    this.#bases.set(model, url)
    return this.#send(
      model,
      options,
      requestOf(
        'POST',
        () => url,
        () => attributes,
        (tx) => {
          const key = tx.create(this.#mirror.rows.name, attributes)
          this.#mirror.expect(key, model, options.wait === true)
        },
      ),
    )
  }

  #update(model: Model, options: SyncOptions, key: string, attributes: Row): Promise<unknown> {
    const { rows } = this.#mirror
    const url = this.#urlOf(model, key, options.url ?? model.url())
    // What is sent first may name the row only later.
    const body = (): Row =>
      isTemporary(key) ? { ...attributes, [model.idAttribute]: model.id ?? null } : attributes
    const shown = rows.get(key)
    const optimistic: WriteRequest['optimistic'] = (tx) => {
      // Without an effect it still waits for earlier writes of the row.
      if (options.wait === true) tx.update(rows.name, key, {})
      else if (shown !== undefined) tx.update(rows.name, key, changesOf(shown, attributes))
      else this.#mirror.expect(tx.create(rows.name, attributes), model, false)
    }
    const method = options.patch === true ? 'PATCH' : 'PUT'
    return this.#send(model, options, requestOf(method, url, body, optimistic))
  }

  #destroy(model: Model, options: SyncOptions, key = ''): Promise<unknown> {
    const url = this.#urlOf(model, key, options.url ?? model.url())
    if (options.wait === true) return this.#destroyWhenSaid(model, options, url)
    this.#mirror.leave(key, model)
    const request = requestOf('DELETE', url, undefined, (tx) => tx.destroy(this.#mirror.rows.name, key))
    return this.#send(model, options, request, () => this.#mirror.left(key))
  }

  /** The stream takes the model out before the request is done: the collection hears of it no more by itself. */
  #destroyWhenSaid(model: Model, options: SyncOptions, url: () => string): Promise<unknown> {
    const { models } = this.#mirror
    const success = (reply: unknown): void => {
      const hears = contains(models, model)
      options.success?.(reply)
      if (!hears) models.trigger('destroy', model, models, options)
    }
    return this.#send(model, { ...options, success }, requestOf('DELETE', url, undefined))
  }

  /** A temporary key is replaced when the request goes out; by then the server has named the row. */
  #urlOf(model: Model, key: string, url: string): () => string {
    if (!isTemporary(key)) return () => url
    const base = this.#bases.get(model) ?? url
    return () => `${base.replace(/\/?$/, '/')}${encodeURIComponent(this.#mirror.rows.realKey(key))}`
  }

  #send(
    model: Model,
    options: SyncOptions,
    request: WriteRequest,
    done: () => void = () => {},
  ): Promise<unknown> {
    const { models, edits } = this.#mirror
    const result = this.#writer.write(request).then(
      (reply) => {
        done()
        if (!this.#mirror.holds(model) || model.isNew()) options.success?.(reply)
        else {
          // The rows say what the model is; the reply may be older than they are.
          options.parse = false
          options.success?.(edits.settled(model))
        }
        return reply
      },
      (error: WriteError) => {
        done()
        const refusal = refusalOf(error)
        const forwarded = contains(models, model)
        if (error.status === unprocessable) {
          model.validationError = error.details ?? error.message
          model.trigger('invalid', model, model.validationError, options)
          if (!forwarded) models.trigger('invalid', model, model.validationError, options)
        }
        options.error?.(refusal)
        // Of models that it no longer has, a collection hears nothing by itself; `wait` is Backbone's own case.
        if (!forwarded && options.wait !== true) models.trigger('error', model, refusal, options)
        throw error
      },
    )
    // Listeners have been told; whoever does not look at the promise must not fall over it.
    result.catch(() => {})
    model.trigger('request', model, result, options)
    return result
  }

  #read(asked: Pick<Models, 'trigger'>, options: SyncOptions, response: () => unknown): Promise<unknown> {
    options.parse = false
    const result = this.#writer.ready.then(
      () => options.success?.(response()),
      (error: unknown) => options.error?.(error),
    )
    asked.trigger('request', asked, result, options)
    return result
  }
}

function requestOf(
  method: string,
  url: () => string,
  body: (() => Row) | undefined,
  optimistic?: WriteRequest['optimistic'],
): WriteRequest {
  return {
    method,
    get url() {
      return url()
    },
    get body() {
      return body?.()
    },
    ...(optimistic === undefined ? {} : { optimistic }),
  }
}

/** As it goes over the wire: dates as text, without what is undefined. */
function jsonOf(attributes: unknown): Row {
  // What `toJSON` of a model makes is an object.
  return JSON.parse(JSON.stringify(attributes)) as Row
}

/** What differs, so that the other columns go on following the others' changes. */
function changesOf(row: Row, attributes: Row): Row {
  return Object.fromEntries(Object.entries(attributes).filter(([name, value]) => !sameJson(row[name], value)))
}

function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function refusalOf(error: WriteError): Refusal {
  const { status, message, details } = error
  return {
    status,
    statusText: message,
    responseJSON: details,
    responseText: details === undefined ? '' : JSON.stringify(details),
    error,
  }
}
