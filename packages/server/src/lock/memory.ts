import { LockstepError } from '@lockstep/protocol'
import type { Rising } from '../runtime/rising.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import { Steady } from '../runtime/steady.ts'
import type { Lock, LockClaim, LockReader, Locks, Place } from './lock.ts'
import { type LockBounds, type LockEffect, LockTable } from './table.ts'

interface Awaiting {
  resolve(lock: Lock): void
  reject(error: LockstepError): void
}

/** Locks of one node, in its memory: the shell of `table.ts`, with the timer and the promises. */
export class MemoryLocks implements Locks {
  readonly #runtime: Runtime
  readonly #table: LockTable
  readonly #clock = new Steady()
  readonly #awaiting = new Map<number, Awaiting>()
  #reader: LockReader | undefined
  #tickets = 0
  #timer: Timer | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #closed = false

  /** `tokens`: where fencing tokens come from. */
  constructor(runtime: Runtime, bounds: LockBounds, tokens?: Rising) {
    this.#runtime = runtime
    this.#table = new LockTable(bounds, tokens)
  }

  take(claim: LockClaim): Promise<Lock> {
    if (this.#closed) return Promise.reject(new LockstepError('restarting'))
    const ticket = ++this.#tickets
    const taken = new Promise<Lock>((resolve, reject) => {
      this.#awaiting.set(ticket, { resolve, reject })
    })
    this.#do((now) => this.#table.take(claim, ticket, now))
    return taken
  }

  async release(place: Place, session: string): Promise<void> {
    this.#do((now) => this.#table.release(place, session, now))
  }

  async answer(place: Place, holder: string, asker: string, yields: boolean): Promise<void> {
    this.#do((now) => this.#table.answer(place, holder, asker, yields, now))
  }

  async leave(session: string, channel?: string): Promise<void> {
    this.#do((now) => this.#table.leave(session, channel, now))
  }

  current(channel: string, resources?: Iterable<string>): readonly Lock[] {
    return this.#table.current(channel, resources)
  }

  ofUser(user: string | number): readonly Lock[] {
    return this.#table.ofUser(String(user))
  }

  onChange(reader: LockReader): void {
    this.#reader = reader
  }

  status(): { held: number; waiting: number } {
    return this.#table.size
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    for (const { reject } of this.#awaiting.values()) reject(new LockstepError('restarting'))
    this.#awaiting.clear()
  }

  /** What is over by now ends before anything else happens. */
  #do(step: (now: number) => LockEffect[]): void {
    const now = this.#clock.at(this.#runtime.now())
    this.#tell(this.#table.expire(now))
    try {
      this.#tell(step(now))
    } finally {
      this.#setTimer()
    }
  }

  #tell(effects: readonly LockEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'changed') this.#reader?.changed(effect.place)
      else if (effect.kind === 'asked') this.#reader?.asked(effect.question)
      else if (effect.kind === 'granted') this.#settle(effect.ticket)?.resolve(effect.lock)
      else this.#settle(effect.ticket)?.reject(new LockstepError(effect.code))
    }
  }

  #settle(ticket: number): Awaiting | undefined {
    const awaiting = this.#awaiting.get(ticket)
    this.#awaiting.delete(ticket)
    return awaiting
  }

  /** One timer, for whatever is due next; moved only when it would come too late. */
  #setTimer(): void {
    const at = this.#table.nextDueAt
    if (at >= this.#timerAt || this.#closed) return
    this.#timer?.cancel()
    this.#timerAt = at
    const now = this.#clock.at(this.#runtime.now())
    this.#timer = this.#runtime.timer(Math.max(0, at - now), () => {
      this.#timerAt = Number.POSITIVE_INFINITY
      this.#clock.reach(at)
      this.#do(() => [])
    })
  }
}
