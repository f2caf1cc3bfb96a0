import type { Commit, HistoryEvent, LockEvent, PositionTold, Shown } from '../history/history.ts'
import type { Row } from './diagram.ts'

/** Who stands for the servers and the database where an event does not name them. */
export const nodeName = 'node'
export const postgresName = 'postgres'

/** Turns events into what a reader wants to see of them. */
export class Telling {
  readonly rows: Row[] = []
  /** Client of each session. */
  readonly #clients = new Map<string, string>()
  readonly #numbers: ReadonlyMap<number, string>
  /** Messages of one room to one client, that came together. */
  #batch: PositionTold[] = []
  /** What the last row lists. */
  #listing = ''
  readonly #shown = new Map<string, string>()
  readonly #node: string
  readonly #participants: readonly string[]

  constructor(history: readonly HistoryEvent[], participants: readonly string[], node: string) {
    this.#participants = participants
    this.#node = node
    const lsns = new Set<number>()
    for (const event of history) if (event.kind === 'position') lsns.add(event.lsn)
    lsns.delete(0)
    this.#numbers = new Map([...lsns].sort((a, b) => a - b).map((lsn, i) => [lsn, `p${i + 1}`]))
  }

  /** `full`: what is broken here, so that everything is told. */
  take(event: HistoryEvent, full: boolean): void {
    if ('client' in event && !this.#participants.includes(event.client)) return
    switch (event.kind) {
      case 'page':
        this.#clients.set(event.session, event.client)
        if (event.what === 'opened') this.#note(event, event.client, 'opens a page')
        if (event.what === 'closed') this.#note(event, event.client, 'closes the page')
        break
      case 'commit':
        this.#commit(event)
        break
      case 'rights': {
        const text = `${event.user} in ${event.room}: ${event.audience === false ? 'no right' : event.audience}`
        if (event.at > 0) this.#note(event, this.#node, event.settled ? `${text}, taken in` : text)
        break
      }
      case 'subscription':
        if (event.what === 'asked') {
          const from = event.lsn === undefined ? '' : ` from ${this.#position(event.lsn)}`
          this.#arrow(event, event.client, this.#node, `subscribe ${event.room}${from}`)
        } else if (event.what === 'left') this.#arrow(event, event.client, this.#node, `leave ${event.room}`)
        break
      case 'position':
        if (event.type !== 'heartbeat' || full) this.#receive(event)
        break
      case 'shown':
        this.#show(event, full)
        break
      case 'cleared':
        this.#note(event, event.client, `shows nothing of ${event.room}`)
        break
      case 'told': {
        const { room, state, reason } = event
        const quiet =
          room !== undefined && (state === 'live' || state === 'subscribing') && reason === undefined
        if (quiet && !full) break
        const why = reason === undefined ? '' : ` (${reason})`
        this.#note(event, event.client, `told: ${room === undefined ? '' : `${room} `}${state}${why}`)
        break
      }
      case 'operation':
        this.#list(event, event.client, 'hears note', `${event.n} of ${event.room}`)
        break
      case 'write':
        this.#arrow(event, event.client, this.#node, `write ${short(event.write)}: raise ${event.counter}`)
        break
      case 'written': {
        const shows = event.n === undefined ? '' : `, counter ${event.n}`
        this.#note(event, event.client, `write ${short(event.write)}: ${event.outcome}${shows}`)
        break
      }
      case 'lock':
        this.#lock(event)
        break
      case 'presence':
        if (full) this.#note(event, event.client, `shows in ${event.room}: ${this.#names(event.sessions)}`)
        break
      case 'sent':
        if (full) {
          this.#note(
            event,
            this.#node,
            `sends ${event.room} to ${event.user}${event.withMemo ? ' with memos' : ''}`,
          )
        }
        break
      case 'measured':
        if (full)
          this.#note(event, this.#node, `${event.what} of ${event.where}: ${event.size} ${event.unit}`)
        break
      case 'fault':
        this.#note(
          event,
          this.#place(event.of),
          event.of === this.#place(event.of) ? event.fault : `${event.fault} (${event.of})`,
          true,
        )
        break
      case 'broken':
        this.#note(event, this.#place(event.of), event.message, true)
        break
      case 'final':
        if (full)
          this.#note(
            event,
            event.client,
            `in the end: ${event.room} ${event.state}, version ${event.version ?? 'none'}`,
          )
        break
    }
  }

  /** What was broken at the last event. */
  broken(at: number, of: string | undefined, promise: string, message: string): void {
    this.#flush()
    this.rows.push({ at, from: this.#place(of ?? this.#node), text: `${promise}: ${message}`, strong: true })
  }

  #receive(event: PositionTold): void {
    const [first] = this.#batch
    const goesOn = event.client === first?.client && event.room === first.room && event.at === first.at
    if (!goesOn) this.#flush()
    this.#batch.push(event)
  }

  #flush(): void {
    const [first] = this.#batch
    if (first === undefined) return
    const parts: string[] = []
    let transactions = 0
    const told = (lsn: number): void => {
      if (transactions > 0)
        parts.push(`${transactions === 1 ? 'tx' : `${transactions} tx to`} ${this.#position(lsn)}`)
      transactions = 0
    }
    let last = 0
    for (const { type, lsn, reason } of this.#batch) {
      if (type === 'transaction') {
        transactions++
        last = lsn
        continue
      }
      told(last)
      parts.push(type === 'reset' ? `reset: ${reason}` : `${type} ${this.#position(lsn)}`)
    }
    told(last)
    this.#batch = []
    this.#arrow(first, this.#node, first.client, `${first.room}: ${parts.join(', ')}`)
  }

  #commit(event: Commit): void {
    const rooms = Object.entries(event.rooms).map(([room, { version }]) => `${room} v${version}`)
    const note = event.operation === undefined ? '' : ` note ${event.operation.n}`
    const what = event.truncated === undefined ? `${rooms.join(', ')}${note}` : `TRUNCATE ${event.truncated}`
    if (event.write === undefined) this.#note(event, postgresName, `commit ${what}`)
    else this.#arrow(event, this.#node, postgresName, `${short(event.write)}: ${rooms.join(', ')}`)
  }

  #show(event: Shown, full: boolean): void {
    const { client, room, version, counters, accounts } = event
    const numbers = Object.values(counters).join(' ')
    const text = `${room} v${version}${numbers === '' ? '' : ` (counter ${numbers})`}`
    const key = `${client} ${room}`
    const balances = Object.entries(accounts).map(([id, balance]) => `${id}: ${balance}`)
    if (full) this.#list(event, client, 'shows', `${text} with accounts ${balances.join(', ') || 'none'}`)
    else if (this.#shown.get(key) !== text) this.#list(event, client, 'shows', text)
    this.#shown.set(key, text)
  }

  #lock(event: LockEvent): void {
    const { what, room, resource, session } = event
    const client = this.#clients.get(session)
    const onServer = what === 'granted' || what === 'freed'
    const place = onServer || client === undefined ? this.#node : client
    this.#note(event, place, `lock ${room}/${resource} ${what}${onServer ? ` ${client ?? session}` : ''}`)
  }

  #names(sessions: readonly string[]): string {
    return sessions.map((session) => this.#clients.get(session) ?? session).join(', ') || 'nobody'
  }

  #position(lsn: number): string {
    return this.#numbers.get(lsn) ?? String(lsn)
  }

  #place(of: string): string {
    return this.#participants.includes(of) ? of : this.#node
  }

  #note({ at }: HistoryEvent, from: string, text: string, strong = false): void {
    this.#flush()
    this.rows.push({ at, from, text, strong })
    this.#listing = ''
  }

  /** A note that goes on the one before it where that begins alike. */
  #list({ at }: HistoryEvent, from: string, verb: string, item: string): void {
    this.#flush()
    const last = this.rows.at(-1)
    const listing = `${at} ${from} ${verb}`
    if (last !== undefined && this.#listing === listing) {
      this.rows[this.rows.length - 1] = { ...last, text: `${last.text}, ${item}` }
    } else this.rows.push({ at, from, text: `${verb} ${item}` })
    this.#listing = listing
  }

  #arrow({ at }: HistoryEvent, from: string, to: string, text: string): void {
    this.#flush()
    this.rows.push({ at, from, to, text })
    this.#listing = ''
  }
}

/** The last letters of a long name are enough to tell one from the other. */
function short(name: string): string {
  return name.length <= 6 ? name : name.slice(-4)
}
