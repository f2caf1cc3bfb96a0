import type { ErrorMessage, LockState, ServerMessage } from '@lockstep/protocol'
import type { ChannelStatus } from '../channel/channel.ts'
import type { Client } from '../client.ts'
import { Listeners, type Report } from '../listeners.ts'
import { platformRuntime } from '../runtime/platform.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { insideOf, requestNumber } from '../session/inside.ts'
import type { Session } from '../session/session.ts'
import { type Lock, LockHandle, type LockOptions, type LostReason } from './lock.ts'

/** Who holds a resource; `isOwn`: this page does. */
export interface ShownLock extends LockState {
  readonly isOwn: boolean
}

/** The locks of a channel: everybody's to be shown, and one's own to be taken. @see docs/protocol.md K1 */
export interface ChannelLocks {
  readonly channel: string
  /** Resource to who holds it; the same object until something changes. */
  all(): ReadonlyMap<string, ShownLock>
  get(resource: string): ShownLock | undefined
  /** Called after every change. */
  subscribe(listener: () => void): () => void
  /**
   * Resolves when the lock is held. Rejects with a `LockError`: `lock_held` where somebody else has it and does not
   * let go in time, or this page has it already; `no_channel` where the page is not subscribed to the channel.
   */
  lock(resource: string, options?: LockOptions): Promise<Lock>
}

/** A lock that was not given. `code` is one of the protocol's. */
export class LockError extends Error {
  override readonly name = 'LockError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

export interface LocksOptions {
  /** Hears of listeners that throw. Default `console.error`. */
  readonly onError?: Report
  readonly runtime?: Runtime
}

const known = new WeakMap<object, Map<string, LiveLocks>>()

/** The locks of a channel that the page is subscribed to, or will be. The same object for the same channel. */
export function locksOf<S>(client: Client<S>, channel: string, options: LocksOptions = {}): ChannelLocks {
  const channels = known.get(client) ?? new Map<string, LiveLocks>()
  known.set(client, channels)
  let locks = channels.get(channel)
  if (locks === undefined) {
    locks = new LiveLocks(client, channel, options)
    channels.set(channel, locks)
  }
  return locks
}

interface Awaiting {
  readonly handle: LockHandle
  resolve(): void
  reject(error: LockError): void
}

const nothing: ReadonlyMap<string, ShownLock> = new Map()

class LiveLocks implements ChannelLocks {
  readonly channel: string
  #shown: ReadonlyMap<string, ShownLock> = nothing
  /** The channel is live on this connection: requests may be sent. */
  #live: boolean
  readonly #handles = new Map<string, LockHandle>()
  readonly #awaiting = new Map<LockHandle, Awaiting>()
  readonly #listeners = new Listeners<[]>()
  readonly #session: Session
  readonly #status: () => ChannelStatus
  readonly #runtime: Runtime
  readonly #report: Report

  constructor(client: Client<never> | Client<unknown>, channel: string, options: LocksOptions) {
    const { runtime = platformRuntime, onError = (error) => console.error(error) } = options
    const handle = client.channel(channel, { subscribe: false })
    this.channel = channel
    this.#session = insideOf(client).session
    this.#runtime = runtime
    this.#report = onError
    this.#status = () => handle.status
    this.#live = handle.status.state === 'live'
    this.#session.listeners.add((message) => this.#hear(message))
    handle.onStatus(({ state }) => {
      // Asked for anew on the same connection: the server may have let go of what was held there.
      if (state === 'subscribing') this.#disconnected()
      else if (state !== 'live') this.#end(state)
    })
    client.onStatus(({ state }) => {
      if (state === 'closed') this.#end('idle')
      else if (state !== 'live' && state !== 'catching-up') this.#disconnected()
    })
    // Who comes later than the channel has missed what was said before `live`.
    if (this.#live) this.#send({ type: 'look', id: requestNumber(), channel })
  }

  // ---- for applications -----------------------------------------------------------------------------

  all(): ReadonlyMap<string, ShownLock> {
    return this.#shown
  }

  get(resource: string): ShownLock | undefined {
    return this.#shown.get(resource)
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener)
  }

  lock(resource: string, options: LockOptions = {}): Promise<Lock> {
    const { state } = this.#status()
    if (state !== 'live' && state !== 'subscribing') {
      return Promise.reject(new LockError('no_channel', `The page is not subscribed to ${this.channel}.`))
    }
    if (this.#handles.has(resource)) {
      return Promise.reject(new LockError('lock_held', `This page asked for ${resource} already.`))
    }
    const handle = new LockHandle(resource, options, this.#report, (gone) => this.#unlock(gone))
    if (options.signal?.aborted) return Promise.reject(new LockError('lock_held', 'The wait was ended.'))
    options.signal?.addEventListener('abort', () => handle.unlock(), { once: true })
    this.#handles.set(resource, handle)
    return new Promise((resolve, reject) => {
      this.#awaiting.set(handle, { handle, resolve: () => resolve(handle), reject })
      if (this.#live) this.#ask(handle)
    })
  }

  // ---- asking ---------------------------------------------------------------------------------------

  #send(message: object): void {
    this.#session.connection.send(message)
  }

  #ask(handle: LockHandle): void {
    const { resource, options, phase } = handle
    const { doing, leaseMs, waitMs, ask } = options
    handle.request = requestNumber()
    // Only the first time it waits and asks: what it had and somebody else has now is lost.
    const patience = phase === 'waiting' ? { waitMs, ask } : {}
    const { channel } = this
    this.#send({ type: 'lock', id: handle.request, channel, resource, doing, leaseMs, ...patience })
  }

  #unlock(handle: LockHandle): void {
    if (this.#handles.get(handle.resource) !== handle) return
    this.#handles.delete(handle.resource)
    if (this.#live && (handle.request !== undefined || handle.phase === 'held')) {
      this.#send({ type: 'unlock', id: requestNumber(), channel: this.channel, resource: handle.resource })
    }
    handle.cancelRenewal?.()
    handle.phase = 'released'
    this.#refuse(handle, new LockError('lock_held', `No longer waits for ${handle.resource}.`))
    handle.tell('released')
    this.#changed()
  }

  #renewLater(handle: LockHandle): void {
    handle.cancelRenewal?.()
    const { leaseMs } = handle.options
    if (leaseMs === undefined) return
    handle.cancelRenewal = this.#runtime.timer(leaseMs / 2, () => this.#live && this.#ask(handle))
  }

  // ---- hearing --------------------------------------------------------------------------------------

  #hear(message: ServerMessage): void {
    if (message.type === 'welcome') this.#disconnected()
    else if (message.type === 'error') this.#failed(message)
    else if (!('channel' in message) || message.channel !== this.channel) return
    else if (message.type === 'current_locks') this.#show(message.locks, undefined)
    else if (message.type === 'locks') this.#show(message.taken, message.freed)
    else if (message.type === 'live') this.#begin()
    else if (message.type === 'locked') this.#locked(message.id, message.token)
    else if (message.type === 'asked') {
      const { resource, session, by, doing, waitMs } = message
      const handle = this.#handles.get(resource)
      const answer = (yes: boolean): void => this.#answer(handle, session, yes)
      if (handle?.phase === 'held') handle.tell('asked', { session, by, doing, waitMs, answer })
    }
  }

  /** Takes in who holds what: everything, or what has changed. */
  #show(taken: readonly LockState[], freed: readonly string[] | undefined): void {
    const shown = new Map(freed === undefined ? nothing : this.#shown)
    for (const resource of freed ?? []) shown.delete(resource)
    for (const lock of taken) {
      shown.set(lock.resource, { ...lock, isOwn: lock.session === this.#session.id })
    }
    this.#shown = shown
    if (this.#live) {
      for (const handle of [...this.#handles.values()]) {
        const lock = shown.get(handle.resource)
        if (handle.phase === 'held' && lock?.isOwn !== true) this.#lose(handle, lock ? 'taken' : 'expired')
      }
    }
    this.#changed()
  }

  /** The channel is live, and what stands in `#shown` is so. */
  #begin(): void {
    if (this.#live) return
    this.#live = true
    for (const handle of this.#handles.values()) {
      const lock = this.#shown.get(handle.resource)
      // The server never saw the connection go.
      if (handle.phase === 'away' && lock?.isOwn === true) this.#hold(handle, lock.token)
      else this.#ask(handle)
    }
  }

  #locked(id: number, token: number): void {
    const handle = [...this.#handles.values()].find(({ request }) => request === id)
    if (handle !== undefined) this.#hold(handle, token)
  }

  #hold(handle: LockHandle, token: number): void {
    const { phase } = handle
    handle.request = undefined
    handle.phase = 'held'
    handle.token = token
    this.#renewLater(handle)
    this.#awaiting.get(handle)?.resolve()
    this.#awaiting.delete(handle)
    if (phase === 'away') handle.tell('restored')
    if (phase !== 'held') this.#changed()
  }

  #failed({ id, error }: ErrorMessage): void {
    const handle = [...this.#handles.values()].find(({ request }) => request !== undefined && request === id)
    if (handle === undefined) return
    this.#refuse(handle, new LockError(error.code, error.message))
    this.#lose(handle, error.code === 'lock_held' ? 'taken' : 'refused')
  }

  #answer(handle: LockHandle | undefined, session: string, yes: boolean): void {
    if (handle?.phase !== 'held' || !this.#live) return
    const { channel } = this
    this.#send({
      type: 'answer',
      id: requestNumber(),
      channel,
      resource: handle.resource,
      session,
      yield: yes,
    })
    if (!yes) return
    this.#handles.delete(handle.resource)
    handle.cancelRenewal?.()
    handle.phase = 'released'
    handle.tell('released')
    this.#changed()
  }

  // ---- ends -----------------------------------------------------------------------------------------

  #lose(handle: LockHandle, reason: LostReason): void {
    if (this.#handles.get(handle.resource) === handle) this.#handles.delete(handle.resource)
    handle.cancelRenewal?.()
    handle.phase = 'lost'
    handle.lost = reason
    handle.tell('lost', reason)
    this.#changed()
  }

  #refuse(handle: LockHandle, error: LockError): void {
    this.#awaiting.get(handle)?.reject(error)
    this.#awaiting.delete(handle)
  }

  /** What was under way is void; what was held has been released, and is asked for again. */
  #disconnected(): void {
    if (!this.#live && this.#shown === nothing) return
    this.#live = false
    this.#shown = nothing
    for (const handle of this.#handles.values()) {
      handle.request = undefined
      handle.cancelRenewal?.()
      if (handle.phase === 'held') handle.phase = 'away'
    }
    this.#changed()
  }

  /** The channel is not the page's any more. */
  #end(state: 'idle' | 'revoked' | 'refused'): void {
    this.#live = false
    this.#shown = nothing
    for (const handle of [...this.#handles.values()]) {
      this.#refuse(
        handle,
        new LockError('no_channel', `The page is not subscribed to ${this.channel} any more.`),
      )
      this.#lose(handle, state)
    }
    this.#changed()
  }

  #changed(): void {
    this.#listeners.tell(this.#report)
  }
}
