import type { Snapshot } from './messages.ts'
import type { WirePosition } from './position.ts'

/** A session as the page carries it: `token` is secret to the page, `id` is not. */
export interface PageSession {
  readonly id: string
  readonly token: string
  /** Where the log stood when the session was issued. */
  readonly position?: WirePosition
}

/** What a server renders into a page, so that it shows at once and misses nothing after. */
export interface PageState {
  /** Path or URL at which the sync server is mounted, e.g. `/lockstep`. */
  readonly url: string
  readonly session: PageSession
  readonly snapshots: readonly Snapshot[]
}

/** JSON text that is safe inside a `<script type="application/json">` element. */
export function embedJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
