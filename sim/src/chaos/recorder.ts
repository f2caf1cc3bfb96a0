import { appendFileSync } from 'node:fs'
import type { HistoryEvent } from '../history/history.ts'
import type { RunClock } from './clock.ts'

type Without<E> = E extends HistoryEvent ? Omit<E, 'at'> : never

/** An event whose time is the moment at which it is recorded. */
export type Happening = Without<HistoryEvent>

/**
 * Writes down what one process sees, a line of JSON each, in a file of its own. Lines of one turn of the event loop are
 * written together; a process that is killed loses at most those.
 */
export class Recorder {
  readonly #file: string
  readonly #clock: RunClock
  #lines: { readonly at: number; readonly line: string }[] = []

  constructor(file: string, clock: RunClock) {
    this.#file = file
    this.#clock = clock
    appendFileSync(file, '')
  }

  now(): number {
    return this.#clock.now()
  }

  /** `at`: for what several events tell of one moment, or what is known a little later in the same turn. */
  record(happening: Happening, at: number = this.now()): void {
    this.#keep({ ...happening, at })
  }

  /** Events with their times. */
  put(events: readonly HistoryEvent[]): void {
    for (const event of events) this.#keep(event)
  }

  #keep(event: { readonly at: number }): void {
    if (this.#lines.length === 0) setImmediate(() => this.flush())
    this.#lines.push({ at: event.at, line: `${JSON.stringify(event)}\n` })
  }

  flush(): void {
    if (this.#lines.length === 0) return
    // What is known only afterwards has an earlier time.
    const text = this.#lines
      .sort((a, b) => a.at - b.at)
      .map(({ line }) => line)
      .join('')
    this.#lines = []
    appendFileSync(this.#file, text)
  }
}
