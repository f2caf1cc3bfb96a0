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
import { knownNotice, type Notice, noticeOf } from './notice.ts'
import type { Parcel } from './parcel.ts'
import { Queue } from './queue.ts'
import { Recent } from './recent.ts'
import type { HubChannel } from './shown.ts'

/** A stream to a client, a WebSocket or an EventSource, that can be written to at any time. */
export interface Outlet {
  /** Sends messages. False: it has taken them, and wants no more until it calls `roomAgain`. */
  send(parcels: readonly Parcel[]): boolean
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
  release(parcels: readonly Parcel[], more?: Reply): void
  /** It will not be answered: nobody is there any more. */
  forget(): void
}

/** What a client makes of what the hub says of its channels: transactions, notices, resets, grants and refusals. */
export interface Listener {
  transaction(transaction: Encoded): readonly Parcel[]
  notice(notice: Notice): readonly Parcel[]
  control(message: ServerMessage): readonly Parcel[]
  snapshot(channel: string, position: string): readonly Parcel[]
}

export interface ClientParts {
  readonly id: string
  /** ms since 1970 */
  readonly now: number
  /** Requests that it may make at once. */
  readonly allowance: number
  readonly limits: BayeuxLimits
  listener(client: BayeuxClient): Listener
  /** The client is gone. */
  ended(client: BayeuxClient): void
}

/** A Bayeux client: its queue, and the way to it. To the hub it is a carrier. */
export class BayeuxClient implements Carrier {
  // First what every delivery looks at: it lies together in memory.
  /** The outlet where messages can go straight to it: nothing waits then. */
  #direct: Outlet | undefined
  /** The channel that the last transaction was of: mostly the next one's too. */
  hears: HubChannel | undefined
  readonly #listener: Listener
  readonly id: string
  readonly queue: Queue
  readonly recent: Recent = new Recent()
  /** Undefined until somebody has signed in. */
  connection: Connection | undefined
  user: User | null = null
  /** Acknowledges by CometD's extension: messages go with replies to connect only. */
  acks = false
  /** Asks to go on by position: then a broken carrier ends the client, and its next one is told everything. */
  resumes = false
  /** Where it said at the handshake that it stands: what its first subscriptions go on from. */
  from: unknown
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
  #answered: { readonly id: unknown; readonly parcels: readonly Parcel[] } | undefined
  readonly #limits: BayeuxLimits
  readonly #ended: (client: BayeuxClient) => void
  /** Requests of this client in turn, so that subscriptions happen in the order they were asked for. */
  turn: Promise<unknown> = Promise.resolve()

  constructor(parts: ClientParts) {
    this.id = parts.id
    this.seenAt = parts.now
    this.allowance = { left: parts.allowance, at: parts.now }
    this.queue = new Queue()
    this.#limits = parts.limits
    this.#ended = parts.ended
    this.#listener = parts.listener(this)
  }

  // ---- to the client --------------------------------------------------------------------------------

  /** Messages that are in no log: a client that does not fetch them is let go. */
  deliver(parcels: readonly Parcel[]): void {
    this.queue.push(parcels)
    this.flush()
    if (this.#isFull) this.end()
  }

  /** Sends what waits, if there is a way. */
  flush(): void {
    if (!this.queue.hasWaiting || this.ended) return
    if (this.outlet !== undefined && !this.acks) {
      if (this.#blocked) return
      this.#route(this.outlet, !this.outlet.send(this.queue.take()))
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
  takeForReply(): readonly Parcel[] {
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

  #route(outlet: Outlet | undefined, blocked: boolean): void {
    this.outlet = outlet
    this.#blocked = blocked
    this.#direct = blocked || this.acks ? undefined : outlet
  }

  attach(outlet: Outlet): void {
    if (this.outlet === outlet) return
    const before = this.outlet
    this.#route(outlet, false)
    before?.close()
    this.flush()
  }

  /** The outlet is gone. What was sent last on it may be lost. */
  detach(outlet: Outlet, now: number): void {
    if (this.outlet !== outlet) return
    this.#route(undefined, false)
    this.held?.forget()
    this.held = undefined
    this.seenAt = now
    if (this.resumes) this.end()
  }

  roomAgain(outlet: Outlet): void {
    if (this.outlet !== outlet) return
    this.#route(outlet, false)
    this.flush()
    this.#drained()
  }

  /** It polls from now on. */
  leaveOutlet(): void {
    const { outlet } = this
    this.#route(undefined, false)
    outlet?.close()
  }

  /** The request whose connect is held broke off; nothing of the queue has left with it. */
  abandon(incoming: IncomingMessage, now: number): void {
    if (this.held?.incoming !== incoming) return
    this.held.forget()
    this.held = undefined
    this.seenAt = now
  }

  /** Remembers what went with the reply to a connect: whoever gets no reply asks again with the same id. */
  answered(id: unknown, parcels: readonly Parcel[]): void {
    // What is acknowledged waits in the queue until it is.
    const isKept = id !== undefined && parcels.length > 0 && !this.acks
    this.#answered = isKept ? { id, parcels } : undefined
  }

  /** What the reply to a connect of this id has carried, where it was the last one. */
  repeated(id: unknown): readonly Parcel[] | undefined {
    return id !== undefined && this.#answered?.id === id ? this.#answered.parcels : undefined
  }

  end(reason?: string): void {
    if (this.ended) return
    this.endedFor = reason
    this.ended = true
    const { held, outlet } = this
    this.held = undefined
    this.#route(undefined, false)
    held?.release([])
    outlet?.close()
    this.#ended(this)
  }

  // ---- from the hub ---------------------------------------------------------------------------------

  send(batch: Batch): boolean {
    const { frames } = batch
    const [only] = frames
    const first = only === undefined ? [] : this.#parcelsOf(only)
    // The usual case: nothing waits, and what a thousand clients are sent is the same list.
    if (frames.length === 1 && this.#direct !== undefined) {
      if (first.length > 0 && !this.#direct.send(first)) this.#route(this.#direct, true)
      return true
    }
    this.queue.push(first)
    for (let i = 1; i < frames.length; i++) this.queue.push(this.#parcelsOf(frames[i] as Frame)) // below its length
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

  #parcelsOf(frame: Frame): readonly Parcel[] {
    const known = knownEncoded(frame)
    if (known !== undefined) {
      const { hears } = this
      return hears?.name === known.channel ? hears.transaction(known) : this.#listener.transaction(known)
    }
    const told = knownNotice(frame)
    if (told !== undefined) return this.#listener.notice(told)
    const start = frame.bytes.toString('utf8', frame.payloadStart, frame.payloadStart + snapshotStartMax)
    const snapshot = /^\{"type":"snapshot","channel":"([^"]+)","position":"([^"]+)"/.exec(start)
    // Bayeux has no snapshots: its rows are not even read.
    if (snapshot !== null) return this.#listener.snapshot(snapshot[1] ?? '', snapshot[2] ?? '')
    const message = JSON.parse(payloadOf(frame)) as ServerMessage // a frame of ours
    if (message.type === 'transaction') {
      return this.#listener.transaction(encodedOf(frame, () => message))
    }
    const notice = noticeOf(frame, message)
    return notice === undefined ? this.#listener.control(message) : this.#listener.notice(notice)
  }
}

/** Bytes of a snapshot that hold its channel and position. */
const snapshotStartMax = 400
