import { type ChannelLocks, type Lock, LockError, type LockOptions } from '@lockstep/client/locks'
import type { Journal } from '../run/journal.ts'

interface Held {
  readonly token: number
  readonly session: string
}

interface Entry {
  readonly lock: Lock
  /** It ends by itself unless it is renewed. */
  readonly leased: boolean
  held: Held | undefined
}

/** The locks that a page has asked for, and what it was told of them. */
export class HeldLocks {
  readonly #journal: Journal
  readonly #session: () => string
  readonly #locks = new Map<string, Entry>()
  /** Ends the wait for those that are not held yet. */
  readonly #waiting = new Map<string, AbortController>()
  readonly #watched = new Set<ChannelLocks>()

  constructor(journal: Journal, session: () => string) {
    this.#journal = journal
    this.#session = session
  }

  async take(
    room: string,
    locks: ChannelLocks,
    resource: string,
    { yields, ...options }: LockOptions & { readonly yields: boolean },
  ): Promise<void> {
    if (!this.#watched.has(locks)) {
      this.#watched.add(locks)
      locks.subscribe(() => this.#look(room))
    }
    const place = `${room}/${resource}`
    const wait = new AbortController()
    if (!this.#waiting.has(place)) this.#waiting.set(place, wait)
    try {
      const lock = await locks.lock(resource, { ...options, signal: wait.signal })
      const entry = { lock, leased: options.leaseMs !== undefined, held: undefined }
      this.#locks.set(place, entry)
      lock.on('asked', (question) => question.answer(yields))
      this.#look(room)
    } catch (error) {
      if (!(error instanceof LockError)) throw error
    } finally {
      if (this.#waiting.get(place) === wait) this.#waiting.delete(place)
    }
  }

  release(room: string, resource: string): void {
    this.#waiting.get(`${room}/${resource}`)?.abort()
    this.#locks.get(`${room}/${resource}`)?.lock.unlock()
    this.#look(room)
  }

  /** The page is gone, and what it held with it. */
  drop(): void {
    for (const [place, entry] of this.#locks) this.#letGo(place, entry)
    this.#locks.clear()
  }

  /** What has become of the locks of a room since the last look. */
  #look(room: string): void {
    for (const [place, entry] of [...this.#locks]) {
      if (!place.startsWith(`${room}/`)) continue
      const { lock, held } = entry
      const isHeld = lock.phase === 'held'
      if (held !== undefined && (!isHeld || held.token !== lock.token)) this.#letGo(place, entry)
      if (isHeld && entry.held === undefined) {
        entry.held = { token: lock.token, session: this.#session() }
        this.#tell('held', place, entry.held)
      }
      if (lock.phase === 'released' || lock.phase === 'lost') this.#locks.delete(place)
    }
  }

  #letGo(place: string, entry: Entry): void {
    const { held, lock, leased } = entry
    entry.held = undefined
    if (held === undefined) return
    const lost = !leased && (lock.lost === 'expired' || lock.lost === 'taken')
    this.#tell('let-go', place, lost ? { ...held, lost } : held)
  }

  #tell(what: 'held' | 'let-go', place: string, held: Held & { readonly lost?: boolean }): void {
    const slash = place.indexOf('/')
    const [room, resource] = [place.slice(0, slash), place.slice(slash + 1)]
    this.#journal.add({ kind: 'lock', what, room, resource, ...held })
  }
}
