import type { ServerMessage, TransactionMessage } from '@lockstep/protocol'
import { RawWebSocket, type RawWebSocketOwner } from '../load/raw-web-socket.ts'

export interface StormEvents {
  /** The channel is live: for the first time, or again after a cut. */
  live(): void
  failed(error: Error): void
}

/**
 * A small client of the whole protocol: keeps the rows of one channel, knows its position, and holds every
 * message against it. Rows are kept as key to title.
 */
export class StormClient implements RawWebSocketOwner {
  readonly wantsText: boolean = true
  readonly channel: string
  rows: Map<string, unknown> = new Map()
  /** Messages that did not join what came before: a hole. */
  missed = 0
  /** Messages that were not beyond the position: told twice. */
  doubled = 0
  snapshots = 0
  resets = 0
  readonly #port: number
  readonly #events: StormEvents
  #token: string
  #socket: RawWebSocket | undefined
  #epoch = ''
  #lsn = -1
  #live = false

  constructor(port: number, channel: string, token: string, events: StormEvents) {
    this.#port = port
    this.channel = channel
    this.#token = token
    this.#events = events
  }

  connect(): void {
    this.#socket = new RawWebSocket(this.#port, '/lockstep', this)
  }

  /** Cuts the connection; `forget` also drops rows and position, as a page that is loaded anew. */
  cut(forget: boolean): void {
    this.#socket?.end()
    this.#live = false
    if (forget) {
      this.#lsn = -1
      this.rows.clear()
    }
  }

  opened(): void {
    const position = this.#lsn < 0 ? {} : { position: `${this.#epoch}.${this.#lsn.toString(16)}` }
    this.#socket?.send(
      JSON.stringify({ type: 'hello', version: 1, token: this.#token }),
      JSON.stringify({ type: 'subscribe', id: 1, channel: this.channel, ...position }),
    )
  }

  text(text: string): void {
    // What the server says is what is being measured, not what is being doubted.
    const message = JSON.parse(text) as ServerMessage
    switch (message.type) {
      case 'welcome':
      case 'token':
        this.#token = message.token
        break
      case 'reset':
        this.resets++
        break
      case 'snapshot': {
        this.snapshots++
        const items = message.collections.items
        const title = items?.columns.indexOf('title') ?? -1
        const key = items?.key[0] ?? 0
        this.rows = new Map(items?.rows.map((values) => [String(values[key]), values[title]]))
        this.#moveTo(message.position)
        break
      }
      case 'transaction':
        this.#apply(message)
        break
      case 'live':
        this.#moveTo(message.position)
        // After a reset it comes again, which is no arrival.
        if (!this.#live) this.#events.live()
        this.#live = true
        break
      case 'heartbeat':
        if (this.#live) this.#moveTo(message.position)
        break
      case 'error':
        this.#events.failed(new Error(`refused: ${text}`))
    }
  }

  counted(): void {}

  failed(error: Error): void {
    this.#events.failed(error)
  }

  #apply(message: TransactionMessage): void {
    if (lsnOf(message.position) <= this.#lsn) this.doubled++
    if (lsnOf(message.prev) > this.#lsn) this.missed++
    this.#moveTo(message.position)
    const items = message.changes.items
    for (const [key, row] of Object.entries(items?.create ?? {})) this.rows.set(key, row.title)
    for (const [key, row] of Object.entries(items?.update ?? {})) this.rows.set(key, row.title)
    for (const key of items?.destroy ?? []) this.rows.delete(key)
  }

  #moveTo(position: string): void {
    const [epoch = ''] = position.split('.', 1)
    this.#epoch = epoch
    this.#lsn = lsnOf(position)
  }
}

function lsnOf(position: string): number {
  return Number.parseInt(position.slice(position.indexOf('.') + 1), 16)
}
