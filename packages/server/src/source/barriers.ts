import { LockstepError } from '@lockstep/protocol'
import type { Runtime, Timer } from '../runtime/runtime.ts'

interface Waiter {
  resolve(lsn: number): void
  reject(error: Error): void
}

/**
 * A walsender that is about to sleep can miss that WAL was flushed, and then sleeps on until something else
 * wakes it. A mark that is this late gets it woken, which costs one small message.
 */
const lateMs = 10
const lateMaxMs = 250

/** Prefix of the messages that barriers are made of. */
export const barrierPrefix = 'lockstep.barrier'

export interface BarrierOptions {
  /** Writes a mark into the WAL, and has it flushed. */
  readonly write: (content: string) => Promise<unknown>
  readonly runtime: Runtime
  /** Makes the walsender look for new WAL. */
  readonly wake: () => void
}

/**
 * Sends marks through the WAL and tells when they come out of the stream. Calls that come while a mark is
 * being written share the next one.
 */
export class Barriers {
  readonly #write: (content: string) => Promise<unknown>
  readonly #runtime: Runtime
  readonly #wake: () => void
  #late: Timer | undefined
  /** Tells our marks from those of other processes. */
  readonly #name: string
  /** Calls that no mark was sent for yet. */
  #waiting: Waiter[] = []
  /** Calls whose mark is on its way, by the mark's number. */
  readonly #sent = new Map<number, Waiter[]>()
  #count = 0
  #sending = false

  constructor({ write, runtime, wake }: BarrierOptions) {
    this.#write = write
    this.#runtime = runtime
    this.#wake = wake
    this.#name = runtime.randomText(9)
  }

  /** @returns an LSN such that whatever committed before the call has a smaller one, and all later a greater. */
  wait(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      if (!this.#sending) void this.#send()
    })
  }

  /** A mark came out of the stream: all commits up to `lsn` have been given. */
  arrived(content: string, lsn: number): void {
    const [name, number] = content.split(' ')
    if (name !== this.#name) return
    const limit = Number(number)
    for (const [count, waiters] of this.#sent) {
      if (count > limit) break
      this.#sent.delete(count)
      for (const waiter of waiters) waiter.resolve(lsn)
    }
  }

  /** Marks that were on their way are not in a new slot: sends new ones. */
  resend(): void {
    this.#waiting.push(...[...this.#sent.values()].flat())
    this.#sent.clear()
    if (!this.#sending) void this.#send()
  }

  /** Gives up all calls. */
  fail(error: Error): void {
    const all = [...this.#sent.values()].flat()
    this.#sent.clear()
    all.push(...this.#waiting)
    this.#waiting = []
    this.#late?.cancel()
    for (const waiter of all) waiter.reject(error)
  }

  async #send(): Promise<void> {
    this.#sending = true
    while (this.#waiting.length > 0) {
      const waiters = this.#waiting
      this.#waiting = []
      const number = ++this.#count
      // Before the statement: the mark can come out of the stream before its reply arrives.
      this.#sent.set(number, waiters)
      try {
        await this.#write(`${this.#name} ${number}`)
        this.#watch()
      } catch (cause) {
        // Otherwise `resend` has taken them over.
        if (!this.#sent.delete(number)) continue
        for (const waiter of waiters) waiter.reject(new LockstepError('unavailable', undefined, { cause }))
      }
    }
    this.#sending = false
  }

  #watch(afterMs: number = lateMs): void {
    if (this.#late !== undefined || this.#sent.size === 0) return
    this.#late = this.#runtime.timer(afterMs, () => {
      this.#late = undefined
      if (this.#sent.size === 0) return
      this.#wake()
      this.#watch(Math.min(2 * afterMs, lateMaxMs))
    })
  }
}
