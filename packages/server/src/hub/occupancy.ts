import type { Locks } from '../lock/lock.ts'
import type { Presence } from '../presence/presence.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import type { Session } from '../session/session.ts'

export interface OccupancyParts {
  readonly locks: Locks
  readonly presence: Presence
  readonly runtime: Runtime
  /** How long a session may take to subscribe anew over a connection that replaces another. */
  readonly logoutMs: number
}

interface Carried {
  readonly channels: Set<string>
  readonly timer: Timer
}

/**
 * What sessions have of channels beside rows, and lose with them: locks and presence. A session that only changes its
 * connection keeps them, in the channels that it subscribes to again.
 */
export class Occupancy {
  readonly #parts: OccupancyParts
  readonly #carried = new WeakMap<Session, Carried>()

  constructor(parts: OccupancyParts) {
    this.#parts = parts
  }

  /** The session is in the channel. */
  enter(session: Session, channel: string): void {
    this.#carried.get(session)?.channels.delete(channel)
  }

  /** The session is not in the channel any more. */
  leave(session: Session, channel: string): void {
    this.#carried.get(session)?.channels.delete(channel)
    void this.#parts.locks.leave(session.id, channel)
    void this.#parts.presence.leave(session.id, channel)
  }

  /** A newer connection has taken the place of one with these channels. */
  carry(session: Session, channels: Iterable<string>): void {
    const before = this.#carried.get(session)
    before?.timer.cancel()
    const all = new Set([...(before?.channels ?? []), ...channels])
    const timer = this.#parts.runtime.timer(this.#parts.logoutMs, () => {
      this.#carried.delete(session)
      for (const channel of all) this.leave(session, channel)
    })
    this.#carried.set(session, { channels: all, timer })
  }

  /** The session is without a connection. */
  gone(session: Session): void {
    this.#carried.get(session)?.timer.cancel()
    this.#carried.delete(session)
    void this.#parts.locks.leave(session.id)
    void this.#parts.presence.leave(session.id)
  }
}
