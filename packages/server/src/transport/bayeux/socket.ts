import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { LockstepError } from '@lockstep/protocol'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import type { Timer } from '../../runtime/runtime.ts'
import { type Answers, join, type Way } from './answers.ts'
import type { Bayeux } from './bayeux.ts'
import type { Outlet } from './client.ts'
import type { Stream } from './extensions.ts'
import { messagesOf } from './message.ts'
import { Joiner, type Parcel } from './parcel.ts'

/** Requests of a WebSocket that wait for those before them: at this many nothing more is read of it. */
const waitingMax = 16
/** The same where they had come in one piece; more, and it is closed. */
const waitingInPieceMax = 1_000
/** Pings of a WebSocket between two looks at it; more, and it is closed. */
const pingsMax = 50
/** Bytes that wait in a socket before it wants no more. */
const outboxBytesMax = 262_144

/** Bayeux over WebSockets: every text is an array of messages, whichever way it goes. */
export class BayeuxSockets {
  readonly #bayeux: Bayeux
  readonly #answers: Answers
  readonly #server: WebSocketServer
  readonly #open = new Set<Carried>()
  readonly #joiner = new Joiner()
  #look: Timer | undefined

  constructor(bayeux: Bayeux, answers: Answers) {
    this.#bayeux = bayeux
    this.#answers = answers
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: bayeux.limits.bodyBytesMax,
      WebSocket: CarriedWebSocket,
    })
    this.#schedule()
  }

  /** Completes an upgrade whose path, head and origin have been checked. */
  upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(incoming, socket, head, (webSocket) => {
      const carried = new Carried({
        bayeux: this.#bayeux,
        answers: this.#answers,
        joiner: this.#joiner,
        incoming,
        webSocket,
        // An HTTP server's upgrade gives a socket; the type says Duplex for servers that make their own.
        socket: socket as Socket,
      })
      this.#open.add(carried)
      webSocket.on('close', () => this.#open.delete(carried))
    })
  }

  /** Says goodbye, after what clients are being told at this moment. */
  close(): void {
    this.#look?.cancel()
    this.#server.close()
    this.#bayeux.parts.runtime.endOfTurn(() => {
      for (const { parts } of this.#open) parts.webSocket.close(1001)
    })
  }

  #schedule(): void {
    const { parts, limits } = this.#bayeux
    this.#look = parts.runtime.timer(limits.bodyMs, () => {
      for (const carried of this.#open) carried.expectClient()
      this.#schedule()
    })
  }
}

interface CarriedParts {
  readonly bayeux: Bayeux
  readonly answers: Answers
  readonly joiner: Joiner
  readonly incoming: IncomingMessage
  readonly webSocket: CarriedWebSocket
  readonly socket: Socket
}

/** Tells of every close, also of those that `ws` decides on: after a broken frame, or the peer's. */
class CarriedWebSocket extends WebSocket {
  /** Optional, so that listeners of the base class fit. */
  carried?: Carried

  override close(code?: number, reason?: string | Buffer): void {
    if (this.carried !== undefined) this.carried.closing = true
    super.close(code, reason)
  }
}

/** One WebSocket: usually of one client, at times of none or several. */
class Carried implements Outlet {
  closing = false
  readonly #socket: Socket
  readonly #joiner: Joiner
  /** Where extensions look at what goes out. */
  readonly #stream: Stream | undefined
  readonly parts: CarriedParts
  readonly #way: Way
  readonly #clients = new Set<string>()
  /** Requests in turn. */
  #turn: Promise<unknown> = Promise.resolve()
  #waiting = 0
  /** Without a client, and nothing was heard since the last look. */
  #silent = false
  #pings = 0
  /** Ends a socket on which nothing is ever said. */
  readonly #helloTimer: Timer

  constructor(parts: CarriedParts) {
    this.parts = parts
    const { bayeux, webSocket, socket, incoming, joiner } = parts
    webSocket.carried = this
    this.#helloTimer = bayeux.parts.runtime.timer(bayeux.limits.helloMs, () =>
      webSocket.close(4408, 'timeout'),
    )
    this.#socket = socket
    this.#joiner = joiner
    this.#way = { incoming, identifies: true, outlet: this, alone: true, clients: this.#clients }
    this.#stream = bayeux.extensions.stream(
      (parcels) => this.#write(parcels),
      () => this.#roomAgain(),
    )
    // A broken frame or socket: `close` follows.
    webSocket.on('error', () => {})
    webSocket.on('close', () => {
      this.#helloTimer.cancel()
      for (const id of this.#clients) bayeux.find(id)?.detach(this, bayeux.parts.runtime.now())
    })
    webSocket.on('ping', () => {
      if (++this.#pings > pingsMax) webSocket.close(4429, 'too_fast')
    })
    webSocket.on('message', (data: RawData, isBinary: boolean) => this.#heard(data, isBinary))
    socket.on('drain', () => {
      this.#roomAgain()
      this.#regulate()
    })
  }

  send(parcels: readonly Parcel[]): boolean {
    return this.#stream === undefined ? this.#write(parcels) : this.#stream.send(parcels)
  }

  #write(parcels: readonly Parcel[]): boolean {
    // Nothing may follow a close frame (RFC 6455, 5.5.1).
    if (this.closing) return true
    // Whole frames, the same bytes for all, go past `ws`, which would make them for each.
    return this.#socket.write(this.#joiner.bytesOf(parcels)) || this.#socket.writableLength < outboxBytesMax
  }

  get waiting(): boolean {
    return this.#socket.writableLength > 0
  }

  /** A socket carries one client; another one on it takes its place, or it has gone elsewhere. */
  close(): void {}

  destroy(): void {
    // A client that shook hands twice leaves one behind, which ends before it does.
    for (const id of this.#clients) if (this.parts.bayeux.find(id) !== undefined) return
    this.parts.webSocket.terminate()
  }

  /** Whoever opens a socket has something to say, and whose client is gone shakes hands again. */
  expectClient(): void {
    this.#pings = 0
    const { bayeux, webSocket } = this.parts
    for (const id of this.#clients) if (bayeux.find(id) === undefined) this.#clients.delete(id)
    if (this.#clients.size > 0) return
    if (this.#silent) webSocket.close(4408, 'timeout')
    this.#silent = true
  }

  #roomAgain(): void {
    for (const id of this.#clients) this.parts.bayeux.find(id)?.roomAgain(this)
  }

  #heard(data: RawData, isBinary: boolean): void {
    const { webSocket } = this.parts
    this.#silent = false
    this.#helloTimer.cancel()
    if (isBinary || ++this.#waiting > waitingInPieceMax) {
      webSocket.close(isBinary ? 1003 : 4429, isBinary ? 'text only' : 'too_fast')
      return
    }
    this.#regulate()
    const text = data.toString()
    this.#turn = this.#turn
      .then(() => this.#take(text))
      .catch((error: unknown) => {
        const refusal = error instanceof LockstepError ? error : new LockstepError('internal')
        webSocket.close(refusal.close, refusal.code)
      })
      .finally(() => {
        this.#waiting--
        this.#regulate()
      })
  }

  /** Whoever does not read its answers, or asks quicker than it can be answered, is not read either. */
  #regulate(): void {
    const { webSocket, socket } = this.parts
    const isFull = this.#waiting >= waitingMax || socket.writableLength >= outboxBytesMax
    if (isFull === webSocket.isPaused || webSocket.readyState !== webSocket.OPEN) return
    if (isFull) webSocket.pause()
    else webSocket.resume()
  }

  async #take(text: string): Promise<void> {
    // Faye's way of asking whether the socket lives.
    if (text === '[]') return this.#answer([])
    const messages = messagesOf(text)
    if (messages === undefined) throw new LockstepError('bad_request')
    if (messages.length > this.parts.bayeux.limits.batchMax) throw new LockstepError('too_large')
    for (const answer of await this.parts.answers.take(messages, this.#way)) {
      void answer.then((texts) => {
        if (this.#stream === undefined) this.#say(texts)
        else this.#stream.after(() => this.#say(texts))
      })
    }
  }

  #say(texts: readonly string[]): void {
    if (texts.length > 0) this.#answer(texts)
  }

  #answer(texts: readonly string[]): void {
    if (this.closing) return
    this.parts.webSocket.send(join(texts))
    this.#regulate()
  }
}
