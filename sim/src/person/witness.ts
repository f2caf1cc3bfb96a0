import type { ChannelOf, Collection } from '@lockstep/client'
import { type ChannelLocks, locksOf } from '@lockstep/client/locks'
import { operationsOf } from '@lockstep/client/operations'
import { type ChannelPresence, presenceOf } from '@lockstep/client/presence'
import type { AccountRow, BankRows, CounterRow, EntryRow, RoomRow } from '../bank/bank.ts'
import type { Final, Shown } from '../history/history.ts'
import type { Journal } from '../run/journal.ts'
import type { Page } from './page.ts'

type RoomChannel = ChannelOf<BankRows>

/** A room as a page has it. */
export interface WatchedRoom {
  readonly room: string
  readonly channel: RoomChannel
  readonly locks: ChannelLocks
  readonly presence: ChannelPresence
  /** What was taken down last, by identity. */
  seen: readonly unknown[]
}

type View = Pick<Shown, 'version' | 'accounts' | 'entries' | 'memos' | 'counters'>

/** Takes down what a page shows, each time that its listeners are told. */
export class Witness {
  readonly rooms: Map<string, WatchedRoom> = new Map()
  readonly #name: string
  readonly #page: Page
  readonly #journal: Journal

  constructor(name: string, page: Page, journal: Journal) {
    this.#name = name
    this.#page = page
    this.#journal = journal
    page.client.onStatus((status) => {
      const reason = status.state === 'refused' ? { reason: status.reason } : {}
      this.#journal.add({ kind: 'told', client: name, state: status.state, ...reason })
      if (status.state === 'live') this.#showAll()
    })
  }

  /** Watches a room that the page needs from now on, or that came with it. */
  watch(room: string): WatchedRoom {
    const known = this.rooms.get(room)
    if (known !== undefined) return known
    const { client, runtime } = this.#page
    const channel = client.channel(`room/${room}`, { subscribe: false })
    const options = { runtime, onError: (error: unknown) => this.#report(error) }
    const watched: WatchedRoom = {
      room,
      channel,
      locks: locksOf(client, `room/${room}`, options),
      presence: presenceOf(client, `room/${room}`, options),
      seen: [],
    }
    this.rooms.set(room, watched)
    for (const collection of collectionsOf(channel)) collection.subscribe(() => this.show())
    channel.onStatus((status) => this.#told(watched, status))
    operationsOf(channel, options).registerCallback('bank/note', (envelope) => {
      const n = Number(Object(envelope).n)
      this.#journal.add({ kind: 'operation', client: this.#name, room, n, session: client.sessionId })
    })
    watched.presence.subscribe(() => {
      const sessions = [...watched.presence.all().keys()]
      this.#journal.add({ kind: 'presence', client: this.#name, room, sessions })
    })
    return watched
  }

  /** Takes down what differs from the last time: all rooms that one change touched, one after the other. */
  show(): void {
    for (const watched of this.rooms.values()) {
      const now = collectionsOf(watched.channel).map((collection) => collection.all())
      if (now.every((rows, i) => rows === watched.seen[i])) continue
      watched.seen = now
      this.#showRoom(watched)
    }
  }

  final(watched: WatchedRoom, server: Pick<Final, 'locks' | 'presence'>): void {
    const { client } = this.#page
    const { room, channel } = watched
    const isLive = client.status.state === 'live' && channel.status.state === 'live'
    const { state: own } = channel.status
    const isEnd = own !== 'live' && own !== 'subscribing'
    const state = isLive ? 'live' : isEnd ? own : `client ${client.status.state}, room ${own}`
    this.#journal.add({
      kind: 'final',
      client: this.#name,
      room,
      state,
      ...(isLive ? viewOf(channel) : {}),
      ...server,
      pendingWrites: client.pendingWrites,
    })
  }

  #showAll(): void {
    for (const watched of this.rooms.values()) {
      if (watched.channel.status.state === 'live') this.#showRoom(watched)
    }
  }

  #showRoom({ room, channel }: WatchedRoom): void {
    const view = viewOf(channel)
    if (view === undefined) return
    this.#journal.add({ kind: 'shown', client: this.#name, room, ...view, live: this.#isLive() })
  }

  /** Whether all rooms are up to date, and so agree. */
  #isLive(): boolean {
    if (this.#page.client.status.state !== 'live') return false
    return [...this.rooms.values()].every(({ channel: { status } }) => status.state !== 'subscribing')
  }

  #told(watched: WatchedRoom, status: RoomChannel['status']): void {
    const { room } = watched
    // Its rows go with it; where they do not, it shows nothing else instead.
    const isEnd = status.state !== 'live' && status.state !== 'subscribing'
    if (isEnd && watched.channel.collection('rooms').size === 0) {
      watched.seen = []
      this.#journal.add({ kind: 'cleared', client: this.#name, room })
    }
    const reason = reasonOf(status)
    const why = reason === undefined ? {} : { reason }
    this.#journal.add({ kind: 'told', client: this.#name, room, state: status.state, ...why })
  }

  /** Refusals of what somebody tried are none of our faults. */
  #report(error: unknown): void {
    if (['forbidden', 'no_channel'].includes(Object(error).code)) return
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.#journal.add({ kind: 'broken', of: this.#name, message })
  }
}

function reasonOf(status: RoomChannel['status']): string | undefined {
  if (status.state === 'refused') return status.error.code
  return status.state === 'live' ? status.reset : undefined
}

function collectionsOf(
  channel: RoomChannel,
): readonly [Collection<RoomRow>, Collection<AccountRow>, Collection<EntryRow>, Collection<CounterRow>] {
  return [
    channel.collection('rooms'),
    channel.collection('accounts'),
    channel.collection('entries'),
    channel.collection('counters'),
  ]
}

/** Undefined where it shows nothing of the room. */
function viewOf(channel: RoomChannel): View | undefined {
  const [rooms, accounts, entries, counters] = collectionsOf(channel)
  const [room] = rooms.all()
  if (room === undefined) return undefined
  return {
    version: room.version,
    accounts: Object.fromEntries(accounts.all().map(({ id, balance }) => [String(id), balance])),
    entries: [...entries.all()].sort((a, b) => a.version - b.version).map(({ commit }) => commit),
    memos: accounts.all().flatMap(({ memo }) => (memo === undefined ? [] : [memo])),
    counters: Object.fromEntries(counters.all().map(({ id, n }) => [id, n])),
  }
}
