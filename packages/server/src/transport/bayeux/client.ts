import type { IncomingMessage } from 'node:http'
import type { ServerMessage } from '@lockstep/protocol'
import type { User } from '../../definition/definition.ts'
import type { Batch } from '../../hub/batch.ts'
import type { Carrier } from '../../hub/carrier.ts'
import type { Connection } from '../../hub/connection.ts'
import type { Frame } from '../../log/frame.ts'
import { payloadOf } from '../../log/frame.ts'
import type { BayeuxLimits, Bucket } from './limits.ts'
import { type Encoded, encodedOf, knownEncoded } from './mapping.ts'
import type { Reply } from './message.ts'
import { Queue } from './queue.ts'

/** A stream to a client, a WebSocket or an EventSource, that can be written to at any time. */
export interface Outlet {
  /** Sends an array of messages. False: it has taken them, and wants no more until it calls `roomAgain`. */
  send(texts: readonly string[]): boolean
  /** Whether bytes that were sent still wait in this process. */
  readonly waiting: boolean
  /** Its client has gone elsewhere, or is no more. */
  close(): void
  /** Ends it with all that still waits in it. */
  destroy(): void
}

/** A connect that waits for messages. */
export interface Held {
  readonly incoming: IncomingMessage
  /** Answers it: with messages, and what the reply says beside the usual. */
  release(texts: readonly string[], more?: Reply): void
}

export interface ClientHooks {
  /** What the hub says of its channels: transactions, resets, grants and refusals. */
  transaction(client: BayeuxClient, transaction: Encoded): readonly string[]
  control(client: BayeuxClient, message: ServerMessage): readonly string[]
  snapshot(client: BayeuxClient, channel: string, position: string): readonly string[]
  /** The client is gone. */
  ended(client: BayeuxClient): void
}

/** A Bayeux client: its queue, and the way to it. To the hub it is a carrier. */
export class BayeuxClient implements Carrier {
  readonly id: string
  readonly queue: Queue
  /** Undefined until somebody has signed in. */
  connection: Connection | undefined
  user: User | null = null
  /** Acknowledges by CometD's extension: messages go with replies to connect only. */
  acks = false
  /** Asks to go on by position: then a broken carrier ends the client, and its next one is told everything. */
  resumes = false
  /** When it was last heard of, ms since 1970. */
  seenAt: number
  allowance: Bucket
  ended = false
  /** Why, where the hub has ended it. */
  endedFor: string | undefined
  /** A fresh session token that the next reply to connect carries. */
  token: string | undefined
  /** Everything up to here has been handed over, of all its channels: the hub's last heartbeat. */
  position: string | undefined
  held: Held | undefined
  outlet: Outlet | undefined
  /** The outlet wants no more for now. */
  #blocked = false
  #answered: { readonly id: unknown; readonly texts: readonly string[] } | undefined
  readonly #limits: BayeuxLimits
  readonly #hooks: ClientHooks
  /** Requests of this client in turn, so that subscriptions happen in the order they were asked for. */
  turn: Promise<unknown> = Promise.resolve()

  constructor(id: string, now: number, allowance: number, limits: BayeuxLimits, hooks: ClientHooks) {
    this.id = id
    this.seenAt = now
    this.allowance = { left: allowance, at: now }
    this.queue = new Queue()
    this.#limits = limits
    this.#hooks = hooks
  }

  // ---- to the client --------------------------------------------------------------------------------

  /** Messages that are in no log: a client that does not fetch them is let go. */
  deliver(texts: readonly string[]): void {
    this.queue.push(texts)
    this.flush()
    if (this.#isFull) this.end()
  }

  /** Sends what waits, if there is a way. */
  flush(): void {
    if (!this.queue.hasWaiting || this.ended) return
    if (this.outlet !== undefined && !this.acks) {
      if (this.#blocked) return
      this.#blocked = !this.outlet.send(this.queue.take())
    } else if (this.held !== undefined) {
      this.release()
      return
    } else return
    this.#drained()
  }

  /** Answers the connect that is held, if there is one, with what waits. */
  release(more?: Reply): void {
    const { held } = this
    this.held = undefined
    held?.release(this.takeForReply(), more)
    if (held !== undefined) this.#drained()
  }

  /** What goes along with a reply to connect. */
  takeForReply(): readonly string[] {
    if (this.outlet !== undefined && !this.acks) return []
    return this.acks ? this.queue.takeBatch() : this.queue.take()
  }

  /** Room again: what stayed in the log may follow. */
  #drained(): void {
    if (!this.#isFull) this.connection?.drained()
  }

  acknowledged(batch: number): void {
    this.queue.acknowledge(batch)
    this.#drained()
  }

  get #isFull(): boolean {
    return this.queue.size >= this.#limits.queueMessagesMax || this.queue.bytes >= this.#limits.queueBytesMax
  }

  attach(outlet: Outlet): void {
    if (this.outlet === outlet) return
    const before = this.outlet
    this.outlet = outlet
    this.#blocked = false
    before?.close()
    this.flush()
  }

  /** The outlet is gone. What was sent last on it may be lost. */
  detach(outlet: Outlet, now: number): void {
    if (this.outlet !== outlet) return
    this.outlet = undefined
    this.#blocked = false
    this.held = undefined
    this.seenAt = now
    if (this.resumes) this.end()
  }

  roomAgain(outlet: Outlet): void {
    if (this.outlet !== outlet) return
    this.#blocked = false
    this.flush()
    this.#drained()
  }

  /** It polls from now on. */
  leaveOutlet(): void {
    const { outlet } = this
    this.outlet = undefined
    this.#blocked = false
    outlet?.close()
  }

  /** The request whose connect is held broke off; nothing of the queue has left with it. */
  abandon(incoming: IncomingMessage, now: number): void {
    if (this.held?.incoming !== incoming) return
    this.held = undefined
    this.seenAt = now
  }

  /** Remembers what went with the reply to a connect: whoever gets no reply asks again with the same id. */
  answered(id: unknown, texts: readonly string[]): void {
    this.#answered = id === undefined || texts.length === 0 ? undefined : { id, texts }
  }

  /** What the reply to a connect of this id has carried, where it was the last one. */
  repeated(id: unknown): readonly string[] | undefined {
    return id !== undefined && this.#answered?.id === id ? this.#answered.texts : undefined
  }

  end(reason?: string): void {
    if (this.ended) return
    this.endedFor = reason
    this.ended = true
    const { held, outlet } = this
    this.held = undefined
    this.outlet = undefined
    held?.release([])
    outlet?.close()
    this.#hooks.ended(this)
  }

  // ---- from the hub ---------------------------------------------------------------------------------

  send(batch: Batch): boolean {
    for (const frame of batch.frames) this.queue.push(this.#textsOf(frame))
    this.flush()
    return !this.#isFull
  }

  get waiting(): boolean {
    return this.queue.size > 0 || (this.outlet?.waiting ?? false)
  }

  /** Whether it is gone is for us to tell: between two polls a client says nothing. */
  moved(): boolean {
    return true
  }

  ping(): void {}

  close(_code: number, reason: string): void {
    this.end(reason)
  }

  terminate(): void {
    const { outlet } = this
    this.end()
    outlet?.destroy()
  }

  #textsOf(frame: Frame): readonly string[] {
    const known = knownEncoded(frame)
    if (known !== undefined) return this.#hooks.transaction(this, known)
    const start = frame.bytes.toString('utf8', frame.payloadStart, frame.payloadStart + snapshotStartMax)
    const snapshot = /^\{"type":"snapshot","channel":"([^"]+)","position":"([^"]+)"/.exec(start)
    // Bayeux has no snapshots: its rows are not even read.
    if (snapshot !== null) return this.#hooks.snapshot(this, snapshot[1] ?? '', snapshot[2] ?? '')
    const message = JSON.parse(payloadOf(frame)) as ServerMessage // a frame of ours
    if (message.type === 'transaction') {
      return this.#hooks.transaction(
        this,
        encodedOf(frame, () => message),
      )
    }
    return this.#hooks.control(this, message)
  }
}

/** Bytes of a snapshot that hold its channel and position. */
const snapshotStartMax = 400
