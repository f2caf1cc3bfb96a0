import type {
  ClientMessage,
  CollectionChanges,
  Json,
  Operation,
  PageState,
  ResetReason,
  Row,
  ServerMessage,
  Snapshot,
  SnapshotRows,
  TransactionMessage,
} from '@lockstep/protocol'
import type { HttpReply, HttpRequest, Link, Transport, TransportEvents } from '../src/index.ts'

/** Channel to collection to changes. */
export type Changes = Readonly<Record<string, Readonly<Record<string, CollectionChanges>>>>

interface Commit {
  readonly lsn: number
  readonly changes: Changes
  readonly session: string | undefined
  readonly mutation: string | undefined
  readonly operations: Readonly<Record<string, readonly Operation[]>>
}

type Tables = Map<string, Map<string, Map<string, Row>>>

/** What the server does with a write; `undefined` leaves the rows alone. */
export type WriteRule = (
  url: string,
  request: HttpRequest,
) => {
  readonly status: number
  readonly body?: Json
  readonly changes?: Changes
  readonly operations?: Commit['operations']
}

/** How HTTP goes wrong: nothing arrives, or the reply is lost. */
export type Weather = 'fine' | 'request-lost' | 'reply-lost' | 'unavailable'

/**
 * The protocol's server end as a model: commits in order, one log, snapshots at the present position. It
 * sends nothing by itself; a schedule decides which message arrives when, and which never does.
 */
export class ScriptedServer {
  epoch = 'e1'
  lsn = 16
  /** Positions before this cannot be continued. */
  trimmedBefore = 0
  readonly tables: Tables = new Map()
  readonly commits: Commit[] = []
  readonly connections: ServerConnection[] = []
  readonly forbidden: Set<string> = new Set()
  readonly requests: { readonly url: string; readonly request: HttpRequest }[] = []
  /** Tokens that have expired. */
  readonly barred: Set<string> = new Set()
  /** Channels of which no snapshot can be had now. */
  readonly broken: Set<string> = new Set()
  writeRule: WriteRule = () => ({ status: 200 })
  /** Weather of the next requests, one each; fine when it runs out. */
  weather: Weather[] = []
  /** Whether live follows at once on a subscribe, or on `finish`. */
  slowFill = false
  sessions = 0
  private readonly recorded = new Map<string, { readonly status: number; readonly text: string }>()

  readonly transport: Transport = (_url, events) => {
    const connection = new ServerConnection(this, events)
    this.connections.push(connection)
    return connection
  }

  get connection(): ServerConnection {
    const connection = this.connections.at(-1)
    if (connection === undefined) throw new Error('nobody connected')
    return connection
  }

  position(lsn: number = this.lsn): string {
    return `${this.epoch}.${lsn.toString(16)}`
  }

  rows(channel: string, collection: string): Map<string, Row> {
    const tables = this.tables.get(channel) ?? new Map<string, Map<string, Row>>()
    this.tables.set(channel, tables)
    const rows = tables.get(collection) ?? new Map<string, Row>()
    tables.set(collection, rows)
    return rows
  }

  commit(
    changes: Changes,
    writer: {
      session?: string | undefined
      mutation?: string | undefined
      operations?: Commit['operations']
    } = {},
  ): Commit {
    this.lsn += 7
    const { session, mutation, operations = {} } = writer
    const commit = { lsn: this.lsn, changes, session, mutation, operations }
    this.commits.push(commit)
    for (const [channel, collections] of Object.entries(changes)) {
      for (const [name, { create = {}, update = {}, destroy = [] }] of Object.entries(collections)) {
        const rows = this.rows(channel, name)
        for (const [key, row] of Object.entries(create)) rows.set(key, row)
        for (const [key, columns] of Object.entries(update)) rows.set(key, { ...rows.get(key), ...columns })
        for (const key of destroy) rows.delete(key)
      }
    }
    for (const connection of this.connections) connection.deliver(commit)
    return commit
  }

  snapshot(channel: string): Snapshot {
    const collections: Record<string, SnapshotRows> = {}
    for (const [name, rows] of this.tables.get(channel) ?? []) {
      const columns = [...new Set(['id', ...[...rows.values()].flatMap((row) => Object.keys(row))])]
      collections[name] = {
        columns,
        key: [0],
        rows: [...rows.values()].map((row) => columns.map((column) => row[column] ?? null)),
      }
    }
    return { type: 'snapshot', channel, position: this.position(), collections }
  }

  page(channels: readonly string[]): PageState {
    return {
      url: 'http://server/lockstep',
      session: { id: 's0', token: 't0' },
      // As a page does: through JSON, so that no object is shared.
      snapshots: JSON.parse(JSON.stringify(channels.map((channel) => this.snapshot(channel)))) as Snapshot[],
    }
  }

  transaction(channel: string, commit: Commit): TransactionMessage {
    const before = this.commits.filter(({ lsn, changes }) => lsn < commit.lsn && channel in changes).at(-1)
    const operations = commit.operations[channel]
    return {
      type: 'transaction',
      channel,
      position: this.position(commit.lsn),
      prev: this.position(before?.lsn ?? 0),
      at: commit.lsn,
      changes: commit.changes[channel] ?? {},
      ...(operations === undefined ? {} : { operations }),
      ...(commit.session === undefined ? {} : { session: commit.session }),
      ...(commit.mutation === undefined ? {} : { mutation: commit.mutation }),
    }
  }

  /** The log can no longer be continued. */
  newEpoch(): void {
    this.epoch = `e${Number(this.epoch.slice(1)) + 1}`
  }

  respond = async (url: string, request: HttpRequest): Promise<HttpReply> => {
    const weather = this.weather.shift() ?? 'fine'
    if (weather === 'request-lost') throw new Error('network')
    this.requests.push({ url, request })
    if (weather === 'unavailable')
      return reply(
        503,
        JSON.stringify({ error: { code: 'unavailable', message: 'Later.', retryable: true } }),
      )
    const mutation = request.headers['idempotency-key']
    const recorded = mutation === undefined ? undefined : this.recorded.get(mutation)
    const answer = recorded ?? this.write(url, request, mutation)
    if (weather === 'reply-lost') throw new Error('network')
    return reply(answer.status, answer.text)
  }

  private write(
    url: string,
    request: HttpRequest,
    mutation: string | undefined,
  ): { status: number; text: string } {
    const { status, body, changes, operations } = this.writeRule(url, request)
    const answer = { status, text: body === undefined ? '' : JSON.stringify(body) }
    if (status >= 400) return answer
    if (mutation !== undefined) this.recorded.set(mutation, answer)
    const session = request.headers['lockstep-session']
    this.commit(changes ?? {}, { session, mutation, ...(operations === undefined ? {} : { operations }) })
    return answer
  }
}

function reply(status: number, text: string): HttpReply {
  return { status, text: () => Promise.resolve(text) }
}

/** The server's end of one connection. */
export class ServerConnection implements Link {
  /** Messages that have not arrived at the client yet. */
  outbox: ServerMessage[] = []
  readonly received: ClientMessage[] = []
  session = ''
  private readonly live = new Map<string, 'filling' | 'live'>()
  private readonly server: ScriptedServer
  private readonly events: TransportEvents
  /** Set once either end is gone. */
  ended = false

  constructor(server: ScriptedServer, events: TransportEvents) {
    this.server = server
    this.events = events
  }

  // ---- the client's hands -----------------------------------------------------------------------------

  send(text: string): void {
    if (this.ended) return
    const message = JSON.parse(text) as ClientMessage
    this.received.push(message)
    const { server } = this
    if (message.type === 'hello') {
      if (server.barred.has(message.token)) {
        this.refuse(4401, 'session_expired')
        return
      }
      this.session = `s${message.token.slice(1)}`
      this.push({
        type: 'welcome',
        session: this.session,
        restored: false,
        token: message.token,
        heartbeatMs: 10_000,
      })
    } else if (message.type === 'barrier') {
      this.push({ type: 'barrier', id: message.id, position: server.position() })
    } else if (message.type === 'unsubscribe') this.live.delete(message.channel)
    else if (message.type === 'subscribe') this.subscribe(message.id, message.channel, message.position)
  }

  close(): void {
    this.ended = true
  }

  // ---- the server's hands -----------------------------------------------------------------------------

  private subscribe(id: number, channel: string, position: string | undefined): void {
    const { server } = this
    if (server.forbidden.has(channel)) {
      this.push({
        type: 'error',
        id,
        channel,
        error: { code: 'no_channel', message: 'No.', retryable: false },
      })
      return
    }
    if (server.broken.has(channel)) {
      const error = { code: 'unavailable', message: 'Later.', retryable: true }
      this.push({ type: 'error', id, channel, error })
      return
    }
    this.push({ type: 'subscribed', id, channel })
    const [epoch, hex = ''] = position?.split('.') ?? []
    const lsn = Number.parseInt(hex, 16)
    const reason: ResetReason | undefined =
      epoch !== server.epoch
        ? 'epoch'
        : lsn < server.trimmedBefore
          ? 'trimmed'
          : lsn > server.lsn
            ? 'future'
            : undefined
    if (position === undefined || reason !== undefined) {
      if (position !== undefined && reason !== undefined) this.push({ type: 'reset', channel, reason })
      this.push(server.snapshot(channel))
    } else {
      for (const commit of server.commits) {
        if (commit.lsn > lsn && channel in commit.changes) this.push(server.transaction(channel, commit))
      }
    }
    this.live.set(channel, 'filling')
    if (!server.slowFill) this.finish()
  }

  /** Ends every fill. */
  finish(): void {
    for (const [channel, phase] of this.live) {
      if (phase === 'live') continue
      this.push({ type: 'live', channel, position: this.server.position() })
      this.live.set(channel, 'live')
    }
  }

  deliver(commit: Commit): void {
    const channels = Object.keys(commit.changes).filter((channel) => this.live.has(channel))
    const live = channels.filter((channel) => this.live.get(channel) === 'live')
    for (const channel of channels) {
      if (this.live.get(channel) === 'filling') this.push(this.server.transaction(channel, commit))
    }
    if (live.length > 1) this.push({ type: 'bundle', count: live.length })
    for (const channel of live) this.push(this.server.transaction(channel, commit))
    if (commit.session === this.session && commit.mutation !== undefined) {
      this.push({ type: 'confirmed', mutation: commit.mutation, position: this.server.position(commit.lsn) })
    }
  }

  /** Replaces a live channel's rows by a snapshot. */
  reset(channel: string, reason: ResetReason): void {
    if (this.live.get(channel) !== 'live') return
    this.push({ type: 'reset', channel, reason })
    this.push(this.server.snapshot(channel))
    this.live.set(channel, 'filling')
    if (!this.server.slowFill) this.finish()
  }

  heartbeat(): void {
    this.push({ type: 'heartbeat', position: this.server.position() })
  }

  push(message: ServerMessage): void {
    if (!this.ended) this.outbox.push(message)
  }

  // ---- the network's hands ----------------------------------------------------------------------------

  open(): void {
    if (!this.ended) this.events.opened()
  }

  /** Lets the next `count` messages arrive, all by default. */
  arrive(count = Number.POSITIVE_INFINITY): void {
    for (let i = 0; i < count && !this.ended; i++) {
      const message = this.outbox.shift()
      if (message === undefined) return
      this.events.message(JSON.stringify(message))
    }
  }

  /**
   * Loses the last transaction on its way, unless something behind it would say that it was sent. Returns
   * whether it did; the next transaction then shows the hole.
   */
  lose(): boolean {
    const index = this.outbox.findLastIndex(({ type }) => type === 'transaction')
    if (index < 0 || this.outbox.slice(index).some(({ type }) => type === 'live' || type === 'heartbeat'))
      return false
    if ([...this.live.values()].includes('filling')) return false
    this.outbox.splice(index, 1)
    return true
  }

  /** Sends a transaction on its way again, after everything that is. */
  double(): void {
    const message = this.outbox.find(({ type }) => type === 'transaction')
    if (message !== undefined) this.outbox.push(message)
  }

  /** Something arrives that is no message. */
  garble(text: string): void {
    this.events.message(text)
  }

  cut(code = 1006, reason = ''): void {
    if (this.ended) return
    this.ended = true
    this.outbox = []
    this.events.closed(code, reason)
  }

  refuse(code: number, reason: string): void {
    queueMicrotask(() => this.cut(code, reason))
  }
}
