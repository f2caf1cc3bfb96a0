import type { Runtime } from '../runtime/runtime.ts'

/** Runs what happens often not more often than it may: the first at once, of those that follow the last. */
export class Pace {
  readonly #runtime: Runtime
  /** What is to run when the time is over; undefined: nothing came since. */
  readonly #waiting = new Map<string, (() => void) | undefined>()

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  run(name: string, everyMs: number, what: () => void): void {
    if (this.#waiting.has(name)) {
      this.#waiting.set(name, what)
      return
    }
    this.#waiting.set(name, undefined)
    this.#runtime.timer(everyMs, () => {
      const next = this.#waiting.get(name)
      this.#waiting.delete(name)
      if (next !== undefined) this.run(name, everyMs, next)
    })
    what()
  }
}
