import { useCallback, useEffect, useMemo, useSyncExternalStore } from 'react'
import type { Client } from '../index.ts'
import {
  type ChannelLocks,
  type Lock,
  LockError,
  type LockOptions,
  type LockPhase,
  type LockQuestion,
  type LostReason,
  locksOf,
  type ShownLock,
} from '../locks/index.ts'
import type { NamedChannel } from './named-channel.ts'
import { useClient } from './provider.ts'

/** A resource as one component sees it. */
export interface LockView {
  /** Who holds it, this page or another. */
  readonly holder: ShownLock | undefined
  /** How it stands with this component's own lock; undefined: it has not asked. */
  readonly phase: LockPhase | undefined
  /** Fencing token of the own lock; 0 unless it is held. */
  readonly token: number
  /** Why the own lock is gone, once its phase is `lost`. */
  readonly lost: LostReason | undefined
  /** Somebody else would like to have the own lock. */
  readonly question: LockQuestion | undefined
  /** Takes the lock. Resolves with whether it is held: a refusal shows in `phase`, or in `holder`. */
  acquire(options?: LockOptions): Promise<boolean>
  release(): void
}

/** A resource of a channel that the page is subscribed to. The own lock is let go when the component goes. */
export function useLock(channel: NamedChannel, resource: string, options: LockOptions = {}): LockView {
  const client = useClient()
  const { name } = channel
  const model = useMemo(() => new LockModel(client, name, resource), [client, name, resource])
  useEffect(() => () => model.release(), [model])
  const view = useSyncExternalStore(model.subscribe, model.view, () => free)
  return { ...view, acquire: (other) => model.acquire({ ...options, ...other }), release: model.release }
}

/** All locks of a channel, by resource. */
export function useLocks(channel: NamedChannel): ReadonlyMap<string, ShownLock> {
  const client = useClient()
  const { name } = channel
  const locks = useMemo(() => locksOf(client, name), [client, name])
  const subscribe = useCallback((listener: () => void) => locks.subscribe(listener), [locks])
  return useSyncExternalStore(
    subscribe,
    () => locks.all(),
    () => none,
  )
}

type Shown = Omit<LockView, 'acquire' | 'release'>

/** A page comes with rows alone: its first render equals the server's. */
const none: ReadonlyMap<string, ShownLock> = new Map()
const free: Shown = { holder: undefined, phase: undefined, token: 0, lost: undefined, question: undefined }

/** One component's lock, as a store that React can look at. */
class LockModel {
  readonly #locks: ChannelLocks
  readonly #resource: string
  /** Ends what was asked for last. */
  #attempt: AbortController | undefined
  #lock: Lock | undefined
  #question: LockQuestion | undefined
  #phase: LockPhase | undefined
  #shown: Shown | undefined
  readonly #listeners = new Set<() => void>()

  constructor(client: Client, channel: string, resource: string) {
    this.#locks = locksOf(client, channel)
    this.#resource = resource
  }

  subscribe = (listener: () => void): (() => void) => {
    const stop = this.#locks.subscribe(listener)
    this.#listeners.add(listener)
    return () => {
      stop()
      this.#listeners.delete(listener)
    }
  }

  /** The same object until something that it shows has changed. */
  view = (): Shown => {
    const phase = this.#lock?.phase ?? this.#phase
    const isHeld = phase === 'held'
    const now: Shown = {
      holder: this.#locks.get(this.#resource),
      phase,
      token: isHeld ? (this.#lock?.token ?? 0) : 0,
      lost: this.#lock?.lost,
      question: isHeld ? this.#question : undefined,
    }
    const { holder, token, lost, question } = now
    const last = this.#shown
    const isSame =
      last?.holder === holder &&
      last?.phase === phase &&
      last?.token === token &&
      last?.lost === lost &&
      last?.question === question
    if (last === undefined || !isSame) this.#shown = now
    return this.#shown ?? now
  }

  acquire = async (options: LockOptions): Promise<boolean> => {
    const phase = this.#lock?.phase
    if (phase === 'held' || phase === 'away') return true
    this.#attempt?.abort()
    const attempt = new AbortController()
    this.#attempt = attempt
    this.#lock = undefined
    this.#become('waiting')
    try {
      const lock = await this.#locks.lock(this.#resource, { ...options, signal: attempt.signal })
      this.#lock = lock
      lock.on('asked', (question) => {
        this.#question = question
        this.#become(undefined)
      })
      this.#become(undefined)
      return true
    } catch (error) {
      if (!(error instanceof LockError)) throw error
      if (this.#attempt === attempt) this.#become('lost')
      return false
    }
  }

  release = (): void => {
    this.#attempt?.abort()
    this.#attempt = undefined
    this.#lock?.unlock()
    this.#lock = undefined
    this.#become(undefined)
  }

  #become(phase: LockPhase | undefined): void {
    this.#phase = phase
    if (phase !== undefined) this.#question = undefined
    for (const listener of this.#listeners) listener()
  }
}
