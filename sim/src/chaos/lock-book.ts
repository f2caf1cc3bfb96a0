import type { Recorder } from './recorder.ts'

const taken = /"resource":"([^"]+)","session":"([^"]+)"[^}]*?"token":(\d+)/g

interface Held {
  readonly session: string
  readonly token: number
}

/** What a server process says of its locks, as events: who was given one, and when it was free again. */
export class LockBook {
  /** Room and resource. */
  readonly #held = new Map<string, Held>()
  /** Who had each last. */
  readonly #former = new Map<string, Held>()
  readonly #recorder: Recorder

  constructor(recorder: Recorder) {
    this.#recorder = recorder
  }

  /** The answer to who asked. It may wait for the next poll until the lock is gone again. */
  answered(at: number, session: string, room: string, resource: string, token: number): void {
    const former = this.#former.get(`${room} ${resource}`)
    if (former?.session === session && former.token === token) return
    this.#granted(at, session, room, resource, token)
  }

  /** It may be heard twice: in the answer to who asked, and by all. */
  #granted(at: number, session: string, room: string, resource: string, token: number): void {
    const before = this.#held.get(`${room} ${resource}`)
    if (before !== undefined && before.token >= token) return
    if (before !== undefined) this.#freed(at, room, resource)
    this.#held.set(`${room} ${resource}`, { session, token })
    this.#recorder.record({ kind: 'lock', what: 'granted', room, resource, session, token }, at)
    // A server that is killed must not take this with it: the client may have been told.
    this.#recorder.flush()
  }

  /** A message `locks` or `current_locks`, as one who hears all of them was sent it. */
  told(at: number, text: string): void {
    const room = /"channel":"room\/([^"]+)"/.exec(text)?.[1] ?? ''
    const freed = /"freed":\[([^\]]*)\]/.exec(text)?.[1]
    const now = [...text.matchAll(taken)]
    const kept = new Set(now.map(({ 1: resource }) => resource))
    const gone =
      freed === undefined
        ? Object.keys(this.all()[room] ?? {}).filter((resource) => !kept.has(resource))
        : [...freed.matchAll(/"([^"]+)"/g)].map(({ 1: resource = '' }) => resource)
    for (const resource of gone) this.#freed(at, room, resource)
    for (const [, resource = '', session = '', token] of now)
      this.#granted(at, session, room, resource, Number(token))
  }

  /** The process ends: what it knows of locks goes with it. */
  end(): void {
    for (const name of [...this.#held.keys()]) {
      const [room = '', resource = ''] = name.split(' ')
      this.#freed(this.#recorder.now(), room, resource)
    }
  }

  /** Room to resource to the session that holds it. */
  all(): Record<string, Record<string, string>> {
    const rooms: Record<string, Record<string, string>> = {}
    for (const [name, { session }] of this.#held) {
      const [room = '', resource = ''] = name.split(' ')
      rooms[room] = { ...rooms[room], [resource]: session }
    }
    return rooms
  }

  #freed(at: number, room: string, resource: string): void {
    const held = this.#held.get(`${room} ${resource}`)
    if (held === undefined) return
    this.#held.delete(`${room} ${resource}`)
    this.#former.set(`${room} ${resource}`, held)
    this.#recorder.record({ kind: 'lock', what: 'freed', room, resource, ...held }, at)
  }
}
