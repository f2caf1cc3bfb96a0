import type { ErrorMessage, Json, PresentState, ServerMessage } from '@lockstep/protocol'
import type { ChannelStatus } from '../channel/channel.ts'
import type { Client } from '../client.ts'
import { Listeners, type Report } from '../listeners.ts'
import { platformRuntime } from '../runtime/platform.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { insideOf, requestNumber } from '../session/inside.ts'
import type { Session } from '../session/session.ts'
import { Pace } from './pace.ts'

/** A session in the channel; `isOwn`: it is this page. */
export interface Person extends PresentState {
  readonly isOwn: boolean
}

export type BroadcastListener = (
  data: Json,
  from: { readonly session: string; readonly event: string },
) => void

/** Who is in a channel, and what they tell each other in passing. @see docs/protocol.md N1 */
export interface ChannelPresence {
  readonly channel: string
  /** Session to who it is, oldest first; the same object until something changes. */
  all(): ReadonlyMap<string, Person>
  /** How many are there beyond those. */
  readonly more: number
  /** Called after every change. */
  subscribe(listener: () => void): () => void
  /**
   * Says of this page what others are to know: what it shows, which item, what is selected. Told again after a break.
   * Of several within 0.1 s the last is sent.
   */
  set(state: Json): void
  /** Tells the others who are there now; nobody keeps it. Of several of one event within 0.05 s the last is sent. */
  broadcast(event: string, data: Json): void
  /** Hears what others broadcast. */
  on(event: string, listener: BroadcastListener): () => void
}

export interface PresenceOptions {
  /** Hears of listeners that throw, and of refusals. Default `console.error`. */
  readonly onError?: Report
  readonly runtime?: Runtime
}

const stateMs = 100
const broadcastMs = 50

const known = new WeakMap<object, Map<string, LivePresence>>()

/** The presence of a channel that the page is subscribed to, or will be. The same object for the same channel. */
export function presenceOf<S>(
  client: Client<S>,
  channel: string,
  options: PresenceOptions = {},
): ChannelPresence {
  const channels = known.get(client) ?? new Map<string, LivePresence>()
  known.set(client, channels)
  let presence = channels.get(channel)
  if (presence === undefined) {
    presence = new LivePresence(client, channel, options)
    channels.set(channel, presence)
  }
  return presence
}

const nobody: ReadonlyMap<string, Person> = new Map()

class LivePresence implements ChannelPresence {
  readonly channel: string
  more = 0
  #shown: ReadonlyMap<string, Person> = nobody
  /** The channel is live on this connection: requests may be sent. */
  #live: boolean
  /** What this page says of itself; undefined: nothing yet. */
  #state: Json | undefined
  /** Numbers of what was sent last, so that a refusal of it is known as one's own. */
  readonly #sent = new Set<number>()
  readonly #pace: Pace
  readonly #changes = new Listeners<[]>()
  readonly #heard = new Map<string, Listeners<Parameters<BroadcastListener>>>()
  readonly #session: Session
  readonly #report: Report

  constructor(client: Client<never> | Client<unknown>, channel: string, options: PresenceOptions) {
    const { runtime = platformRuntime, onError = (error) => console.error(error) } = options
    const handle = client.channel(channel, { subscribe: false })
    this.channel = channel
    this.#session = insideOf(client).session
    this.#pace = new Pace(runtime)
    this.#report = onError
    this.#live = handle.status.state === 'live'
    this.#session.listeners.add((message) => this.#hear(message))
    handle.onStatus(({ state }: ChannelStatus) => {
      if (state !== 'live') this.#gone()
    })
    client.onStatus(({ state }) => {
      if (state !== 'live' && state !== 'catching-up') this.#gone()
    })
    // Who comes later than the channel has missed what was said before `live`.
    if (this.#live) this.#session.connection.send({ type: 'look', id: requestNumber(), channel })
  }

  all(): ReadonlyMap<string, Person> {
    return this.#shown
  }

  subscribe(listener: () => void): () => void {
    return this.#changes.add(listener)
  }

  set(state: Json): void {
    this.#state = state
    this.#pace.run('', stateMs, () => this.#tellState())
  }

  broadcast(event: string, data: Json): void {
    this.#pace.run(`broadcast ${event}`, broadcastMs, () => this.#send({ type: 'broadcast', event, data }))
  }

  on(event: string, listener: BroadcastListener): () => void {
    let listeners = this.#heard.get(event)
    if (listeners === undefined) {
      listeners = new Listeners()
      this.#heard.set(event, listeners)
    }
    return listeners.add(listener)
  }

  #tellState(): void {
    if (this.#state !== undefined) this.#send({ type: 'presence', state: this.#state })
  }

  /** What cannot be sent now is not sent later: the state is told anew, and a broadcast is of the moment. */
  #send(message: { readonly type: string; readonly [field: string]: Json }): void {
    if (!this.#live) return
    const id = requestNumber()
    const [oldest] = this.#sent
    if (this.#sent.size >= sentMax && oldest !== undefined) this.#sent.delete(oldest)
    this.#sent.add(id)
    this.#session.connection.send({ ...message, id, channel: this.channel })
  }

  #hear(message: ServerMessage): void {
    if (message.type === 'welcome') this.#gone()
    else if (message.type === 'error') this.#failed(message)
    else if (!('channel' in message) || message.channel !== this.channel) return
    else if (message.type === 'connected_users') this.#show(message.users, undefined, message.more)
    else if (message.type === 'presence') this.#show(message.here, message.gone, message.more)
    else if (message.type === 'live') this.#begin()
    else if (message.type === 'broadcast' && message.session !== this.#session.id) {
      const { session, event, data } = message
      this.#heard.get(event)?.tell(this.#report, data, { session, event })
    }
  }

  #show(here: readonly PresentState[], gone: readonly string[] | undefined, more: number): void {
    const shown = new Map(gone === undefined ? nobody : this.#shown)
    for (const session of gone ?? []) shown.delete(session)
    for (const person of here) {
      shown.set(person.session, { ...person, isOwn: person.session === this.#session.id })
    }
    this.#shown = shown
    this.more = more
    this.#changes.tell(this.#report)
  }

  #begin(): void {
    if (this.#live) return
    this.#live = true
    this.#tellState()
  }

  #failed({ id, error }: ErrorMessage): void {
    if (id === undefined || !this.#sent.delete(id) || error.code === 'too_fast') return
    this.#report(Object.assign(new Error(error.message), { code: error.code }))
  }

  #gone(): void {
    if (!this.#live && this.#shown === nobody) return
    this.#live = false
    this.#shown = nobody
    this.more = 0
    this.#sent.clear()
    this.#changes.tell(this.#report)
  }
}

/** Requests whose refusal is still expected. */
const sentMax = 100
