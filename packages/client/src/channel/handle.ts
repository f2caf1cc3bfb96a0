import type { Json, Operation, ResetReason } from '@lockstep/protocol'
import type { Applier } from '../collection/applier.ts'
import { type RowWriter, Store } from '../collection/store.ts'
import { Listeners, type Report } from '../listeners.ts'
import type { WriteRequest } from '../writes/writes.ts'
import type { ChannelStatus, OperationListener } from './channel.ts'
import { Subscription } from './subscription.ts'

/** What a channel needs of the client around it. */
export interface ChannelOwner extends RowWriter {
  readonly applier: Applier
  readonly report: Report
  /** The client was closed. */
  readonly closed: 'closed' | undefined
  /** The first who needs the channel has come, or the last has gone for long enough. */
  wanted(channel: ChannelHandle, wanted: boolean): void
  linger(run: () => void): () => void
  write(channel: ChannelHandle, request: WriteRequest): Promise<Json | undefined>
}

/** A channel: its collections, its listeners, and who needs it. The session moves it along. */
export class ChannelHandle {
  declare readonly name: string
  readonly subscription: Subscription = new Subscription()
  readonly stores: Map<string, Store> = new Map()
  status: ChannelStatus = { state: 'idle' }
  /** How many need the channel. */
  needs = 0
  /** The page brought its rows; the first who needs it takes over from the page. */
  ofPage = false
  declare resetReason: ResetReason | undefined
  /** A snapshot has replaced the rows, and `live` is yet to be applied: operations until then may have been heard before. */
  declare anew: boolean | undefined
  /** Times in a row that the server could not give the channel, and what ends the wait for the next try. */
  failures = 0
  declare cancelRetry: (() => void) | undefined
  /** What applications hold: this, with the collections as properties. */
  readonly face: unknown = withCollections(this)
  #stopLinger: (() => void) | undefined
  #releasePin: (() => void) | undefined
  readonly #operations = new Map<string, Listeners<Parameters<OperationListener>>>()
  readonly #unknown = new Set<string>()
  readonly #statusListeners = new Listeners<[ChannelStatus]>()
  readonly #owner: ChannelOwner

  constructor(name: string, owner: ChannelOwner) {
    this.name = name
    this.#owner = owner
  }

  collection(name: string): Store {
    const { applier, report } = this.#owner
    const store = this.stores.get(name) ?? new Store(this.name, name, applier, this.#owner, report)
    this.stores.set(name, store)
    return store
  }

  get ready(): Promise<void> {
    const ready = new Promise<void>((resolve, reject) => {
      const look = (status: ChannelStatus): void => {
        const code = this.#owner.closed
        if (status.state === 'subscribing' && !code) return
        stop()
        if (status.state === 'live') resolve()
        else reject(Object.assign(new Error(`Channel ${this.name} is ${status.state}.`), { status, code }))
      }
      const stop = this.onStatus(look)
      if (this.status.state !== 'idle' || this.#owner.closed) look(this.status)
    })
    // Whoever does not await it must not be told of a rejection that nobody handles.
    ready.catch(() => {})
    return ready
  }

  subscribe(): () => void {
    if (this.ofPage) this.ofPage = false
    else this.needs++
    this.#stopLinger?.()
    if (this.needs === 1 && this.subscription.phase === 'idle') this.#owner.wanted(this, true)
    let done = false
    return () => {
      if (done) return
      done = true
      this.needs--
      if (this.needs === 0) this.#stopLinger = this.#owner.linger(() => this.#owner.wanted(this, false))
    }
  }

  /** Needs the channel until `leave`. */
  pin(): void {
    this.#releasePin ??= this.subscribe()
  }

  leave(): void {
    this.#releasePin?.()
    this.#releasePin = undefined
  }

  onStatus(listener: (status: ChannelStatus) => void): () => void {
    return this.#statusListeners.add(listener)
  }

  setStatus(status: ChannelStatus): void {
    if (status.state === this.status.state && status.state !== 'live') return
    this.status = status
    this.#statusListeners.tell(this.#owner.report, status)
  }

  on(operation: string, listener: OperationListener): () => void {
    const listeners = this.#operations.get(operation) ?? new Listeners()
    this.#operations.set(operation, listeners)
    return listeners.add(listener)
  }

  tellOperation(
    { operation, envelope }: Operation,
    { session, at }: { readonly session?: string | undefined; readonly at: number },
  ): void {
    const listeners = this.#operations.get(operation)
    if (listeners !== undefined) {
      listeners.tell(this.#owner.report, envelope, { operation, channel: this.name, session, at })
      return
    }
    // A channel on which nobody listens for operations misses none.
    if (this.#operations.size === 0 || this.#unknown.has(operation)) return
    this.#unknown.add(operation)
    this.#owner.report(new Error(`Nobody hears operation "${operation}" of ${this.name}.`))
  }

  write(request: WriteRequest): Promise<Json | undefined> {
    return this.#owner.write(this, request)
  }

  /** The client was closed. */
  stop(): void {
    this.#stopLinger?.()
    this.setStatus({ state: 'idle' })
  }
}

/** Collections as properties of the channel. */
function withCollections(handle: ChannelHandle): unknown {
  return new Proxy(handle, {
    get(target, name) {
      // `then` would make the channel look like a promise.
      if (typeof name !== 'symbol' && name !== 'then' && !(name in target)) return target.collection(name)
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
