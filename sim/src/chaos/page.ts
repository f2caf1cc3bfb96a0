import { createClient, platformRuntime, type Runtime, WriteError } from '@lockstep/client'
import { type ChannelLocks, LockError, locksOf } from '@lockstep/client/locks'
import { type ChannelPresence, presenceOf } from '@lockstep/client/presence'
import type { PageSession, PageState } from '@lockstep/protocol'
import { Random } from '../random/random.ts'
import type { Raise } from './bank-server.ts'
import { type Carrier, carrierTransport, recorded } from './carriers.ts'
import { countersPerRoom, rooms } from './opening.ts'
import type { Recorder } from './recorder.ts'
import { type BankClient, type View, Witness } from './witness.ts'

export interface PageOptions {
  readonly client: string
  readonly user: string
  /** Pages of this client before this one. */
  readonly number: number
  readonly port: number
  readonly carrier: Carrier
  /** The server renders the rows into it. */
  readonly rendered: boolean
  readonly seed: number
}

/** How a page stands in a room. */
export interface RoomState {
  readonly state: string
  readonly view: View | undefined
  readonly locks: Readonly<Record<string, string>>
  readonly present: readonly string[]
}

export interface PageStanding {
  readonly client: string
  readonly session: string
  readonly state: string
  readonly pendingWrites: number
  readonly rooms: Readonly<Record<string, RoomState>>
}

/** Answers of the server that a page must live with: rights change, and databases are away. */
const refusals = new Set(['forbidden', 'no_channel', 'unavailable', 'not_holder'])
const writesMax = 4
const actionMsMin = 150
const actionMsMax = 1_200
const holdMsMax = 2_500
/** After which a page that was refused asks again, as one whose user clicks on it. */
const retryMs = 2_000
const openRetryMs = 300
const resources = ['till', 'safe']

/** A page of a user, who does something in it from time to time. */
export class Page {
  readonly #options: PageOptions
  readonly #recorder: Recorder
  readonly #random: Random
  readonly #timers = new Set<NodeJS.Timeout>()
  #client: BankClient | undefined
  #witness: Witness | undefined
  #locks = new Map<string, ChannelLocks>()
  #presence = new Map<string, ChannelPresence>()
  #session = ''
  #writes = 0
  #quiet = false
  #closed = false

  constructor(options: PageOptions, recorder: Recorder) {
    this.#options = options
    this.#recorder = recorder
    this.#random = Random.named(options.seed, `${options.client} ${options.number}`)
    void this.#open()
  }

  async #open(): Promise<void> {
    const { client, carrier, rendered } = this.#options
    let page: PageState | undefined
    while (page === undefined && !this.#closed) {
      try {
        page = await this.#load(rendered)
      } catch {
        await new Promise((resolve) => setTimeout(resolve, openRetryMs))
      }
    }
    if (page === undefined || this.#closed) return
    const { session, snapshots } = page
    this.#begin('opened', session)
    const url = `${this.#base}/lockstep`
    const made: BankClient = createClient(
      rendered ? { page: { url, session, snapshots } } : { url, session },
      {
        runtime: this.#runtime(),
        transport: recorded(client, carrierTransport(carrier, this.#base), this.#recorder),
        renew: () => this.#renew(),
        lingerMs: 50,
        onError: (error) => this.#broken(error),
        connect: false,
      },
    )
    this.#client = made
    const onError = (error: unknown): void => this.#broken(error)
    for (const room of rooms) {
      this.#locks.set(room, locksOf(made, `room/${room}`, { onError }))
      this.#presence.set(room, presenceOf(made, `room/${room}`, { onError }))
    }
    this.#witness = new Witness(client, made, rooms, this.#recorder)
    for (const room of rooms) made.channel(`room/${room}`)
    made.connect()
    this.#later(retryMs, () => this.#askAgain())
    this.#later(actionMsMin, () => this.#act())
  }

  get #base(): string {
    return `http://127.0.0.1:${this.#options.port}`
  }

  #runtime(): Runtime {
    const { user } = this.#options
    return {
      ...platformRuntime,
      fetch: (url, request) =>
        platformRuntime.fetch(url, { ...request, headers: { ...request.headers, 'x-user': user } }),
    }
  }

  async #load(rendered: boolean): Promise<PageState> {
    if (!rendered) return { url: '', session: await this.#requestSession(), snapshots: [] }
    const reply = await fetch(`${this.#base}/page`, { headers: { 'x-user': this.#options.user } })
    if (!reply.ok) throw new Error(`status ${reply.status}`)
    return (await reply.json()) as PageState // our own server's page
  }

  async #requestSession(): Promise<PageSession> {
    const reply = await fetch(`${this.#base}/lockstep/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-user': this.#options.user },
      body: '{}',
    })
    if (!reply.ok) throw new Error(`status ${reply.status}`)
    return (await reply.json()) as PageSession // the answer of H3
  }

  async #renew(): Promise<PageSession> {
    const session = await this.#requestSession()
    if (!this.#closed) this.#begin('session', session)
    return session
  }

  #begin(what: 'opened' | 'session', { id }: PageSession): void {
    this.#session = id
    this.#recorder.record({ kind: 'page', client: this.#options.client, what, session: id })
  }

  /** What the server said no to is not broken; what has no code of the protocol is. */
  #broken(error: unknown): void {
    if (refusals.has(Object(error).code)) return
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.#recorder.record({ kind: 'broken', of: this.#options.client, message })
  }

  #later(afterMs: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      if (!this.#closed) run()
    }, afterMs)
    this.#timers.add(timer)
  }

  // ---- what its user does ---------------------------------------------------------------------------

  #act(): void {
    if (!this.#quiet) {
      const room = this.#random.of(rooms)
      const drawn = this.#random.next()
      if (drawn < 0.5) this.#write(room)
      else if (drawn < 0.8) void this.#lock(room)
      else if (drawn < 0.9) this.#presence.get(room)?.set({ at: this.#random.below(100) })
      else this.#presence.get(room)?.broadcast('pointer', { x: this.#random.below(100) })
    }
    this.#later(this.#random.between(actionMsMin, actionMsMax), () => this.#act())
  }

  #write(room: string): void {
    const client = this.#client
    const counter = `${room}-${this.#random.below(countersPerRoom)}`
    const shown = this.#witness?.view(room)?.counters[counter]
    const raise: Raise = {
      write: `${this.#options.client}-${this.#options.number}-${this.#writes++}`,
      refuse: this.#random.chance(0.1),
      note: this.#random.chance(0.3),
    }
    if (client === undefined || shown === undefined || client.pendingWrites >= writesMax) return
    const { write } = raise
    const about = { client: this.#options.client, write }
    this.#recorder.record({ kind: 'write', ...about, room, counter, n: shown + 1 })
    client
      .channel(`room/${room}`, { subscribe: false })
      .write({
        url: `${this.#base}/counters/${room}/${counter}`,
        body: raise,
        optimistic: (tx) => tx.update('counters', counter, { n: shown + 1 }),
      })
      .then(
        () => 'done',
        (error) => (error instanceof WriteError ? error.code : this.#broken(error)) ?? 'internal',
      )
      .then((outcome) => {
        const n = this.#witness?.view(room)?.counters[counter]
        if (this.#closed) return
        this.#recorder.record({ kind: 'written', ...about, outcome, ...(n === undefined ? {} : { n }) })
      })
  }

  async #lock(room: string): Promise<void> {
    const locks = this.#locks.get(room)
    const resource = this.#random.of(resources)
    const leaseMs = this.#random.chance(0.3) ? 3_000 : undefined
    const waitMs = this.#random.chance(0.5) ? this.#random.between(1, 4_000) : undefined
    const holdMs = this.#random.below(holdMsMax)
    if (locks === undefined) return
    try {
      const lock = await locks.lock(resource, {
        doing: 'counting',
        ...(leaseMs === undefined ? {} : { leaseMs }),
        ...(waitMs === undefined ? {} : { waitMs, ask: true }),
      })
      const record = (what: 'held' | 'let-go'): void => {
        if (this.#closed) return
        const session = this.#client?.sessionId ?? ''
        this.#recorder.record({ kind: 'lock', what, room, resource, session, token: lock.token })
      }
      record('held')
      lock.on('restored', () => record('held'))
      lock.on('lost', () => record('let-go'))
      lock.on('released', () => record('let-go'))
      lock.on('asked', ({ answer }) => answer(true))
      this.#later(holdMs, () => lock.unlock())
    } catch (error) {
      if (!(error instanceof LockError)) this.#broken(error)
    }
  }

  #askAgain(): void {
    const client = this.#client
    if (client?.status.state === 'refused') client.connect()
    for (const room of rooms) {
      const channel = client?.channel(`room/${room}`, { subscribe: false })
      if (channel?.status.state !== 'revoked' && channel?.status.state !== 'refused') continue
      channel.leave()
      // It lingers for a moment, and is then left.
      this.#later(openRetryMs, () => client?.channel(`room/${room}`))
    }
    this.#later(retryMs, () => this.#askAgain())
  }

  // ---- for whoever runs it --------------------------------------------------------------------------

  /** Does nothing from now on. */
  quiet(): void {
    this.#quiet = true
  }

  standing(): PageStanding {
    const client = this.#client
    return {
      client: this.#options.client,
      session: client?.sessionId ?? '',
      state: client?.status.state ?? 'connecting',
      pendingWrites: client?.pendingWrites ?? 0,
      rooms: Object.fromEntries(rooms.map((room) => [room, this.#room(room)])),
    }
  }

  #room(room: string): RoomState {
    const locks = [...(this.#locks.get(room)?.all() ?? [])]
    return {
      state: this.#client?.channel(`room/${room}`, { subscribe: false }).status.state ?? 'idle',
      view: this.#witness?.view(room),
      locks: Object.fromEntries(locks.map(([resource, { session }]) => [resource, session])),
      present: [...(this.#presence.get(room)?.all().keys() ?? [])],
    }
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#timers) clearTimeout(timer)
    const client = this.#client
    if (client === undefined) return
    this.#witness?.close()
    const { client: name } = this.#options
    client.close()
    this.#recorder.record({ kind: 'page', client: name, what: 'closed', session: this.#session })
  }
}
