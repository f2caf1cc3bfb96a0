import type { Span } from './clock.ts'

/** How long things take, in ms; each time drawn anew. */
export interface Timing {
  /** A statement, waiting not counted. */
  readonly statement: Span
  /** From a commit record to its being durable. */
  readonly flush: Span
  /** From durable to visible to others; `by hand`: when `ModelTransaction.show` says so. */
  readonly visible: Span | 'by hand'
  /** One way between a server and Postgres. */
  readonly network: Span
  /** From WAL that is durable to bytes on their way. */
  readonly send: Span
  /** From the end of a connection to Postgres knowing it. */
  readonly hangUp: Span
  /** How long a wait lasts before it is looked whether it is a deadlock. */
  readonly deadlock: number
}

export const usualTiming: Timing = {
  statement: [0, 2],
  flush: [0, 3],
  visible: [0, 2],
  network: [0, 1],
  send: [0, 1],
  hangUp: [0, 20],
  deadlock: 1_000,
}

/** Everything at once, and what becomes visible when it is said: for tests that go step by step. */
export const noTime: Timing = {
  statement: [0, 0],
  flush: [0, 0],
  visible: 'by hand',
  network: [0, 0],
  send: [0, 0],
  hangUp: [0, 0],
  deadlock: 0,
}
