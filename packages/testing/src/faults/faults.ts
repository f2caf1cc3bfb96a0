import type { CutMoment, Line } from './line.ts'

/** What can go wrong for one person, on command. Everybody else is untouched. */
export interface Faults {
  /** Every connection is cut, and new ones are refused, until `online`. */
  offline(): void
  /** The network is as it should be again. */
  online(): void
  /** Nothing comes through and nobody is told, as when a laptop sleeps, until `online`. */
  silent(): void
  /** From now on everything is so long under way, in each direction, in ms. */
  lag(ms: number): void
  /** Resets the connections that there are; the client may come back at once. */
  cut(): void
  /** Cuts at that moment; resolves when it has. @see CutMoment */
  cutAfter(moment: CutMoment): Promise<void>
  /**
   * The person has been away for too long: is cut off, and comes back when the log no longer reaches back to the
   * position held, so that the rows are read anew, with the reason `trimmed`.
   */
  expirePosition(): Promise<void>
  /** Takes the right to a channel, or to all; resolves when the server has acted on it. */
  revoke(channel?: string): Promise<void>
  /** Gives back what `revoke` took. */
  grant(channel?: string): Promise<void>
}

/** What faults need of the server. */
export interface FaultyServer {
  /** What was told so far can no longer be gone on from; who is connected and up to date does not notice. */
  expirePositions(): Promise<void>
  revoke(user: string, channel: string | undefined): Promise<void>
  grant(user: string, channel: string | undefined): Promise<void>
}

/** The faults of one user who comes over this line. */
export function faultsOf(line: Line, server: FaultyServer, user: string): Faults {
  return {
    offline: () => line.offline(),
    online: () => line.online(),
    silent: () => line.silent(),
    lag: (ms) => line.lag(ms),
    cut: () => line.cut(),
    cutAfter: (moment) => line.cutAfter(moment),
    async expirePosition() {
      line.offline()
      await server.expirePositions()
      line.online()
    },
    revoke: (channel) => server.revoke(user, channel),
    grant: (channel) => server.grant(user, channel),
  }
}

function none(): never {
  throw new Error('Only sessions of a test server can be disturbed: startSessions({ server }).')
}

/** Of sessions that have no line of their own. */
export const faultless: Faults = {
  offline: none,
  online: none,
  silent: none,
  lag: none,
  cut: none,
  cutAfter: none,
  expirePosition: none,
  revoke: none,
  grant: none,
}
