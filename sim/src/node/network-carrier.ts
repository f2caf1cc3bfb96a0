import { LockstepError } from '@lockstep/protocol'
import type { Limits } from '@lockstep/server'
import type { Batch, Carrier, Connection, Engine, Requests, Runtime, Timer } from '@lockstep/server/stages'
import type { NetworkConnection } from '../network/connection.ts'
import { closeFrame, pingFrame } from '../network/frames.ts'
import { type Content, contentOfFrame } from './audit.ts'

export interface CarrierParts {
  readonly engine: Engine
  readonly requests: Requests
  readonly runtime: Runtime
  readonly limits: Limits
  /** Hears of every byte that leaves the process for a session. */
  readonly sent: (connection: Connection, content: Content) => void
  /** The connection has ended for the process. */
  readonly ended: (carrier: NetworkCarrier) => void
}

/** Carries the hub's messages into the modelled network, by the rules of `transport/websocket.ts` and of `ws` below it. */
export class NetworkCarrier implements Carrier {
  readonly connection: Connection
  readonly #network: NetworkConnection
  readonly #parts: CarrierParts
  #helloTimer: Timer | undefined
  #closeTimer: Timer | undefined
  #passed = -1
  #closing = false
  #gone = false

  /** @throws LockstepError as `Hub.connect` */
  constructor(network: NetworkConnection, parts: CarrierParts) {
    this.#network = network
    this.#parts = parts
    const { engine, runtime, limits } = parts
    this.connection = engine.hub.connect(this)
    this.#helloTimer = runtime.timer(limits.helloMs, () => {
      if (this.connection.session === undefined) this.connection.fail(new LockstepError('timeout'))
    })
    network.accepted({
      message: (text) => this.#take(text),
      pong: () => this.connection.heard(),
      drained: () => this.connection.drained(),
      closed: () => this.#destroy(),
      broken: () => this.#destroy(),
    })
  }

  /** Bytes of the largest batch that was handed to it. */
  largestBatch = 0

  /** Bytes that wait in the process. */
  get waitingBytes(): number {
    return this.#network.socket.writableLength
  }

  send(batch: Batch): boolean {
    if (this.#closing) return true
    const { socket } = this.#network
    this.largestBatch = Math.max(this.largestBatch, batch.bytes.length)
    const contents = batch.frames.flatMap((frame) => contentOfFrame(frame) ?? [])
    const leaves = (): void => {
      for (const content of contents) this.#parts.sent(this.connection, content)
    }
    return socket.write(batch.bytes, leaves) || socket.writableLength < this.#parts.limits.outboxBytesMax
  }

  get waiting(): boolean {
    return this.#network.socket.writableLength > 0
  }

  moved(): boolean {
    const { socket } = this.#network
    const passed = this.#passed
    const waiting = socket.writableLength
    this.#passed = waiting > 0 ? socket.bytesWritten - waiting : -1
    return passed >= 0 && socket.bytesWritten - waiting > passed
  }

  ping(): void {
    if (!this.#closing) this.#network.socket.write(pingFrame, () => {})
  }

  /** The peer is to answer with a close of its own; one that does not is dropped after a while. */
  close(code: number, reason: string): void {
    if (this.#closing) return
    this.#closing = true
    this.#network.socket.write(closeFrame(code, reason), () => {})
    this.#closeTimer = this.#parts.runtime.timer(this.#parts.limits.helloMs, () => this.#destroy())
  }

  terminate(): void {
    this.#closing = true
    this.#network.destroy()
    this.#parts.runtime.endOfTurn(() => this.#end())
  }

  /** The process is gone. */
  die(): void {
    this.#gone = true
    this.#network.destroy()
  }

  #take(text: string): void {
    if (this.#closing) return
    this.#parts.requests.take(this.connection, text)
    if (this.connection.session !== undefined && this.#helloTimer !== undefined) {
      this.#helloTimer.cancel()
      this.#helloTimer = undefined
    }
  }

  #destroy(): void {
    this.#closing = true
    this.#network.destroy()
    this.#end()
  }

  #end(): void {
    if (this.#gone) return
    this.#gone = true
    this.#helloTimer?.cancel()
    this.#closeTimer?.cancel()
    this.#parts.engine.hub.disconnect(this.connection)
    this.#parts.ended(this)
  }
}
