import type { Planned, Scheduler } from './scheduler.ts'

/**
 * What has a life of its own, a process or a page: everything that happens in it happens through here, so that nothing
 * does once it is dead, and all of it late while it is stopped (SIGSTOP, or a computer that sleeps).
 */
export class Owner {
  readonly scheduler: Scheduler
  #alive = true
  #stoppedUntil = 0

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler
  }

  get alive(): boolean {
    return this.#alive
  }

  kill(): void {
    this.#alive = false
  }

  /** Nothing happens in it for so long; then everything that was due. */
  stop(ms: number): void {
    this.#stoppedUntil = Math.max(this.#stoppedUntil, this.scheduler.now + ms)
  }

  get stopped(): boolean {
    return this.scheduler.now < this.#stoppedUntil
  }

  do(run: () => void): void {
    if (!this.#alive) return
    if (!this.stopped) run()
    else this.scheduler.at(this.#stoppedUntil, () => this.do(run))
  }

  after(ms: number, run: () => void): Planned {
    return this.scheduler.after(ms, () => this.do(run))
  }
}
