import { LockstepError } from '@lockstep/protocol'
import type { Authoriser } from './authoriser.ts'
import type { Connection } from './connection.ts'

/**
 * Connections whose sessions went on over others, and whose last bytes still wait in this process. What a session may
 * not see any more must not leave over a former connection of it either (G9).
 */
export class Parted {
  readonly #authoriser: Authoriser
  /** Channels that the bytes may be of, and as which views they were seen. */
  readonly #seen = new Map<Connection, readonly (readonly [channel: string, view: number])[]>()

  constructor(authoriser: Authoriser) {
    this.#authoriser = authoriser
  }

  /** To be called while the connection has its subscriptions. It is kept until its carrier says that it is gone. */
  add(connection: Connection): void {
    if (!connection.carrier.waiting) return
    const subscriptions = [...connection.subscriptions.values()].filter(({ isGranted }) => isGranted)
    this.#seen.set(connection, [
      ...(connection.left ?? []),
      ...subscriptions.map(({ channel, view }) => [channel, view] as const),
    ])
  }

  gone(connection: Connection): void {
    this.#seen.delete(connection)
  }

  /** Ends those of a user's that have bytes of a channel that the user may not see so any more. */
  async askAgain(userId: string | number): Promise<void> {
    await Promise.all(
      [...this.#seen].flatMap(([connection, seen]) => {
        const { session, carrier } = connection
        if (session === undefined || String(session.user.id) !== String(userId)) return []
        return seen.map(async ([channel, view]) => {
          if (!carrier.waiting) return
          const answer = await this.#authoriser.ask(session, channel)
          if (!(answer instanceof LockstepError) && answer.view === view) return
          if (carrier.waiting) carrier.terminate()
        })
      }),
    )
  }
}
