import { Checks, type Deadlines } from '../checks/checks.ts'
import type { HistoryEvent, Violation } from '../history/history.ts'

type Unfinished<E> = E extends HistoryEvent ? Omit<E, 'at'> : never

/** Takes down what happens, hands it to the checkers, and keeps what is asked for. */
export class Journal {
  /** All of it, where it is kept. */
  readonly events: HistoryEvent[] = []
  readonly #now: () => number
  readonly #checks: Checks | undefined
  readonly #keeps: boolean
  readonly #hashes: boolean
  #count = 0
  #hash = 0x811c9dc5

  constructor(
    now: () => number,
    options: { readonly deadlines: Deadlines | undefined; readonly keep: boolean; readonly hash: boolean },
  ) {
    this.#now = now
    this.#checks = options.deadlines && new Checks(options.deadlines)
    this.#keeps = options.keep
    this.#hashes = options.hash
  }

  get violations(): readonly Violation[] {
    return this.#checks?.violations ?? []
  }

  get count(): number {
    return this.#count
  }

  /** Differs where anything that happened does. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0')
  }

  /** It happens now. */
  add(event: Unfinished<HistoryEvent>): void {
    // With its time it is one of them again.
    this.take({ ...event, at: this.#now() } as HistoryEvent)
  }

  take(event: HistoryEvent): void {
    this.#count++
    if (this.#keeps) this.events.push(event)
    if (this.#hashes) this.#mix(JSON.stringify(event))
    this.#checks?.take(event)
  }

  end(): void {
    this.#checks?.end()
  }

  #mix(text: string): void {
    let hash = this.#hash
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
    this.#hash = hash
  }
}
