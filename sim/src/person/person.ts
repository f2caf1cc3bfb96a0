import type { PageState } from '@lockstep/protocol'
import type { Posting } from '../bank/books.ts'
import { counterOf } from '../bank/books.ts'
import type { Owner } from '../clock/owner.ts'
import type { Scheduler } from '../clock/scheduler.ts'
import type { WallClock } from '../clock/wall-clock.ts'
import type { Line } from '../network/line.ts'
import { Random } from '../random/random.ts'
import type { Journal } from '../run/journal.ts'
import { HeldLocks } from './held-locks.ts'
import { Page } from './page.ts'
import { Witness } from './witness.ts'

export interface PersonParts {
  readonly name: string
  readonly user: string
  readonly seed: number
  readonly scheduler: Scheduler
  readonly device: Owner
  readonly clock: WallClock
  readonly line: Line
  readonly journal: Journal
  /** Rooms that a new page shows. */
  readonly rooms: readonly string[]
  readonly mountPath: string
}

/** After how long somebody loads a page again that did not come, in ms. */
const patienceMs = 1_500

/** Somebody before a browser: one page at a time, and what they do on it. */
export class Person {
  readonly name: string
  readonly user: string
  readonly line: Line
  readonly device: Owner
  readonly clock: WallClock
  readonly #parts: PersonParts
  #pages = 0
  #page: Page | undefined
  #witness: Witness | undefined
  #locks: HeldLocks | undefined
  /** Counts the loads: one that comes after a newer one is not shown. */
  #loads = 0
  #requests = 0

  constructor(parts: PersonParts) {
    this.#parts = parts
    this.name = parts.name
    this.user = parts.user
    this.line = parts.line
    this.device = parts.device
    this.clock = parts.clock
  }

  get page(): Page | undefined {
    return this.#page?.owner.alive === true ? this.#page : undefined
  }

  get witness(): Witness | undefined {
    return this.page === undefined ? undefined : this.#witness
  }

  // ---- pages ----------------------------------------------------------------------------------------

  /** Loads the page with its rows, which takes a while to arrive; the one before it stays until then. */
  load(holdMs: number): void {
    const load = ++this.#loads
    const rooms = this.#parts.rooms
    this.line.fetch(`/page/${rooms.join(',')}`, { method: 'GET', headers: {} }).then(
      async (reply) => {
        const text = await reply.text()
        this.device.after(holdMs, () => {
          if (load !== this.#loads) return
          // The server's own reply.
          if (reply.status === 200) this.#show({ page: JSON.parse(text) as PageState }, rooms)
          else this.#again(load, holdMs)
        })
      },
      () => this.#again(load, holdMs),
    )
  }

  /** A page without rows: its client asks for a session and for everything else. */
  open(): void {
    this.#loads++
    this.#show({ url: this.#parts.mountPath }, this.#parts.rooms)
  }

  /**
   * Whether somebody would load the page again: it says that it may not see a room, and they know that they may; or that
   * its session has ended, as after a computer slept while a new one was on its way.
   */
  wonders(maySee: (room: string) => boolean): boolean {
    const status = this.page?.client.status
    if (status?.state === 'refused' && status.reason === 'session_expired') return true
    return [...(this.witness?.rooms.values() ?? [])].some(({ room, channel: { status } }) => {
      const isTold =
        status.state === 'revoked' || (status.state === 'refused' && status.error.code === 'no_channel')
      return isTold && maySee(room)
    })
  }

  /** `killed`: the browser is gone, and nobody was told. */
  close(killed: boolean): void {
    this.#loads++
    this.#leave(killed)
  }

  #again(load: number, holdMs: number): void {
    this.device.after(patienceMs, () => {
      if (load === this.#loads) this.load(holdMs)
    })
  }

  #leave(killed: boolean): void {
    this.#locks?.drop()
    if (killed) this.#page?.kill()
    else this.#page?.close()
    this.#page = undefined
  }

  #show(source: { readonly page: PageState } | { readonly url: string }, rooms: readonly string[]): void {
    this.#leave(false)
    const { name, seed, device, clock, line, journal } = this.#parts
    const random = Random.named(seed, `${name} page ${++this.#pages}`)
    const page = new Page(source, { name, device, clock, line, random, journal })
    this.#page = page
    this.#witness = new Witness(name, page, journal)
    this.#locks = new HeldLocks(journal, () => page.client.sessionId)
    for (const room of rooms) this.#witness.watch(room)
    this.#witness.show()
    for (const room of rooms) page.client.channel(`room/${room}`)
    page.client.connect()
  }

  // ---- what they do ---------------------------------------------------------------------------------

  /** Raises a room's counter, and sees it raised at once. */
  count(room: string): void {
    const { page, witness } = this
    const watched = witness?.rooms.get(room)
    if (page === undefined || watched === undefined) return
    const { journal, name } = this.#parts
    const counter = counterOf(room)
    const shown = watched.channel.collection('counters').get(counter)
    const next = shown === undefined ? {} : { n: shown.n + 1 }
    const posting: Posting = { kind: 'count', room, counter }
    let write = ''
    // The id is drawn before the effect shows, and so the write stands before what it shows.
    page.runtime.expectId((id) => {
      write = id
      journal.add({ kind: 'write', client: name, write, room, counter, ...next })
    })
    const begun = watched.channel.write({
      url: '/write',
      body: this.#request(posting),
      optimistic: (tx) => {
        if (next.n !== undefined) tx.update('counters', counter, next)
      },
    })
    const ended = (outcome: string): void => {
      if (!page.owner.alive) return
      const n = watched.channel.collection('counters').get(counter)?.n
      journal.add({ kind: 'written', client: name, write, outcome, ...(n === undefined ? {} : { n }) })
    }
    begun.then(
      () => ended('done'),
      (error: unknown) => ended(String(Object(error).code)),
    )
  }

  /** Any other write through the page. */
  post(room: string, posting: Posting): void {
    const channel = this.witness?.rooms.get(room)?.channel
    channel?.write({ url: '/write', body: this.#request(posting) }).catch(() => {})
  }

  /** A posting under a name of its own: what is sent again is still the same. */
  #request(posting: Posting): Posting & { readonly request: string } {
    return { ...posting, request: `${this.name} ${++this.#requests}` }
  }

  subscribe(room: string): void {
    this.witness?.watch(room)
    this.page?.client.channel(`room/${room}`)
  }

  leave(room: string): void {
    this.witness?.rooms.get(room)?.channel.leave()
  }

  lock(
    room: string,
    resource: string,
    options: {
      readonly leaseMs?: number
      readonly waitMs?: number
      readonly ask?: boolean
      readonly yields: boolean
    },
  ): void {
    const locks = this.witness?.rooms.get(room)?.locks
    if (locks !== undefined) void this.#locks?.take(room, locks, resource, options)
  }

  unlock(room: string, resource: string): void {
    this.#locks?.release(room, resource)
  }

  say(room: string, state: number): void {
    this.witness?.rooms.get(room)?.presence.set({ state })
  }

  broadcast(room: string, data: number): void {
    this.witness?.rooms.get(room)?.presence.broadcast('pointer', data)
  }
}
