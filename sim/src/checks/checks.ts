import type { Checker, HistoryEvent, Violation } from '../history/history.ts'
import { atomicity } from './atomicity.ts'
import { bounds } from './bounds.ts'
import { convergence } from './convergence.ts'
import { duplicates } from './duplicates.ts'
import { Facts } from './facts.ts'
import { gap } from './gap.ts'
import { isolation } from './isolation.ts'
import { locks } from './locks.ts'
import { neverSilent } from './never-silent.ts'
import { operations } from './operations.ts'
import { order } from './order.ts'
import { positions } from './positions.ts'
import { presence } from './presence.ts'
import { readYourWrites } from './read-your-writes.ts'
import { sound } from './sound.ts'

/** How long things may take; a run that stands still meanwhile (a stopped server) is given the time anew. */
export interface Deadlines {
  /** A client says that it is live without hearing anything: two heartbeats, and what a timer may be late. */
  readonly silentMs: number
  /** A lock is held by a session whose page was closed: two heartbeats, and what sessions and timers add. */
  readonly releaseMs: number
  /** A page that hears everything shows a session whose page was closed. */
  readonly ghostMs: number
}

export const violationsMax = 100

/** All promises, watched: takes every event in order. Costs what the event is large, whatever came before. */
export class Checks {
  readonly violations: Violation[] = []
  readonly #facts = new Facts()
  readonly #checkers: readonly Checker[]
  #events = 0

  constructor(deadlines: Deadlines) {
    const facts = this.#facts
    this.#checkers = [
      sound(),
      gap(facts),
      duplicates(facts),
      order(facts),
      atomicity(facts),
      readYourWrites(facts),
      operations(facts),
      positions(facts),
      locks(facts, deadlines),
      isolation(facts),
      presence(deadlines),
      neverSilent(facts, deadlines),
      bounds(),
      convergence(facts),
    ]
  }

  /** Returns what this event broke. @throws Error where the history cannot be: a fault of whoever wrote it */
  take(event: HistoryEvent): readonly Violation[] {
    const index = this.#events++
    this.#facts.before(event)
    const found = this.#checkers.flatMap((checker) => checker.take(event, index))
    this.#facts.after(event)
    return this.#keep(found)
  }

  end(): readonly Violation[] {
    return this.#keep(this.#checkers.flatMap((checker) => checker.end()))
  }

  #keep(found: readonly Violation[]): readonly Violation[] {
    this.violations.push(...found.slice(0, violationsMax - this.violations.length))
    return found
  }
}

/** All that a whole history broke. */
export function check(history: Iterable<HistoryEvent>, deadlines: Deadlines): readonly Violation[] {
  const checks = new Checks(deadlines)
  for (const event of history) checks.take(event)
  checks.end()
  return checks.violations
}
