import type { Confirmed, Live, Reset, Snapshot, TransactionMessage, WirePosition } from '@lockstep/protocol'
import { isBeyond } from './position.ts'

/** What is applied in order: everything that can move a channel, and what confirms a write. */
export type Held = Reset | Snapshot | TransactionMessage | Live | Confirmed

export type Phase =
  /** Not asked for on this connection. */
  | 'idle'
  /** Asked for; messages until `subscribed` belong to an earlier request. */
  | 'asked'
  /** Granted: what comes is held until `live`. */
  | 'filling'
  | 'live'
  /** Taken away by the server, or refused; not asked for again by itself. */
  | 'revoked'
  | 'refused'

/** What to do with a message: apply it in its turn, keep it until `live`, nothing, or ask anew. */
export type Verdict = 'apply' | 'hold' | 'skip' | 'hole'

/** Where one channel stands in the stream: the rules of positions (G2, G3), without effects. */
export class Subscription {
  phase: Phase = 'idle'
  /** Everything up to here has been applied. Undefined: there are no rows. */
  declare position: WirePosition | undefined
  /** Everything up to here has been received. */
  #received: WirePosition | undefined
  /** Number of the request that counts. */
  request = -1
  /** Asked for while others were live, with nothing to show yet: nobody waits for it. */
  late = false
  /** What came between `subscribed` and `live`. */
  held: Held[] = []

  /** Which columns the rows began with, to be told with the position. */
  declare view: number | undefined

  /** Starts a request. Returns the position to go on from. */
  ask(request: number, late: boolean): WirePosition | undefined {
    if (this.phase !== 'live') this.#received = this.position
    this.phase = 'asked'
    this.request = request
    this.late = late
    this.held = this.held.filter(({ type }) => type === 'confirmed')
    return this.#received
  }

  granted(request: number): void {
    if (this.phase === 'asked' && this.request === request) this.phase = 'filling'
  }

  /** The connection is gone, and what was not applied with it. */
  disconnected(): void {
    if (this.on) this.phase = 'idle'
    this.held = []
  }

  /** Whether there are rows on show that are behind those of other channels. */
  get behind(): boolean {
    return this.pending && this.position !== undefined
  }

  /** The server knows of it, as far as we know. */
  get on(): boolean {
    return this.pending || this.phase === 'live'
  }

  get pending(): boolean {
    return this.phase === 'asked' || this.phase === 'filling'
  }

  take(message: Held): Verdict {
    if (this.phase === 'live' && message.type === 'reset') {
      this.phase = 'filling'
      this.late = false
    }
    if (this.phase !== 'filling' && this.phase !== 'live') return 'skip'
    const verdict = this.phase === 'filling' ? 'hold' : 'apply'
    if (message.type === 'transaction') {
      const received = this.#received
      if (received === undefined || isBeyond(message.prev, received) !== false) return 'hole'
      if (isBeyond(message.position, received) !== true) return 'skip'
      this.#received = message.position
    } else if (message.type === 'snapshot') {
      if (verdict === 'apply') return 'skip'
      this.#received = message.position
    } else if (message.type === 'live') {
      if (verdict === 'apply') return 'skip'
      if (this.#received === undefined || isBeyond(this.#received, message.position) === undefined)
        return 'hole'
      this.progress(message.position)
      this.phase = 'live'
      return 'apply'
    }
    return verdict
  }

  /** Everything up to here was sent. */
  progress(position: WirePosition): void {
    if (this.#received !== undefined && isBeyond(position, this.#received)) this.#received = position
  }

  /** Everything received has been applied. */
  applied(): void {
    if (this.phase === 'live') this.position = this.#received
  }

  /** The rows are gone. */
  forget(): void {
    this.position = this.#received = undefined
    this.held = []
  }
}
