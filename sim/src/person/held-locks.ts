import { type ChannelLocks, type Lock, LockError, type LockOptions } from '@lockstep/client/locks'
import type { Journal } from '../run/journal.ts'

/** The locks that a page has asked for, and what it was told of them. */
export class HeldLocks {
  readonly #journal: Journal
  readonly #session: () => string
  readonly #locks = new Map<
    string,
    { readonly lock: Lock; held: { token: number; session: string } | undefined }
  >()
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
    try {
      const lock = await locks.lock(resource, options)
      const entry = { lock, held: undefined }
      this.#locks.set(`${room}/${resource}`, entry)
      lock.on('asked', (question) => question.answer(yields))
      this.#look(room)
    } catch (error) {
      if (!(error instanceof LockError)) throw error
    }
  }

  release(room: string, resource: string): void {
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

  #letGo(place: string, entry: { held: { token: number; session: string } | undefined }): void {
    if (entry.held !== undefined) this.#tell('let-go', place, entry.held)
    entry.held = undefined
  }

  #tell(what: 'held' | 'let-go', place: string, held: { token: number; session: string }): void {
    const slash = place.indexOf('/')
    const [room, resource] = [place.slice(0, slash), place.slice(slash + 1)]
    this.#journal.add({ kind: 'lock', what, room, resource, ...held })
  }
}
