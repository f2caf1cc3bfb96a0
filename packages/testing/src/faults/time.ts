import { randomBytes } from 'node:crypto'
import type { Runtime, Timer } from '@lockstep/server'

/** What a client needs of time, as `Runtime` of `@lockstep/client` has it. */
export interface ClientTime {
  now(): number
  timer(afterMs: number, run: () => void): () => void
}

interface Planned {
  at: number
  readonly run: () => void
  readonly timeout: NodeJS.Timeout
}

/**
 * The time of a test: goes on as the wall clock does, and makes a leap when told to, in which everything happens
 * that was to happen meanwhile. So a test can wait a minute in no time.
 */
export class TestTime implements Runtime {
  #aheadMs = 0
  readonly #planned = new Set<Planned>()
  readonly #settle: () => Promise<void>

  /** `settle` resolves when all that a moment has brought about has happened: the next one comes after it. */
  constructor(settle: () => Promise<void> = () => new Promise(setImmediate)) {
    this.#settle = settle
  }

  now(): number {
    return Date.now() + this.#aheadMs
  }

  timer(afterMs: number, run: () => void): Timer {
    const planned: Planned = {
      at: this.now() + afterMs,
      run,
      timeout: setTimeout(() => this.#fire(planned), afterMs),
    }
    planned.timeout.unref()
    this.#planned.add(planned)
    return {
      cancel: () => {
        clearTimeout(planned.timeout)
        this.#planned.delete(planned)
      },
    }
  }

  endOfTurn(run: () => void): void {
    setImmediate(run)
  }

  randomText(bytes: number): string {
    return randomBytes(bytes).toString('base64url')
  }

  /**
   * Lets `ms` pass: every timer that is due meanwhile runs in order, and between two moments all connected
   * clients settle, so that they answer as they would.
   */
  async advance(ms: number): Promise<void> {
    const end = this.now() + ms
    for (;;) {
      const due = [...this.#planned].sort((a, b) => a.at - b.at)[0]
      if (due === undefined || due.at > end) break
      this.#reach(due.at)
      const moment = this.now()
      for (const planned of [...this.#planned].sort((a, b) => a.at - b.at)) {
        if (planned.at <= moment) this.#fire(planned)
      }
      await this.#settle()
    }
    this.#reach(end)
  }

  /** The clock leaps, and nothing happens: what is planned comes as much time from now as it did. */
  leap(ms: number): void {
    this.#aheadMs += ms
    for (const planned of this.#planned) planned.at += ms
  }

  /** The client's runtime on this clock: `createClient(..., { runtime: server.time.of(platformRuntime) })`. */
  of<R extends ClientTime>(runtime: R): R {
    return {
      ...runtime,
      now: () => this.now(),
      timer: (afterMs: number, run: () => void) => {
        const timer = this.timer(afterMs, run)
        return () => timer.cancel()
      },
    }
  }

  #reach(at: number): void {
    this.#aheadMs += Math.max(0, at - this.now())
  }

  #fire(planned: Planned): void {
    clearTimeout(planned.timeout)
    if (this.#planned.delete(planned)) planned.run()
  }
}
