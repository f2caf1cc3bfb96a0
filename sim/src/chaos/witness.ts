import type { Channel, Client } from '@lockstep/client'
import { presenceOf } from '@lockstep/client/presence'
import type { AccountRow, BankRows, CounterRow, EntryRow, RoomRow } from '../bank/bank.ts'
import type { Recorder } from './recorder.ts'

export type BankClient = Client<{ readonly $rows?: BankRows }>

/** The rows of a room as a client shows them; arrays stay the same until something changes. */
interface Rows {
  readonly rooms: readonly RoomRow[]
  readonly accounts: readonly AccountRow[]
  readonly entries: readonly EntryRow[]
  readonly counters: readonly CounterRow[]
}

/** Of a memo, this much says where it is from. */
const memoCharsMax = 24

const tables = ['rooms', 'accounts', 'entries', 'counters'] as const

/** What a client shows of a room, without when and where. */
export interface View {
  readonly version: number
  readonly accounts: Readonly<Record<string, number>>
  readonly entries: readonly string[]
  readonly memos: readonly string[]
  readonly counters: Readonly<Record<string, number>>
}

/** Writes down all that an application on this client can see. */
export class Witness {
  readonly #name: string
  readonly #client: BankClient
  readonly #rooms: readonly string[]
  readonly #recorder: Recorder
  readonly #last = new Map<string, Rows>()
  readonly #showing = new Set<string>()
  #closed = false

  constructor(name: string, client: BankClient, rooms: readonly string[], recorder: Recorder) {
    this.#name = name
    this.#client = client
    this.#rooms = rooms
    this.#recorder = recorder
    for (const room of rooms) this.#watch(room)
    client.onStatus((status) => {
      if (this.#closed) return
      const reason = status.state === 'refused' ? { reason: status.reason } : {}
      this.#recorder.record({ kind: 'told', client: name, state: status.state, ...reason })
    })
    this.#look()
  }

  close(): void {
    this.#closed = true
  }

  /** Undefined where nothing is shown of it. */
  view(room: string): View | undefined {
    return viewOf(this.#rows(room), room)
  }

  #channel(room: string): Channel<BankRows> {
    return this.#client.channel(`room/${room}`, { subscribe: false })
  }

  #watch(room: string): void {
    const client = this.#name
    const channel = this.#channel(room)
    for (const table of tables) channel.collection(table).subscribe(() => this.#look())
    channel.onStatus((status) => {
      if (this.#closed) return
      const reason =
        status.state === 'live' ? status.reset : status.state === 'refused' ? status.error.code : undefined
      this.#recorder.record({
        kind: 'told',
        client,
        room,
        state: status.state,
        ...(reason === undefined ? {} : { reason }),
      })
    })
    channel.on('bank/note', (envelope) => {
      if (this.#closed) return
      const { n } = Object(envelope)
      this.#recorder.record({
        kind: 'operation',
        client,
        room,
        n: Number(n),
        session: this.#client.sessionId,
      })
    })
    const presence = presenceOf(this.#client, `room/${room}`)
    presence.subscribe(() => {
      if (this.#closed) return
      this.#recorder.record({ kind: 'presence', client, room, sessions: [...presence.all().keys()] })
    })
  }

  /** The first listener of a change sees all of it: what the others are told of is the same. */
  #look(): void {
    if (this.#closed) return
    const at = this.#recorder.now()
    const live =
      this.#client.status.state === 'live' &&
      this.#rooms.every((room) => this.#channel(room).status.state === 'live')
    for (const room of this.#rooms) {
      const rows = this.#rows(room)
      const last = this.#last.get(room)
      if (last !== undefined && tables.every((table) => last[table] === rows[table])) continue
      this.#last.set(room, rows)
      const view = viewOf(rows, room)
      const client = this.#name
      if (view !== undefined) {
        this.#showing.add(room)
        this.#recorder.record({ kind: 'shown', client, room, live, ...view }, at)
      } else if (this.#showing.delete(room)) this.#recorder.record({ kind: 'cleared', client, room }, at)
    }
  }

  #rows(room: string): Rows {
    const channel = this.#channel(room)
    return {
      rooms: channel.collection('rooms').all(),
      accounts: channel.collection('accounts').all(),
      entries: channel.collection('entries').all(),
      counters: channel.collection('counters').all(),
    }
  }
}

function viewOf({ rooms, accounts, entries, counters }: Rows, room: string): View | undefined {
  const row = rooms.find(({ id }) => id === room)
  if (row === undefined) return undefined
  return {
    version: row.version,
    accounts: Object.fromEntries(accounts.map(({ id, balance }) => [id, balance])),
    entries: entries.toSorted((a, b) => a.version - b.version).map(({ commit }) => commit),
    memos: accounts.flatMap(({ memo }) => (memo === undefined ? [] : [memo.slice(0, memoCharsMax)])),
    counters: Object.fromEntries(counters.map(({ id, n }) => [id, n])),
  }
}
