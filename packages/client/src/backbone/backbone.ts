import type { Row } from '@lockstep/protocol'

/** What is asked of a Backbone model from outside; every `Backbone.Model` is one. */
export interface BackboneModel {
  readonly cid: string
  isNew(): boolean
  trigger(event: string, ...values: unknown[]): unknown
}

/** What is asked of a Backbone collection from outside; every `Backbone.Collection` is one. */
export interface BackboneCollection {
  readonly length: number
  readonly models: readonly BackboneModel[]
  trigger(event: string, ...values: unknown[]): unknown
}

export type Attributes = Record<string, unknown>

/** What Backbone hands to `sync`, and what events carry. */
export interface SyncOptions extends Attributes {
  readonly url?: string
  readonly attrs?: unknown
  readonly wait?: boolean
  readonly patch?: boolean
  parse?: boolean
  reset?: boolean
  readonly success?: (response: unknown) => void
  readonly error?: (refusal: unknown) => void
}

export type SyncMethod = 'create' | 'update' | 'patch' | 'delete' | 'read'

export type Sync = (method: SyncMethod, model: unknown, options: SyncOptions) => unknown

/** A Backbone model as it is inside; the types that Backbone publishes differ from release to release. */
export interface Model extends BackboneModel {
  readonly id?: string | number | null
  readonly idAttribute: string
  readonly attributes: Attributes
  validationError: unknown
  sync: Sync
  set(attributes: Attributes, options: Attributes): unknown
  parse(row: Row, options: Attributes): Attributes | undefined
  toJSON(options: Attributes): unknown
  url(): string
}

/** A Backbone collection as it is inside. */
export interface Models {
  readonly models: readonly Model[]
  sync: Sync
  /** Private, and the same since Backbone 0.9: every model of the collection passes through it. */
  _prepareModel(attributes: unknown, options: Attributes): Model | false
  set(models: readonly Model[], options: Attributes): unknown
  add(models: readonly Model[] | Model, options: Attributes): unknown
  remove(models: readonly Model[], options: Attributes): unknown
  reset(models: readonly Model[], options: Attributes): unknown
  get(of: Attributes | Model): Model | undefined
  indexOf(model: Model): number
  on(event: string, listener: (model: Model, ...rest: unknown[]) => void): unknown
  off(event: string, listener: (model: Model, ...rest: unknown[]) => void): unknown
  trigger(event: string, ...values: unknown[]): unknown
}

/** Whether this very model is in the collection; Backbone's `has` looks at the id alone. */
export function contains(models: Models, model: Model): boolean {
  return models.get(model) === model
}
