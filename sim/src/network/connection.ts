import type { TransportEvents } from '@lockstep/client'
import type { Owner } from '../clock/owner.ts'
import type { Scheduler } from '../clock/scheduler.ts'
import type { Random } from '../random/random.ts'
import {
  closeFrame,
  closeOpcode,
  FrameReader,
  type Heard,
  pingOpcode,
  readClose,
  textOpcode,
} from './frames.ts'
import { Pipe, type Way } from './pipe.ts'
import { type Piece, ServerSocket, type SocketBounds } from './socket.ts'

/** What a client sends: a frame is one message, whole or not at all. */
type Upward =
  | { readonly kind: 'open' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'pong' }
  | { readonly kind: 'close' }
  | { readonly kind: 'reset' }

/** The server's side of a connection, as `ws` tells of it. */
export interface ServerEvents {
  message(text: string): void
  pong(): void
  drained(): void
  /** The client has closed, or answered a close. */
  closed(): void
  /** The connection has broken. */
  broken(): void
}

export interface ConnectionParts {
  readonly scheduler: Scheduler
  readonly up: Way
  readonly down: Way
  readonly bounds: SocketBounds
  /** Draws of this connection alone. */
  readonly random: Random
  readonly page: Owner
  readonly events: TransportEvents
  /** Hears of every message before the page does. */
  readonly heard: (text: string) => void
  /** Whoever listens at the other end; undefined: nobody does, and the connection is refused. */
  readonly server: () => { readonly owner: Owner; accept(connection: NetworkConnection): void } | undefined
  /** The connection has ended for the page. */
  readonly ended: (connection: NetworkConnection) => void
}

/** A WebSocket's way through the network: messages up, bytes down, each in order and at its own pace. */
export class NetworkConnection {
  readonly socket: ServerSocket
  readonly #parts: ConnectionParts
  readonly #up: Pipe<Upward>
  readonly #down: Pipe<Piece>
  readonly #reader = new FrameReader()
  #server: Owner | undefined
  #serverEvents: ServerEvents | undefined
  #opened = false
  /** The page hears nothing any more. */
  #closed = false
  /** Nothing goes up any more, acknowledgements neither. */
  #silent = false

  constructor(parts: ConnectionParts) {
    const { scheduler, random, page } = parts
    this.#parts = parts
    this.#up = new Pipe({
      scheduler,
      way: parts.up,
      random,
      receiver: () => this.#server ?? page,
      deliver: (item) => this.#arriveUp(item),
    })
    this.#down = new Pipe({
      scheduler,
      way: parts.down,
      random,
      receiver: () => page,
      deliver: (item) => this.#arriveDown(item),
    })
    this.socket = new ServerSocket(
      parts.bounds,
      (bytes) => this.#down.push({ kind: 'bytes', bytes }, bytes.length),
      () => this.#server?.do(() => this.#serverEvents?.drained()),
    )
    this.#up.push({ kind: 'open' }, 1)
  }

  // ---- the page's end -------------------------------------------------------------------------------

  send(text: string): void {
    if (this.#closed) return
    this.#up.push({ kind: 'text', text }, text.length)
  }

  /** The page closes, and hears nothing any more. */
  close(): void {
    if (this.#closed) return
    this.#end()
    this.#up.push({ kind: 'close' }, 1)
  }

  // ---- the server's end -----------------------------------------------------------------------------

  /** The server takes it; from now on it hears of it. */
  accepted(events: ServerEvents): void {
    this.#serverEvents = events
  }

  /** The handshake is made, and the connection closed with it. */
  refuse(code: number, reason: string): void {
    this.socket.write(closeFrame(code, reason), () => {})
  }

  /** The socket is gone at once, and what waited in it; the page is told by a reset. */
  destroy(): void {
    this.socket.destroy()
    this.#serverEvents = undefined
    this.#breakDown()
  }

  // ---- faults ---------------------------------------------------------------------------------------

  /** Both ends are told of a reset; of what is on its way some arrives, the last of it in part. */
  cut(): void {
    this.#breakDown()
    this.#up.truncate()
    this.#up.push({ kind: 'reset' }, 1)
  }

  /** From now on nothing arrives, in one direction or both, and nobody is told. */
  vanish(direction: 'up' | 'down' | 'both'): void {
    if (direction !== 'down') {
      this.#up.vanish()
      this.#silent = true
    }
    if (direction !== 'up') this.#down.vanish()
  }

  /** The line has become quicker or slower. */
  replan(): void {
    this.#up.replan()
    this.#down.replan()
  }

  // ---- inside ---------------------------------------------------------------------------------------

  #breakDown(): void {
    const lost = this.#down.truncate()
    if (lost?.kind === 'bytes') {
      const bytes = lost.bytes.subarray(0, this.#parts.random.below(lost.bytes.length))
      this.#down.push({ kind: 'bytes', bytes }, bytes.length)
    }
    this.#down.push({ kind: 'reset' }, 1)
  }

  #arriveUp(item: Upward): void {
    if (item.kind === 'open') {
      const server = this.#parts.server()
      if (server === undefined) {
        this.#down.push({ kind: 'reset' }, 1)
        return
      }
      this.#server = server.owner
      this.#down.push({ kind: 'open' }, 1)
      server.owner.do(() => server.accept(this))
      return
    }
    const events = this.#serverEvents
    if (item.kind === 'text') events?.message(item.text)
    else if (item.kind === 'pong') events?.pong()
    else if (item.kind === 'close') events?.closed()
    else events?.broken()
  }

  #arriveDown(piece: Piece): void {
    if (piece.kind === 'bytes' && !this.#silent)
      this.#server?.do(() => this.socket.acknowledged(piece.bytes.length))
    if (this.#closed) return
    if (piece.kind === 'open') {
      this.#opened = true
      this.#parts.events.opened()
    } else if (piece.kind === 'reset') {
      this.#end()
      this.#parts.events.closed(1006, '')
    } else if (this.#opened) {
      for (const frame of this.#reader.take(piece.bytes)) this.#hear(frame)
    }
  }

  #hear({ opcode, payload }: Heard): void {
    if (this.#closed) return
    if (opcode === textOpcode) {
      const text = payload.toString()
      this.#parts.heard(text)
      this.#parts.events.message(text)
    } else if (opcode === pingOpcode) this.#up.push({ kind: 'pong' }, 1)
    else if (opcode === closeOpcode) {
      const { code, reason } = readClose(payload)
      this.#end()
      this.#up.push({ kind: 'close' }, 1)
      this.#parts.events.closed(code, reason)
    }
  }

  #end(): void {
    this.#closed = true
    this.#parts.ended(this)
  }
}
