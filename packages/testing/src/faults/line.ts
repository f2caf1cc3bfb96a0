import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestOf,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { Lane } from './lane.ts'

/**
 * When a line is cut: `request`: the server has done the next write, and its reply is lost. `ack`: the reply has
 * come, and the stream has not told of the change yet. `message`: the next piece of the stream has come.
 */
export type CutMoment = 'request' | 'ack' | 'message'

export interface LineOptions {
  /** Where the application is. */
  readonly target: string
  /** Where the sync server is mounted: requests below are its own, and no writes. Default `/lockstep`. */
  readonly path?: string
}

/** Somebody's way to the application, which fails on command: all of it, pages, writes and stream. */
export interface Line {
  /** Instead of the application's. */
  readonly address: string
  /** Every connection is cut, and new ones are refused. */
  offline(): void
  /** All goes well again. */
  online(): void
  /** Nothing comes through in either direction, and nobody is told: a network that drops packets. */
  silent(): void
  readonly isSilent: boolean
  /** From now on everything is so long under way, in each direction, in ms. */
  lag(ms: number): void
  /** Resets every connection that there is now. */
  cut(): void
  /** Cuts at that moment; resolves when it has. */
  cutAfter(moment: CutMoment): Promise<void>
  close(): Promise<void>
}

/** @throws Error where the target has no address such as `http://127.0.0.1:3000` */
export async function openLine({ target, path = '/lockstep' }: LineOptions): Promise<Line> {
  const line = new HttpLine(new URL(target), path)
  await line.listen()
  return line
}

/** Requests that the sync server's own paths carry are part of the stream. */
const safe = new Set(['GET', 'HEAD', 'OPTIONS'])

class HttpLine implements Line {
  readonly #target: URL
  readonly #path: string
  readonly #http: Server
  readonly #sockets = new Set<Socket>()
  readonly #lanes = new Set<Lane>()
  #refused = false
  #lagMs = 0
  isSilent = false
  /** Streams wait until a write has been answered. */
  #streamsHeld = false
  #planned: { readonly moment: CutMoment; done(): void } | undefined

  constructor(target: URL, path: string) {
    this.#target = target
    this.#path = path
    this.#http = createServer((incoming, outgoing) => this.#request(incoming, outgoing))
    this.#http.on('upgrade', (incoming, socket: Socket, head: Buffer) =>
      this.#upgrade(incoming, socket, head),
    )
    this.#http.on('connection', (socket: Socket) => {
      if (this.#refused) socket.resetAndDestroy()
      else this.#keep(socket)
    })
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#http.once('error', reject)
      this.#http.listen(0, '127.0.0.1', resolve)
    })
  }

  get address(): string {
    const { port } = this.#http.address() as AddressInfo // it listens on a port
    return `http://127.0.0.1:${port}`
  }

  offline(): void {
    this.#refused = true
    this.cut()
  }

  online(): void {
    this.#refused = false
    this.isSilent = false
    this.#lagMs = 0
    this.#look()
  }

  silent(): void {
    this.isSilent = true
  }

  lag(ms: number): void {
    this.#lagMs = ms
  }

  cut(): void {
    for (const lane of this.#lanes) lane.stop()
    this.#lanes.clear()
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  cutAfter(moment: CutMoment): Promise<void> {
    if (this.#planned !== undefined)
      throw new Error(`This line is to be cut after ${this.#planned.moment} already.`)
    return new Promise((resolve) => {
      this.#planned = { moment, done: resolve }
    })
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#http.close(resolve))
  }

  // ---- connections ----------------------------------------------------------------------------------

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {}) // a reset is what this line is for
    socket.on('close', () => this.#sockets.delete(socket))
  }

  #forward(incoming: IncomingMessage, headers: IncomingHttpHeaders): ReturnType<typeof requestOf> {
    const { hostname, port } = this.#target
    return requestOf({
      host: hostname,
      port,
      path: incoming.url,
      method: incoming.method,
      headers,
      agent: false,
    })
  }

  #isStream(incoming: IncomingMessage): boolean {
    const pathname = (incoming.url ?? '').split('?', 1)[0] ?? ''
    return [`${this.#path}/events`, `${this.#path}/poll`, '/bayeux'].includes(pathname)
  }

  #isWrite({ method = 'GET', url = '' }: IncomingMessage): boolean {
    return !safe.has(method) && !url.startsWith(`${this.#path}/`) && !url.startsWith('/bayeux')
  }

  #request(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const isStream = this.#isStream(incoming)
    const planned = this.#isWrite(incoming) ? this.#planned : undefined
    if (planned?.moment === 'ack') this.#streamsHeld = true
    const onward = this.#forward(incoming, incoming.headers)
    onward.on('socket', (socket) => this.#keep(socket))
    onward.on('error', () => outgoing.destroy())
    outgoing.on('close', () => onward.destroy())
    this.#lane(incoming, onward)
    onward.on('response', (reply) => {
      if (planned !== undefined && planned.moment !== 'message')
        this.#answerLast(reply, outgoing, planned.moment)
      else this.#answer(reply, outgoing, isStream)
    })
  }

  #answer(reply: IncomingMessage, outgoing: ServerResponse, isStream: boolean): void {
    const write = (): void => {
      outgoing.writeHead(reply.statusCode ?? 502, reply.headers)
      outgoing.flushHeaders()
    }
    reply.on('error', () => outgoing.destroy())
    // The head is as late as the body.
    setTimeout(() => {
      if (outgoing.destroyed) return
      write()
      this.#lane(reply, outgoing, isStream ? (outgoing.socket ?? undefined) : undefined)
    }, this.#lagMs)
  }

  /** The reply to the write after which all is cut. */
  #answerLast(reply: IncomingMessage, outgoing: ServerResponse, moment: 'request' | 'ack'): void {
    const pieces: Buffer[] = []
    reply.on('data', (piece: Buffer) => pieces.push(piece))
    reply.on('end', () => {
      if (moment === 'request') {
        this.#cutAsPlanned()
        return
      }
      const { socket } = outgoing
      outgoing.writeHead(reply.statusCode ?? 502, { ...reply.headers, connection: 'close' })
      outgoing.end(Buffer.concat(pieces), () => {
        // This reply is to arrive: its connection ends by itself, all others are cut.
        if (socket !== null) this.#sockets.delete(socket)
        this.#cutAsPlanned()
      })
    })
  }

  #upgrade(incoming: IncomingMessage, socket: Socket, head: Buffer): void {
    const onward = this.#forward(incoming, incoming.headers)
    onward.on('error', () => socket.destroy())
    onward.on('response', (reply) => {
      socket.end(`HTTP/1.1 ${reply.statusCode} ${reply.statusMessage}\r\nConnection: close\r\n\r\n`)
    })
    onward.on('upgrade', (reply, other: Socket, first: Buffer) => {
      this.#keep(other)
      const lines = Object.entries(reply.headers).map(([name, value]) => `${name}: ${String(value)}`)
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`)
      socket.unshift(head)
      other.unshift(first)
      other.on('close', () => socket.destroy())
      socket.on('close', () => other.destroy())
      this.#lane(socket, other)
      this.#lane(other, socket, socket)
    })
    onward.end()
  }

  // ---- rules ----------------------------------------------------------------------------------------

  /** `page`: the page's socket, where this is what a stream tells it. */
  #lane(from: Readable, to: Writable, page?: Socket): void {
    const lane = new Lane(from, to, {
      rule: () => ({
        lagMs: this.#lagMs,
        held: this.isSilent || (page !== undefined && this.#streamsHeld),
      }),
      passed: () => page !== undefined && this.#cutAfterMessage(page),
      ended: () => this.#lanes.delete(lane),
    })
    this.#lanes.add(lane)
  }

  #look(): void {
    for (const lane of this.#lanes) lane.look()
  }

  #cutAfterMessage(page: Socket): void {
    if (this.#planned?.moment !== 'message') return
    // What was just written is to arrive, so that this one ends with its last byte.
    this.#sockets.delete(page)
    page.end()
    this.#cutAsPlanned()
  }

  #cutAsPlanned(): void {
    const planned = this.#planned
    this.#planned = undefined
    this.#streamsHeld = false
    this.cut()
    planned?.done()
  }
}
