import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { ServerMessage } from '@lockstep/protocol'
import { eventually } from '@lockstep/testing'
import { expect } from 'vitest'

export function post(
  port: number,
  address: string,
  body: object,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/lockstep/${address}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

/** A client that speaks a carrier by hand, over sockets that it can stop reading. */
abstract class CarrierClient {
  readonly inbox: ServerMessage[] = []
  readonly created: Set<string> = new Set()
  /** Rows that were created twice before its eyes. */
  doubles = 0
  id: string | undefined
  close: { code: number; reason: string } | undefined
  /** Its connection is gone. */
  over = false
  /** Gives no sign of life any more. */
  silent = false
  protected readonly port: number
  protected request: ClientRequest | undefined
  protected incoming: IncomingMessage | undefined
  #paused = false

  constructor(port: number) {
    this.port = port
  }

  async get<T extends ServerMessage['type']>(type: T, n = 1): Promise<Extract<ServerMessage, { type: T }>> {
    const found = await eventually(() => {
      const of = this.inbox.filter((message) => message.type === type)
      expect(of.length, `${type} number ${n} of ${this.inbox.map((m) => m.type)}`).toBeGreaterThanOrEqual(n)
      return of[n - 1]
    })
    return found as Extract<ServerMessage, { type: T }> // filtered by its type above
  }

  async say(...messages: object[]): Promise<void> {
    const { status } = await post(this.port, 'messages', { connection: this.id, messages })
    expect(status).toBe(204)
  }

  pause(): void {
    this.#paused = true
    this.incoming?.pause()
  }

  resume(): void {
    this.#paused = false
    this.incoming?.resume()
  }

  end(): void {
    this.silent = true
    this.request?.destroy()
  }

  protected ask(address: string, body: object, take: (text: string) => void, ended: () => void): void {
    const text = JSON.stringify(body)
    this.request = request(
      {
        port: this.port,
        host: '127.0.0.1',
        path: `/lockstep/${address}`,
        method: 'POST',
        agent: false,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      },
      (incoming) => {
        this.incoming = incoming
        incoming.setEncoding('utf8')
        incoming.on('data', take)
        incoming.on('end', ended)
        incoming.on('error', () => {})
        incoming.on('close', () => {
          if (!incoming.complete) this.over = true
        })
        if (this.#paused) incoming.pause()
      },
    )
    this.request.on('error', () => {
      this.over = true
    })
    this.request.end(text)
  }

  protected take(message: ServerMessage): void {
    this.inbox.push(message)
    if (message.type !== 'transaction') return
    for (const key of Object.keys(message.changes.items?.create ?? {})) {
      if (this.created.has(key)) this.doubles++
      this.created.add(key)
    }
  }
}

export class StreamClient extends CarrierClient {
  #rest = ''

  constructor(port: number, messages: readonly object[]) {
    super(port)
    this.ask(
      'events',
      { messages },
      (text) => {
        const events = (this.#rest + text).split('\n\n')
        this.#rest = events.pop() ?? ''
        for (const event of events) this.#event(event.split('\n'))
      },
      () => {
        this.over = true
      },
    )
  }

  #event(lines: readonly string[]): void {
    const of = (field: string): string =>
      lines
        .filter((line) => line.startsWith(`${field}: `))
        .map((line) => line.slice(field.length + 2))
        .join('\n')
    const name = of('event')
    if (name === 'connection') this.id = of('data')
    else if (name === 'close') this.close = JSON.parse(of('data'))
    else if (name === 'ping') {
      if (!this.silent) void post(this.port, 'messages', { connection: this.id })
    } else this.take(JSON.parse(of('data')))
  }
}

export class PollClient extends CarrierClient {
  #hangingUp = false
  #isHeld = false

  constructor(port: number, messages: readonly object[]) {
    super(port)
    this.#poll({ messages })
  }

  /**
   * Hangs up while the server holds a poll. Only the server knows when it holds one, and tells by answering
   * the older of two polls with nothing.
   */
  async hangUp(): Promise<void> {
    const older = this.request
    this.#hangingUp = true
    this.#poll({ connection: this.id })
    await eventually(() => expect(this.#isHeld).toBe(true))
    older?.destroy()
    this.end()
  }

  #poll(body: object): void {
    let text = ''
    this.ask(
      'poll',
      body,
      (piece) => {
        text += piece
      },
      () => {
        const reply = JSON.parse(text)
        if ('error' in reply) {
          this.over = true
          return
        }
        this.id = reply.connection
        this.close = reply.close
        for (const message of reply.messages) this.take(message)
        if (this.#hangingUp && reply.messages.length === 0) this.#isHeld = true
        else if (reply.close !== undefined) this.over = true
        else if (!this.silent) this.#poll({ connection: this.id })
        // Nobody asks any more: that it is over shows at the server.
        else this.over = true
      },
    )
  }
}
