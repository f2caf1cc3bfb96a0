import type { Engine } from '@lockstep/server/stages'
import type { Journal } from '../run/journal.ts'

type Held = ReturnType<Engine['locks']['current']>[number]

/** Takes down which locks a server has given and let go, by looking at them between events. */
export class LockWatch {
  readonly #journal: Journal
  readonly #rooms: readonly string[]
  #known = new Map<string, Held>()

  constructor(journal: Journal, rooms: readonly string[]) {
    this.#journal = journal
    this.#rooms = rooms
  }

  /** `undefined`: the process is gone, and its locks with it. */
  look(locks: Engine['locks'] | undefined): void {
    if (this.#known.size === 0 && (locks === undefined || locks.status().held === 0)) return
    const now = new Map<string, Held>()
    for (const room of locks === undefined ? [] : this.#rooms) {
      for (const lock of locks?.current(`room/${room}`) ?? []) now.set(`${room}/${lock.resource}`, lock)
    }
    for (const [place, lock] of this.#known) {
      if (!isSame(now.get(place), lock)) this.#tell('freed', place, lock)
    }
    for (const [place, lock] of now) {
      if (!isSame(this.#known.get(place), lock)) this.#tell('granted', place, lock)
    }
    this.#known = now
  }

  #tell(what: 'granted' | 'freed', place: string, { resource, session, token }: Held): void {
    const room = place.slice(0, place.indexOf('/'))
    this.#journal.add({ kind: 'lock', what, room, resource, session, token })
  }
}

function isSame(a: Held | undefined, b: Held): boolean {
  return a !== undefined && a.session === b.session && a.token === b.token
}
