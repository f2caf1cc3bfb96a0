import type { ErrorCode, ServerMessage } from '@lockstep/protocol'
import type { Batch } from '../hub/batch.ts'
import type { Carrier } from '../hub/carrier.ts'
import type { StartedBy, TracedCarrier } from '../hub/tracing.ts'
import type { SessionStep } from './histories.ts'
import type { TracedWrite, WriteWay } from './life.ts'

/** Writes of one connection whose sign of life is waited for; of more the oldest are let go. */
const unansweredMax = 200

type Told<Step> = Step extends SessionStep ? Omit<Step, 'at' | 'lsn'> : never

export interface CarrierTrace {
  step(session: string, step: Told<SessionStep>): void
  /** What was handed over is handed to the carrier of a session now; the writes that are kept of it. */
  sent(session: string, batch: Batch, how: (channel: string, lsn: number) => WriteWay): readonly TracedWrite[]
  now(): number
  /** How far the log is. */
  lsn(): number
}

/** Passes on all that a carrier is to do, and notes what was sent through it and when. */
export class InspectedCarrier implements TracedCarrier {
  readonly #carrier: Carrier
  readonly #trace: CarrierTrace
  #session: string | undefined
  /** Channels it is in; what they had to catch up with, up to `until`, goes by another way than what is new. */
  readonly #channels = new Map<string, { way: WriteWay; until: number }>()
  #unpinged: TracedWrite[] = []
  #unanswered: TracedWrite[] = []
  #isGone = false

  constructor(carrier: Carrier, trace: CarrierTrace) {
    this.#carrier = carrier
    this.#trace = trace
  }

  send(batch: Batch): boolean {
    const session = this.#session
    if (session !== undefined) {
      const writes = this.#trace.sent(session, batch, (channel, lsn) => this.#wayOf(channel, lsn))
      for (const write of writes) {
        this.#unpinged.push(write)
        if (this.#unpinged.length > unansweredMax) this.#unpinged.shift()
      }
    }
    return this.#carrier.send(batch)
  }

  get waiting(): boolean {
    return this.#carrier.waiting
  }

  ping(): void {
    // What answers this comes from a peer that has been reached by all before it.
    this.#unanswered = this.#unpinged
    this.#unpinged = []
    this.#carrier.ping()
  }

  moved(): boolean {
    return this.#carrier.moved()
  }

  close(code: number, reason: string): void {
    this.#carrier.close(code, reason)
  }

  terminate(): void {
    this.#carrier.terminate()
  }

  told(message: ServerMessage): void {
    if (message.type === 'welcome') this.#session = message.session
    else if (message.type === 'reset') {
      this.#step({ kind: 'reset', channel: message.channel, reason: message.reason })
    } else if (message.type === 'revoked') this.#step({ kind: 'revoked', channel: message.channel })
  }

  entered(channel: string, from: { view: number; lsn: number; by: StartedBy }): void {
    this.#channels.set(channel, { way: 'resumed', until: this.#trace.lsn() })
    this.#step({ kind: 'entered', channel, view: from.view, from: from.lsn, by: from.by })
  }

  behind(channel: string): void {
    this.#channels.set(channel, { way: 'late', until: Number.POSITIVE_INFINITY })
    this.#step({ kind: 'behind', channel })
  }

  caughtUp(channel: string): void {
    const late = this.#channels.get(channel)
    if (late !== undefined) late.until = Math.min(late.until, this.#trace.lsn())
  }

  refused(channel: string, code: ErrorCode): void {
    this.#step({ kind: 'refused', channel, code })
  }

  left(channel: string): void {
    if (this.#isGone || !this.#channels.delete(channel)) return
    this.#step({ kind: 'left', channel })
  }

  heard(): void {
    if (this.#unanswered.length === 0) return
    const now = this.#trace.now()
    for (const write of this.#unanswered) write.aliveAt = now
    this.#unanswered = []
  }

  gone(): void {
    this.#isGone = true
    for (const channel of this.#channels.keys()) this.#step({ kind: 'away', channel })
  }

  #wayOf(channel: string, lsn: number): WriteWay {
    const caught = this.#channels.get(channel)
    return caught !== undefined && lsn <= caught.until ? caught.way : 'live'
  }

  #step(step: Told<SessionStep>): void {
    if (this.#session !== undefined) this.#trace.step(this.#session, step)
  }
}
