import { LockstepError, type ServerMessage } from '@lockstep/protocol'
import type { Session } from '../session/session.ts'
import { Batch } from './batch.ts'
import type { Carrier } from './carrier.ts'
import type { Subscription } from './subscription.ts'
import type { ConnectionTrace } from './tracing.ts'

/** Messages sent to a full carrier, all of them answers, after which a client that does not read is let go. */
const unreadMax = 4_000

/**
 * The life of one carrier. Has no queue of its own: what a full carrier cannot take stays in the log, and
 * the connection's subscriptions remember how far they were sent (promise G12).
 */
export class Connection {
  readonly carrier: Carrier
  readonly subscriptions: Map<string, Subscription> = new Map()
  /** Undefined until `hello`. */
  session: Session<Connection> | undefined
  /** The carrier is at its bound: nothing but answers to requests is sent until it has drained. */
  full = false
  /** Number of subscriptions in state `behind`. */
  behind = 0
  closed = false
  /** Messages sent since the carrier is full. */
  #unread = 0
  /** Subscriptions whose snapshot waits for room. */
  waiting: Set<Subscription> | undefined
  /** Its part of the heartbeat. */
  readonly part: number
  /** Something was heard since the last heartbeat. */
  alive = true
  /** Tokens left of the request allowance, and when it was last filled. @see Requests */
  allowance: number
  allowanceAt: number
  /** What waits for the connection to have caught up: confirmations and barrier replies, in order. */
  afterCatchUp: Batch[] | undefined
  /** Subscriptions that were not told of changes of their channels' states. @see Notices */
  missed: Set<Subscription> | undefined
  /** Channels that were left while bytes of them may have waited in the carrier, and as which view they were seen. */
  left: Map<string, number> | undefined
  /** Where there is an inspector. */
  trace: ConnectionTrace | undefined
  readonly #onDrained: (connection: Connection) => void

  constructor(
    carrier: Carrier,
    given: { readonly allowance: number; readonly now: number; readonly part: number },
    onDrained: (connection: Connection) => void,
  ) {
    this.carrier = carrier
    this.allowance = given.allowance
    this.allowanceAt = given.now
    this.part = given.part
    this.#onDrained = onDrained
  }

  /** Sends at once, whether full or not: only for answers. A client that never reads them is let go. */
  send(message: ServerMessage): void {
    this.trace?.told(message)
    this.sendBatch(Batch.of(message))
  }

  sendBatch(batch: Batch): void {
    if (this.closed) return
    if (this.full && ++this.#unread > unreadMax) this.fail(new LockstepError('too_fast'))
    else if (!this.carrier.send(batch)) this.full = true
  }

  sendError(error: LockstepError, about: { id?: number; channel?: string } = {}): void {
    this.send({ type: 'error', ...about, error: error.toJSON() })
  }

  /** Closes with the error's close code. */
  fail(error: LockstepError): void {
    if (!this.closed) this.carrier.close(error.close, error.code)
  }

  /** The subscription goes; what was sent of its channel may still wait. */
  leave(subscription: Subscription): void {
    if (!this.carrier.waiting) this.left = undefined
    else if (subscription.isGranted) {
      this.left ??= new Map()
      this.left.set(subscription.channel, subscription.view)
    }
  }

  /** For carriers: room again. */
  drained(): void {
    if (!this.full) return
    this.full = false
    this.#unread = 0
    this.#onDrained(this)
  }

  /** For carriers: the peer lives. */
  heard(): void {
    this.alive = true
    this.trace?.heard()
  }

  /** Everything that live subscriptions should have been sent has been handed to the carrier. */
  get caughtUp(): boolean {
    return this.behind === 0
  }
}
