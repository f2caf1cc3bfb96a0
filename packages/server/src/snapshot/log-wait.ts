import { LockstepError, type Position } from '@lockstep/protocol'
import type { Log, LogReader } from '../log/log.ts'
import type { Runtime } from '../runtime/runtime.ts'

/** Longest wait for the log to get to a barrier that the source has seen. */
const waitMs = 10_000

/** Waits for the log to pass an LSN. */
export class LogWait implements LogReader {
  readonly #log: Log
  readonly #runtime: Runtime
  readonly #waiting = new Set<{ readonly lsn: number; readonly resolve: () => void }>()

  constructor(log: Log, runtime: Runtime) {
    this.#log = log
    this.#runtime = runtime
    log.onAppend(this)
  }

  /** @throws LockstepError `unavailable` after ten seconds. */
  until(lsn: number): Promise<void> {
    if (this.#log.position.lsn >= lsn) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const waiter = {
        lsn,
        resolve: () => {
          timer.cancel()
          resolve()
        },
      }
      const timer = this.#runtime.timer(waitMs, () => {
        this.#waiting.delete(waiter)
        reject(new LockstepError('unavailable', 'The stream is behind; try again.'))
      })
      this.#waiting.add(waiter)
    })
  }

  transaction(lsn: number): void {
    this.#pass(lsn)
  }

  progress(lsn: number): void {
    this.#pass(lsn)
  }

  reset(lsn: number): void {
    this.#pass(lsn)
  }

  /** What was waited for belongs to the old epoch: let the waiters look again. */
  epoch(_position: Position): void {
    this.#pass(Number.POSITIVE_INFINITY)
  }

  #pass(lsn: number): void {
    for (const waiter of this.#waiting) {
      if (waiter.lsn > lsn) continue
      this.#waiting.delete(waiter)
      waiter.resolve()
    }
  }
}
