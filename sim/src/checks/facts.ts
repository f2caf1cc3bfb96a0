import type { HistoryEvent, Rights, Shown } from '../history/history.ts'
import { Ledger } from './ledger.ts'

export type Audience = Rights['audience']

/** Where one subscription of a client stands on its wire. */
export interface Stream {
  phase: 'asked' | 'filling' | 'live'
  /** Whether the client asked to go on from a position. */
  readonly resumed: boolean
  /** Everything up to here has come in; undefined: nothing to go on from. */
  epoch: string | undefined
  lsn: number
  /** A reset has come, and no snapshot since. */
  reset: boolean
}

/** A room on a page. */
export interface RoomFacts {
  shown: Shown | undefined
  /** State that the application was told last. */
  told: string | undefined
  stream: Stream | undefined
}

export interface PendingWrite {
  readonly write: string
  readonly room: string
  readonly counter: string
  /** What is shown of the counter while it is pending; undefined: not known. */
  n: number | undefined
}

/** A page of a client, from `opened` to the next. */
export interface PageFacts {
  readonly client: string
  readonly user: string
  open: boolean
  session: string
  /** All that it has had. */
  readonly sessions: Set<string>
  /** State of the connection that the application was told last. */
  connection: string
  readonly rooms: Map<string, RoomFacts>
  readonly writes: Map<string, PendingWrite>
  /**
   * Counters whose write was told as done because the stream had ended for now: what it made of them stays on show until
   * the stream has passed it.
   */
  readonly lingering: Set<string>
}

/**
 * What the history has told so far, for all checkers. What servers and applications decide is taken in before the
 * checkers see the event, what clients show after: a checker sees what was there before.
 */
export class Facts {
  readonly ledger: Ledger = new Ledger()
  readonly pages: Map<string, PageFacts> = new Map()
  /** User of each session that was ever seen. */
  readonly users: Map<string, string> = new Map()
  #clients: Readonly<Record<string, string>> = {}
  /** Room and user to the audiences that may still be in force: the last one is the decided one. */
  readonly #rights = new Map<string, Audience[]>()
  readonly #everMember = new Set<string>()

  before(event: HistoryEvent): void {
    switch (event.kind) {
      case 'begin':
        this.ledger.begin(event)
        this.#clients = event.clients
        break
      case 'commit':
        this.ledger.take(event)
        break
      case 'rights':
        this.#decide(event)
        break
      case 'page':
        this.#page(event.client, event.what, event.session)
        break
    }
  }

  after(event: HistoryEvent): void {
    switch (event.kind) {
      case 'shown':
        this.room(event.client, event.room).shown = event
        break
      case 'cleared':
        this.room(event.client, event.room).shown = undefined
        // With the rows goes what pending writes made of them.
        for (const write of this.page(event.client).writes.values())
          if (write.room === event.room) write.n = undefined
        break
      case 'told':
        if (event.room === undefined) this.page(event.client).connection = event.state
        else this.room(event.client, event.room).told = event.state
        break
      case 'subscription':
        this.#subscribe(event.client, event.room, event)
        break
      case 'position':
        moveStream(this.room(event.client, event.room).stream, event)
        break
      case 'write': {
        const { write, room, counter } = event
        const shown = this.room(event.client, room).shown?.counters[counter]
        const n = event.n ?? (shown === undefined ? undefined : shown + 1)
        this.page(event.client).writes.set(write, { write, room, counter, n })
        break
      }
      case 'written': {
        const page = this.page(event.client)
        const written = page.writes.get(event.write)
        page.writes.delete(event.write)
        if (written !== undefined && event.outcome === 'done' && page.connection === 'refused')
          page.lingering.add(written.counter)
        break
      }
    }
  }

  /** @throws Error where the client has never opened one */
  page(client: string): PageFacts {
    const page = this.pages.get(client)
    if (page === undefined) throw new Error(`history: client ${client} has opened no page`)
    return page
  }

  room(client: string, room: string): RoomFacts {
    const { rooms } = this.page(client)
    let facts = rooms.get(room)
    if (facts === undefined) {
      facts = { shown: undefined, told: undefined, stream: undefined }
      rooms.set(room, facts)
    }
    return facts
  }

  /** What the application has decided. */
  audience(user: string, room: string): Audience {
    return this.#rights.get(rightKey(user, room))?.at(-1) ?? false
  }

  /** The audiences that some server may still act on. */
  inForce(user: string, room: string): readonly Audience[] {
    return this.#rights.get(rightKey(user, room)) ?? [false]
  }

  everMember(user: string, room: string): boolean {
    return this.#everMember.has(rightKey(user, room))
  }

  #decide({ user, room, audience, settled }: Rights): void {
    const key = rightKey(user, room)
    if (audience === 'member') this.#everMember.add(key)
    const audiences = this.#rights.get(key) ?? [false]
    if (!settled) this.#rights.set(key, [...audiences, audience])
    else {
      // What was decided after what has settled now is still on its way.
      const index = audiences.lastIndexOf(audience)
      this.#rights.set(key, index === -1 ? [audience] : audiences.slice(index))
    }
  }

  #page(client: string, what: 'opened' | 'session' | 'closed', session: string): void {
    const user = this.#clients[client]
    if (user === undefined) throw new Error(`history: there is no client ${client}`)
    this.users.set(session, user)
    if (what === 'opened') {
      this.pages.set(client, {
        client,
        user,
        open: true,
        session,
        sessions: new Set([session]),
        connection: 'connecting',
        rooms: new Map(),
        writes: new Map(),
        lingering: new Set(),
      })
      return
    }
    const page = this.page(client)
    page.session = session
    page.sessions.add(session)
    if (what === 'closed') page.open = false
  }

  #subscribe(
    client: string,
    room: string,
    { what, epoch, lsn = 0 }: { what: string; epoch?: string; lsn?: number },
  ): void {
    const facts = this.room(client, room)
    if (what === 'asked') {
      facts.stream = { phase: 'asked', resumed: epoch !== undefined, epoch, lsn, reset: false }
    } else if (what === 'granted') {
      if (facts.stream !== undefined) facts.stream.phase = 'filling'
    } else facts.stream = undefined
  }
}

function rightKey(user: string, room: string): string {
  return JSON.stringify([user, room])
}

function moveStream(stream: Stream | undefined, event: Extract<HistoryEvent, { kind: 'position' }>): void {
  if (stream === undefined) return
  const { type, epoch, lsn } = event
  if (type === 'reset') {
    stream.phase = 'filling'
    stream.reset = true
    return
  }
  if (type === 'snapshot') {
    stream.reset = false
    stream.lsn = lsn
  } else stream.lsn = stream.epoch === epoch ? Math.max(stream.lsn, lsn) : lsn
  stream.epoch = epoch
  if (type === 'live') stream.phase = 'live'
}
