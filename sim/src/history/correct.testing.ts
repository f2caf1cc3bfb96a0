import { entriesMax } from '../bank/bank.ts'
import { Random } from '../random/random.ts'
import type { Commit, HistoryEvent, PositionTold, Shown } from './history.ts'

interface RoomState {
  readonly version: number
  readonly accounts: Readonly<Record<string, number>>
  readonly entries: readonly string[]
  readonly counters: Readonly<Record<string, number>>
}

interface Entry {
  readonly commit: Commit
  readonly lsn: number
  /** LSN of the entry before, in each of its rooms. */
  readonly prev: Readonly<Record<string, number>>
  /** All rooms after it. */
  readonly states: Readonly<Record<string, RoomState>>
}

interface Write {
  readonly write: string
  readonly room: string
  readonly n: number
  outcome: 'sent' | 'committed' | 'refused'
}

interface Client {
  readonly client: string
  readonly user: string
  session: string
  /** Rooms on show, to how far in the log. */
  readonly shown: Map<string, number>
  readonly lastShown: Map<string, string>
  connected: boolean
  /** Epoch of its positions. */
  epoch: number
  writes: Write[]
}

const users = ['olivia', 'alice', 'guido']
const rooms = ['a', 'b', 'c']
const doors = ['door', 'desk']

/** Writes down what a correct system could have done, by a seed: what checkers must let pass. */
class CorrectRun {
  readonly events: HistoryEvent[] = []
  readonly #random: Random
  readonly #log: Entry[] = []
  #states: Record<string, RoomState> = {}
  readonly #clients: Client[] = []
  readonly #rights = new Map<string, 'member' | 'guest' | false>()
  readonly #locks = new Map<string, { session: string; token: number }>()
  #at = 0
  /** When the next heartbeat is due. */
  #beatAt = 15_000
  #lsn = 100
  /** Up to where heartbeats told that nothing was missed. */
  #end = 0
  #epoch = 1
  #number = 0
  #token = 1000

  constructor(seed: number) {
    this.#random = new Random(seed)
  }

  run(steps: number): readonly HistoryEvent[] {
    const begin = { a: { '1': 100, '2': 50 }, b: { '3': 70 }, c: {} }
    const clients = Object.fromEntries(users.map((user, i) => [`c${i + 1}`, user]))
    this.#tell({ kind: 'begin', at: 0, rooms: begin, clients })
    for (const [room, accounts] of Object.entries(begin)) {
      this.#states[room] = { version: 0, accounts, entries: [], counters: {} }
    }
    for (const user of users) {
      for (const room of rooms) this.#decide(user, room, user === 'guido' ? 'guest' : 'member')
    }
    for (const [client, user] of Object.entries(clients)) {
      const page: Client = {
        client,
        user,
        session: this.#next('s'),
        shown: new Map(),
        lastShown: new Map(),
        connected: false,
        epoch: 0,
        writes: [],
      }
      this.#clients.push(page)
      this.#tell({ kind: 'page', at: this.#at, client, what: 'opened', session: page.session })
      this.#connect(page)
    }
    for (let i = 0; i < steps; i++) this.#step()
    this.#settle()
    return this.events
  }

  #step(): void {
    this.#at += this.#random.below(2_000)
    if (this.#at > this.#beatAt) this.#heartbeat()
    const random = this.#random
    const client = random.of(this.#clients)
    const chance = random.below(100)
    if (chance < 30) this.#commit(this.#outside())
    else if (chance < 35) this.#truncate()
    else if (chance < 55) this.#deliver(client, random.chance(0.7) ? this.#log.length : undefined)
    else if (chance < 65) this.#write(client)
    else if (chance < 75) this.#serve(client)
    else if (chance < 80) this.#cut(client)
    else if (chance < 85) this.#connect(client)
    else if (chance < 88) this.#reload(client)
    else if (chance < 92) this.#change(client)
    else if (chance < 97) this.#lock(client)
    else if (chance < 98) this.#loseSlot()
    else this.#at += 10_000
  }

  // ---- the database -----------------------------------------------------------------------------------

  #outside(): Omit<Commit, 'kind' | 'at' | 'commit'> {
    const random = this.#random
    const room = random.of(rooms)
    const other = random.of(rooms)
    const { accounts } = this.#state(room)
    const accountId = Object.keys(accounts)[0]
    const touched: Record<string, { version: number; accounts: Record<string, number | null> }> = {
      [room]: { version: this.#state(room).version + 1, accounts: {} },
    }
    if (other !== room && accountId !== undefined) {
      const balance = accounts[accountId] ?? 0
      const theirs = this.#state(other)
      const [theirId] = Object.keys(theirs.accounts)
      const [mine, yours] =
        theirId === undefined || random.chance(0.5)
          ? [{ [accountId]: null }, { [accountId]: balance }]
          : [{ [accountId]: balance - 5 }, { [theirId]: (theirs.accounts[theirId] ?? 0) + 5 }]
      touched[room] = { version: this.#state(room).version + 1, accounts: mine }
      touched[other] = { version: theirs.version + 1, accounts: yours }
    }
    return random.chance(0.4)
      ? { rooms: touched, operation: { n: ++this.#number, rooms: Object.keys(touched) } }
      : { rooms: touched }
  }

  #commit(what: Omit<Commit, 'kind' | 'at' | 'commit'>): void {
    const commit: Commit = { kind: 'commit', at: this.#at, commit: this.#next('t'), ...what }
    const prev: Record<string, number> = {}
    const states = { ...this.#states }
    for (const [room, { version, accounts }] of Object.entries(commit.rooms)) {
      const before = this.#state(room)
      const after: Record<string, number> = { ...before.accounts }
      for (const [id, balance] of Object.entries(accounts)) {
        if (balance === null) delete after[id]
        else after[id] = balance
      }
      const { counter } = commit
      states[room] = {
        version,
        accounts: after,
        entries: [...before.entries, commit.commit].slice(-entriesMax),
        counters: counter?.room === room ? { ...before.counters, [counter.id]: counter.n } : before.counters,
      }
      prev[room] = this.#log.findLast((entry) => room in entry.commit.rooms)?.lsn ?? 0
    }
    this.#append({ commit, prev, states, lsn: this.#lsn++ })
  }

  #truncate(): void {
    const truncated = this.#random.chance(0.5) ? 'entries' : 'counters'
    const commit: Commit = { kind: 'commit', at: this.#at, commit: this.#next('t'), rooms: {}, truncated }
    const states: Record<string, RoomState> = {}
    for (const room of rooms) {
      const before = this.#state(room)
      states[room] = truncated === 'entries' ? { ...before, entries: [] } : { ...before, counters: {} }
    }
    this.#append({ commit, prev: {}, states, lsn: this.#lsn++ })
  }

  #append(entry: Entry): void {
    this.#states = entry.states
    this.#log.push(entry)
    this.#tell(entry.commit)
  }

  // ---- clients ----------------------------------------------------------------------------------------

  #connect(client: Client): void {
    if (client.connected) return
    client.connected = true
    this.#tell({ kind: 'told', at: this.#at, client: client.client, state: 'catching-up' })
    this.#subscribe(client, rooms)
    this.#tell({ kind: 'told', at: this.#at, client: client.client, state: 'live' })
    this.#tellPresence()
  }

  /** Asks for these rooms, and shows all of them at once when the last is there. */
  #subscribe(client: Client, wanted: readonly string[]): void {
    this.#deliver(client, this.#log.length, wanted)
    const to = this.#log.length
    const after: (() => void)[] = []
    for (const room of wanted) {
      const from = client.shown.get(room)
      if (this.#right(client, room) === false) continue
      const of = { at: this.#at, client: client.client, room }
      const asked = from === undefined ? {} : { epoch: `e${client.epoch}`, lsn: this.#lsnOf(from) }
      this.#tell({ kind: 'subscription', ...of, what: 'asked', ...asked })
      this.#tell({ kind: 'subscription', ...of, what: 'granted' })
      let reason: string | undefined
      if (from !== undefined && client.epoch === this.#epoch && this.#random.chance(0.7)) {
        reason = this.#transactions(client, room, from, to)
        after.push(() => this.#operations(client, room, from, to))
      } else {
        if (from !== undefined)
          reason = this.#reset(client, room, client.epoch === this.#epoch ? 'trimmed' : 'epoch')
        this.#position(client, room, 'snapshot', this.#lsnOf(to))
      }
      this.#position(client, room, 'live', this.#lsnOf(to))
      client.shown.set(room, to)
      const told = { kind: 'told', ...of, state: 'live' } as const
      after.push(() => this.#tell(reason === undefined ? told : { ...told, reason }))
    }
    client.epoch = this.#epoch
    this.#show(client, true)
    for (const run of after) run()
  }

  #deliver(client: Client, until?: number, except: readonly string[] = []): void {
    const shown = [...client.shown].filter(([room]) => !except.includes(room))
    const from = Math.min(...shown.map(([, index]) => index))
    if (!client.connected || shown.length === 0 || from >= this.#log.length) return
    const to = until ?? from + 1 + this.#random.below(this.#log.length - from)
    const after: (() => void)[] = []
    for (const [room] of shown) {
      const reason = this.#transactions(client, room, from, to)
      client.shown.set(room, to)
      after.push(() => this.#operations(client, room, from, to))
      const told = { kind: 'told', at: this.#at, client: client.client, room, state: 'live' } as const
      if (reason !== undefined) after.push(() => this.#tell({ ...told, reason }))
    }
    this.#show(client, true)
    for (const run of after) run()
  }

  /** Returns the reason of a reset, where there was one. */
  #transactions(client: Client, room: string, from: number, to: number): string | undefined {
    let truncated = false
    for (const { commit, lsn, prev } of this.#log.slice(from, to)) {
      truncated ||= commit.truncated !== undefined
      if (!(room in commit.rooms)) continue
      const { user, session } = client
      const withMemo = this.#right(client, room) === 'member'
      this.#tell({ kind: 'sent', at: this.#at, user, session, room, withMemo })
      this.#position(client, room, 'transaction', lsn, { prev: prev[room] ?? 0 })
    }
    if (!truncated) return undefined
    const reason = this.#reset(client, room, 'truncated')
    this.#position(client, room, 'snapshot', this.#lsnOf(to))
    this.#position(client, room, 'live', this.#lsnOf(to))
    return reason
  }

  #reset(client: Client, room: string, reason: string): string {
    this.#position(client, room, 'reset', 0, { epoch: '', reason })
    return reason
  }

  #operations(client: Client, room: string, from: number, to: number): void {
    const { session } = client
    for (const { commit } of this.#log.slice(from, to)) {
      if (!commit.operation?.rooms.includes(room) || commit.session === session) continue
      this.#tell({
        kind: 'operation',
        at: this.#at,
        client: client.client,
        room,
        n: commit.operation.n,
        session,
      })
    }
  }

  #show(client: Client, live: boolean): void {
    const answered = client.writes.filter(
      ({ write, room, outcome }) =>
        outcome === 'refused' ||
        (outcome === 'committed' &&
          this.#log
            .slice(0, client.shown.get(room) ?? Infinity)
            .some(({ commit }) => commit.write === write)),
    )
    client.writes = client.writes.filter((write) => !answered.includes(write))
    for (const room of client.shown.keys()) {
      const shown = this.#shown(client, room, live)
      const text = JSON.stringify({ ...shown, at: 0 })
      if (client.lastShown.get(room) === text) continue
      client.lastShown.set(room, text)
      this.#tell(shown)
    }
    for (const { write, room, outcome } of answered) {
      const n = client.shown.has(room) ? this.#shown(client, room, live).counters[`k${room}`] : undefined
      const ended = { kind: 'written', at: this.#at, client: client.client, write } as const
      if (outcome === 'refused') this.#tell({ ...ended, outcome: 'conflict' })
      else this.#tell(n === undefined ? { ...ended, outcome: 'done' } : { ...ended, outcome: 'done', n })
    }
  }

  #shown(client: Client, room: string, live: boolean): Shown {
    const state = this.#log[(client.shown.get(room) ?? 0) - 1]?.states[room] ?? this.#first(room)
    const accounts = Object.keys(state.accounts)
    const counters = { ...state.counters }
    for (const write of client.writes) if (write.room === room) counters[`k${room}`] = write.n
    return {
      kind: 'shown',
      at: this.#at,
      client: client.client,
      room,
      version: state.version,
      accounts: state.accounts,
      entries: state.entries,
      memos: this.#right(client, room) === 'member' ? accounts.map(() => `secret-${room}-1`) : [],
      counters,
      live: live && client.connected,
    }
  }

  #cut(client: Client): void {
    if (!client.connected) return
    client.connected = false
    const at = this.#at
    this.#tell({ kind: 'fault', at, fault: 'cut', of: client.client })
    for (const room of client.shown.keys()) {
      this.#tell({ kind: 'subscription', at, client: client.client, room, what: 'ended' })
      this.#tell({ kind: 'told', at, client: client.client, room, state: 'subscribing' })
    }
    this.#tell({ kind: 'told', at, client: client.client, state: 'offline' })
    this.#free(client)
    this.#tellPresence()
  }

  #reload(client: Client): void {
    this.#cut(client)
    this.#tell({ kind: 'page', at: this.#at, client: client.client, what: 'closed', session: client.session })
    client.shown.clear()
    client.lastShown.clear()
    // They may be committed all the same: nobody hears of it.
    for (const write of client.writes) if (write.outcome === 'sent') this.#commitWrite(client, write)
    client.writes = []
    client.session = this.#next('s')
    this.#tell({ kind: 'page', at: this.#at, client: client.client, what: 'opened', session: client.session })
    this.#connect(client)
  }

  #heartbeat(): void {
    this.#beatAt = this.#at + 15_000
    for (const client of this.#clients) {
      if (!client.connected) continue
      this.#deliver(client, this.#log.length)
      for (const room of client.shown.keys()) {
        this.#position(client, room, 'heartbeat', this.#lsn)
      }
      this.#tell({
        kind: 'measured',
        at: this.#at,
        where: 'n1',
        what: 'outbox',
        unit: 'bytes',
        size: 7,
        bound: 9,
      })
    }
    this.#end = this.#lsn++
  }

  // ---- writes, rights, locks, presence ----------------------------------------------------------------

  #write(client: Client): void {
    const [room] = client.shown.keys()
    if (room === undefined) return
    const n = (this.#shown(client, room, true).counters[`k${room}`] ?? 0) + 1
    const write: Write = { write: this.#next('w'), room, n, outcome: 'sent' }
    this.#tell({
      kind: 'write',
      at: this.#at,
      client: client.client,
      write: write.write,
      room,
      counter: `k${room}`,
      n,
    })
    client.writes.push(write)
    this.#show(client, this.#agrees(client))
  }

  #agrees(client: Client): boolean {
    return new Set(client.shown.values()).size === 1
  }

  #serve(client: Client): void {
    const write = client.writes.find(({ outcome }) => outcome === 'sent')
    if (write === undefined) return
    if (this.#random.chance(0.2)) {
      write.outcome = 'refused'
      this.#show(client, this.#agrees(client))
    } else {
      this.#commitWrite(client, write)
      write.outcome = 'committed'
    }
  }

  #commitWrite({ session }: Client, { write, room }: Write): void {
    const { version, counters } = this.#state(room)
    this.#commit({
      write,
      session,
      rooms: { [room]: { version: version + 1, accounts: {} } },
      counter: { id: `k${room}`, room, n: (counters[`k${room}`] ?? 0) + 1 },
      operation: { n: ++this.#number, rooms: [room] },
    })
  }

  #change(client: Client): void {
    const room = this.#random.of(rooms)
    const audience = this.#random.of(['member', 'guest', false] as const)
    if (audience === this.#right(client, room)) return
    const at = this.#at
    this.#tell({ kind: 'rights', at, user: client.user, room, audience, settled: false })
    this.#deliver(client, this.#log.length)
    this.#decide(client.user, room, audience)
    this.#free(client, room)
    if (client.shown.delete(room)) {
      client.lastShown.delete(room)
      if (client.connected)
        this.#tell({ kind: 'subscription', at, client: client.client, room, what: 'ended' })
      this.#tell({ kind: 'cleared', at, client: client.client, room })
      this.#tell({ kind: 'told', at, client: client.client, room, state: 'revoked' })
    }
    if (client.connected) {
      this.#subscribe(client, [room])
      this.#tellPresence()
    }
  }

  #decide(user: string, room: string, audience: 'member' | 'guest' | false): void {
    this.#rights.set(`${user} ${room}`, audience)
    this.#tell({ kind: 'rights', at: this.#at, user, room, audience, settled: true })
  }

  #lock(client: Client): void {
    const room = this.#random.of(rooms)
    if (!client.connected || !client.shown.has(room)) return
    const resource = this.#random.of(doors)
    const { session } = client
    const held = this.#locks.get(`${room}/${resource}`)
    const of = { kind: 'lock', at: this.#at, room, resource, session } as const
    if (held === undefined) {
      const token = ++this.#token
      this.#locks.set(`${room}/${resource}`, { session, token })
      this.#tell({ ...of, what: 'granted', token })
      this.#tell({ ...of, what: 'held', token })
    } else if (held.session === session) {
      this.#tell({ ...of, what: 'let-go', token: held.token })
      this.#locks.delete(`${room}/${resource}`)
      this.#tell({ ...of, what: 'freed', token: held.token })
    }
  }

  #free({ session }: Client, only?: string): void {
    for (const [name, held] of this.#locks) {
      const [room = '', resource = ''] = name.split('/')
      if (held.session !== session || (only !== undefined && room !== only)) continue
      this.#locks.delete(name)
      this.#tell({ kind: 'lock', at: this.#at, what: 'freed', room, resource, session, token: held.token })
    }
  }

  #tellPresence(): void {
    for (const { client, connected, shown } of this.#clients) {
      if (!connected) continue
      for (const room of shown.keys()) {
        this.#tell({ kind: 'presence', at: this.#at, client, room, sessions: this.#there(room) })
      }
    }
  }

  #there(room: string): string[] {
    return this.#clients
      .filter(({ connected, shown }) => connected && shown.has(room))
      .map(({ session }) => session)
  }

  #loseSlot(): void {
    this.#epoch++
    this.#tell({ kind: 'fault', at: this.#at, fault: 'slot-lost', of: 'postgres' })
    for (const client of this.#clients) {
      if (!client.connected) continue
      this.#cut(client)
      this.#connect(client)
    }
  }

  #settle(): void {
    for (const client of this.#clients) {
      while (client.writes.some(({ outcome }) => outcome === 'sent')) this.#serve(client)
    }
    for (const client of this.#clients) {
      this.#connect(client)
      this.#deliver(client, this.#log.length)
      this.#show(client, true)
    }
    this.#tellPresence()
    for (const client of this.#clients) for (const room of rooms) this.#final(client, room)
  }

  #final(client: Client, room: string): void {
    const held = Object.fromEntries(
      [...this.#locks]
        .filter(([name]) => name.startsWith(`${room}/`))
        .map(([name, { session }]) => [name.slice(room.length + 1), session]),
    )
    const there = this.#there(room)
    const live = client.shown.has(room)
    const { version, accounts, counters } = this.#shown(client, room, true)
    this.#tell({
      kind: 'final',
      at: this.#at,
      client: client.client,
      room,
      state: live ? 'live' : 'revoked',
      ...(live ? { version, accounts, counters } : {}),
      locks: { shown: live ? held : {}, held },
      presence: { shown: live ? there : [], there },
      pendingWrites: client.writes.length,
    })
  }

  // ---- small things -----------------------------------------------------------------------------------

  #position(
    client: Client,
    room: string,
    type: PositionTold['type'],
    lsn: number,
    more: Partial<Pick<PositionTold, 'epoch' | 'prev' | 'reason'>> = {},
  ): void {
    const epoch = `e${this.#epoch}`
    this.#tell({ kind: 'position', at: this.#at, client: client.client, room, type, epoch, lsn, ...more })
  }

  #lsnOf(index: number): number {
    const lsn = this.#log[index - 1]?.lsn ?? 99
    return index === this.#log.length ? Math.max(lsn, this.#end) : lsn
  }

  #right(client: Client, room: string): 'member' | 'guest' | false {
    return this.#rights.get(`${client.user} ${room}`) ?? false
  }

  #state(room: string): RoomState {
    return this.#states[room] ?? this.#first(room)
  }

  #first(room: string): RoomState {
    const begin = this.events[0]
    const accounts = begin?.kind === 'begin' ? (begin.rooms[room] ?? {}) : {}
    return { version: 0, accounts, entries: [], counters: {} }
  }

  #next(prefix: string): string {
    return `${prefix}${++this.#number}`
  }

  #tell(event: HistoryEvent): void {
    this.events.push(event)
  }
}

/** A history that breaks no promise. */
export function correctHistory(seed: number, steps = 120): readonly HistoryEvent[] {
  return new CorrectRun(seed).run(steps)
}
