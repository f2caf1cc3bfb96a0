import type { ResetReason } from '@lockstep/protocol'
import type { Report } from '../listeners.ts'
import type { Changes, Origin } from './collection.ts'

/** What can be changed within an apply. */
export interface Changeable {
  /** Ends the apply: what differs from before it. Undefined where nothing does. */
  settle(): Pick<Changes, 'created' | 'updated' | 'destroyed'> | undefined
  tell(changes: Changes): void
}

/**
 * Makes changes of several collections visible as one: `work` changes them all, then listeners are told
 * (G5). What a listener changes in turn is told after everyone has heard of the first, so that all hear of
 * things in the order in which they happened.
 */
export class Applier {
  readonly #touched = new Set<Changeable>()
  readonly #waiting: (() => void)[] = []
  #telling = false
  readonly #report: Report

  constructor(report: Report) {
    this.#report = report
  }

  touch(changeable: Changeable): void {
    this.#touched.add(changeable)
  }

  /** `work` must not call listeners. What it returns is done after they were told. */
  run(origin: Origin, work: () => undefined | (() => void), reset?: ResetReason): void {
    const after = work()
    const settled = [...this.#touched]
    this.#touched.clear()
    for (const changeable of settled) {
      const changes = changeable.settle()
      if (changes === undefined) continue
      this.#waiting.push(() => changeable.tell({ ...changes, origin, reset }))
    }
    if (after !== undefined) this.#waiting.push(after)
    this.#tellAll()
  }

  #tellAll(): void {
    if (this.#telling) return
    this.#telling = true
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      try {
        next()
      } catch (error) {
        this.#report(error)
      }
    }
    this.#telling = false
  }
}
