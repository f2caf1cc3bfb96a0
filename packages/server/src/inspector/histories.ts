import type { ResetReason } from '@lockstep/protocol'
import type { StartedBy } from '../hub/tracing.ts'

/** A step of a session's subscription to a channel. `lsn`: how far the log was then. */
export type SessionStep = { readonly at: number; readonly lsn: number; readonly channel: string } & (
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'entered'; readonly view: number; readonly from: number; readonly by: StartedBy }
  | { readonly kind: 'reset'; readonly reason: ResetReason }
  | { readonly kind: 'revoked' | 'left' | 'away' | 'behind' }
)

/** Steps that are kept of each session, and sessions of which some are kept: the last ones. */
export const stepsMax = 200
export const historiesMax = 2_000

/** Characters of a session's id that are shown. */
const shownLength = 8

/** Enough of a session's id to tell it from others. */
export function shortId(session: string): string {
  return session.slice(0, shownLength)
}

/** What became of the subscriptions of recent sessions. */
export class Histories {
  readonly #steps = new Map<string, SessionStep[]>()

  get size(): number {
    return this.#steps.size
  }

  add(session: string, step: SessionStep): void {
    const steps = this.#steps.get(session) ?? []
    this.#steps.delete(session)
    this.#steps.set(session, steps)
    steps.push(step)
    if (steps.length > stepsMax) steps.shift()
    if (this.#steps.size <= historiesMax) return
    const [oldest] = this.#steps.keys()
    if (oldest !== undefined) this.#steps.delete(oldest)
  }

  /** Undefined: nothing is known of such a session. */
  of(session: string): readonly SessionStep[] | undefined {
    return this.#steps.get(session)
  }

  /** The session whose id begins so, where it is one and only one. */
  find(short: string): string | undefined {
    const found = [...this.#steps.keys()].filter((session) => shortId(session) === short)
    return found.length === 1 ? found[0] : undefined
  }
}
