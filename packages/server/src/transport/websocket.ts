import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { LockstepError } from '@lockstep/protocol'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import type { Batch } from '../hub/batch.ts'
import type { Carrier } from '../hub/carrier.ts'
import type { Connection } from '../hub/connection.ts'
import type { Hub } from '../hub/hub.ts'
import type { Requests } from '../hub/requests.ts'
import type { Limits } from '../limits.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import { Oversize } from './oversize.ts'

export interface WebSocketParts {
  readonly hub: Hub
  readonly requests: Requests
  readonly limits: Limits
  readonly runtime: Runtime
}

/**
 * Control frames (pings) a client may send between two heartbeats. At 60 pongs that wait in the socket `ws`
 * hangs up without a word; a flood is told why before that.
 */
const pingsMax = 50

/** Head and mask of a client's ping or pong. @see RFC 6455, 5.2 */
const controlHeadBytes = 6

interface CarrierParts extends WebSocketParts {
  readonly oversize: Oversize
}

/**
 * Carries the hub's messages over WebSockets. `ws` speaks the protocol (handshake, parsing, pongs, close);
 * messages go out as whole ready-made frames straight to the socket, so that a frame is built once for all.
 */
export class WebSocketTransport {
  readonly #parts: CarrierParts
  readonly #server: WebSocketServer

  constructor(parts: WebSocketParts) {
    this.#parts = { ...parts, oversize: new Oversize(parts.limits.oversizeBytesMax) }
    const options = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: parts.limits.frameBytesMax,
      WebSocket: CarriedWebSocket,
      // As long as a peer may take to say hello it may take to say goodbye: a server that closes waits for it.
      // Not in the type declarations.
      closeTimeout: parts.limits.helloMs,
    }
    this.#server = new WebSocketServer(options)
  }

  /** Completes an upgrade whose path and origin have been checked. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(request, socket, head, (webSocket: CarriedWebSocket) => {
      webSocket.on('error', onError)
      try {
        // An HTTP server's upgrade gives a socket; the type says Duplex for servers that make their own.
        open(webSocket, socket as Socket, this.#parts)
      } catch (error) {
        const refusal =
          error instanceof LockstepError ? error : new LockstepError('internal', undefined, { cause: error })
        webSocket.close(refusal.close, refusal.code)
      }
    })
  }

  close(): void {
    this.#server.close()
  }
}

/** The state of one socket; listeners are shared functions that find it on their `this`, to save memory. */
class WebSocketCarrier implements Carrier {
  readonly webSocket: CarriedWebSocket
  readonly socket: Socket
  readonly parts: CarrierParts
  readonly connection: Connection
  /** Ends a connection that never says hello. */
  helloTimer: Timer | undefined
  pings = 0
  /** Bytes that had left for the kernel at the last heartbeat, if more were waiting then; otherwise -1. */
  passed = -1
  closing = false
  /** Bytes that came since the last whole message: `ws` keeps them. */
  arrived = 0
  /** How many of them are beyond a message's bound. */
  oversize = 0

  constructor(webSocket: CarriedWebSocket, socket: Socket, parts: CarrierParts) {
    this.webSocket = webSocket
    this.socket = socket
    this.parts = parts
    this.connection = parts.hub.connect(this)
    this.helloTimer = parts.runtime.timer(parts.limits.helloMs, () => {
      if (this.connection.session === undefined) this.connection.fail(new LockstepError('timeout'))
    })
  }

  send(batch: Batch): boolean {
    const { socket } = this
    // Nothing may follow a close frame (RFC 6455, 5.5.1).
    if (this.closing) return true
    // `write` says false above its own mark, far below our bound: only then is the real length looked at.
    return socket.write(batch.bytes) || socket.writableLength < this.parts.limits.outboxBytesMax
  }

  get waiting(): boolean {
    return this.socket.writableLength > 0
  }

  moved(): boolean {
    const { socket, passed } = this
    const waiting = socket.writableLength
    this.passed = waiting > 0 ? socket.bytesWritten - waiting : -1
    // Without a queue then, the kernel's buffer had room: bytes that went there say nothing of the peer.
    return passed >= 0 && socket.bytesWritten - waiting > passed
  }

  ping(): void {
    this.pings = 0
    if (!this.closing) this.webSocket.ping()
  }

  close(code: number, reason: string): void {
    if (!this.closing) this.webSocket.close(code, reason)
  }

  terminate(): void {
    this.webSocket.terminate()
  }

  take(text: string): void {
    if (this.closing) return
    this.parts.requests.take(this.connection, text)
    if (this.connection.session !== undefined && this.helloTimer !== undefined) {
      this.helloTimer.cancel()
      this.helloTimer = undefined
    }
  }

  /** Bytes come, which `ws` has not looked at yet; what came before them is a message that is not whole. */
  arrive(bytes: number): void {
    const beyond = this.arrived - this.parts.limits.messageBytesMax
    this.arrived += bytes
    if (beyond <= this.oversize || this.closing) return
    if (this.parts.oversize.take(beyond - this.oversize)) this.oversize = beyond
    else {
      // Everybody together has no room for it. What follows is not read, not even its answer to the close.
      this.close(1009, 'too large')
      this.socket.pause()
    }
  }

  /** What came was no part of a message, but a ping or a pong with so many bytes. */
  arrivedBeside(bytes: number): void {
    this.arrived = Math.max(0, this.arrived - bytes - controlHeadBytes)
  }

  /** Nothing is under way, or a new message begins. */
  arrivedWhole(): void {
    this.arrived = 0
    if (this.oversize === 0) return
    this.parts.oversize.give(this.oversize)
    this.oversize = 0
  }

  gone(): void {
    this.arrivedWhole()
    this.helloTimer?.cancel()
    this.helloTimer = undefined
    this.parts.hub.disconnect(this.connection)
  }
}

/** Tells its carrier of every close, also of those that `ws` decides on: after a broken frame, or the peer's. */
class CarriedWebSocket extends WebSocket {
  /** Optional, so that listeners of the base class fit. */
  carrier?: WebSocketCarrier

  override close(code?: number, reason?: string | Buffer): void {
    if (this.carrier !== undefined) this.carrier.closing = true
    super.close(code, reason)
  }
}

const carrierKey = Symbol('carrier')

interface CarriedSocket extends Socket {
  [carrierKey]?: WebSocketCarrier
}

function open(webSocket: CarriedWebSocket, socket: CarriedSocket, parts: CarrierParts): void {
  const carrier = new WebSocketCarrier(webSocket, socket, parts)
  webSocket.carrier = carrier
  socket[carrierKey] = carrier
  webSocket.on('message', onMessage)
  webSocket.on('pong', onPong)
  webSocket.on('ping', onPing)
  webSocket.on('close', onClose)
  socket.on('drain', onDrain)
  // Before `ws` has it: a message that ends in it makes the count begin anew.
  socket.prependListener('data', onData)
}

function onMessage(this: CarriedWebSocket, data: RawData, isBinary: boolean): void {
  const { carrier } = this
  if (carrier === undefined) return
  carrier.arrivedWhole()
  if (isBinary) carrier.close(1003, 'text only')
  else carrier.take(data.toString())
}

function onPong(this: CarriedWebSocket, data: Buffer): void {
  this.carrier?.arrivedBeside(data.length)
  this.carrier?.connection.heard()
}

function onPing(this: CarriedWebSocket, data: Buffer): void {
  const { carrier } = this
  if (carrier === undefined) return
  carrier.arrivedBeside(data.length)
  carrier.connection.heard()
  if (++carrier.pings > pingsMax) carrier.connection.fail(new LockstepError('too_fast'))
}

function onClose(this: CarriedWebSocket): void {
  this.carrier?.gone()
}

/**
 * A broken frame or socket: `ws` closes with the standard's code, and `close` follows. Without a listener
 * it would end the process, so that refused connections need it as well.
 */
function onError(): void {}

function onData(this: CarriedSocket, chunk: Buffer): void {
  this[carrierKey]?.arrive(chunk.length)
}

function onDrain(this: CarriedSocket): void {
  this[carrierKey]?.connection.drained()
}
