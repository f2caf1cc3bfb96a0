import type { Json } from '@lockstep/protocol'

/** A session in a channel, and what it says of itself. */
export interface Present {
  readonly channel: string
  readonly session: string
  /** What others are shown of its user. */
  readonly by: Json
  /** Whatever the session set last; null at first. */
  readonly state: Json
  /** Since when it is there, ms since 1970. */
  readonly at: number
}

/**
 * Which sessions are in which channels. Whoever knows that a session is gone says so; nothing here ends by
 * itself.
 */
export interface Presence {
  /** The session is in the channel; of one that is there already, only `by` changes. */
  enter(channel: string, session: string, by: Json): Promise<void>
  /** What a session says of itself. Without effect where it is not in the channel. */
  update(channel: string, session: string, state: Json): Promise<void>
  /** The session is gone, from everywhere or from one channel. Never rejects. */
  leave(session: string, channel?: string): Promise<void>
  /** Who is in a channel, or of these who is, oldest first; at most `presenceMax`. */
  current(channel: string, sessions?: Iterable<string>): readonly Present[]
  /** How many more are in the channel than `current` tells. */
  unlisted(channel: string): number
  /** Before anything changes: who hears of it. */
  onChange(reader: PresenceReader): void
  status(): { readonly present: number }
}

export interface PresenceReader {
  /** A session came, went, or says something else of itself: `current` has what is so now. */
  changed(channel: string, session: string): void
}
