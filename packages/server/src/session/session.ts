import type { User } from '../definition/definition.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'

/** One page instance of one user. Outlives reconnects by the grace time. `C` is what connects it: the hub's. */
export interface Session<C = unknown> {
  readonly id: string
  user: User
  /** Channels this session may ask for; undefined: whatever `authorize` allows. */
  channels: readonly string[] | undefined
  connection: C | undefined
  /** When its newest token ends, ms since 1970. */
  tokenExpiresAt: number
  grace: Timer | undefined
}

export interface SessionClaims {
  readonly session: string
  readonly user: User
  readonly channels?: readonly string[] | undefined
  readonly expiresAt: number
}

/** Sessions by id: made by the first `hello`, kept over reconnects, gone after the grace time. */
export class Sessions<C extends { session: Session<C> | undefined }> {
  readonly #sessions = new Map<string, Session<C>>()
  readonly #runtime: Runtime
  readonly #graceMs: number

  constructor(runtime: Runtime, graceMs: number) {
    this.#runtime = runtime
    this.#graceMs = graceMs
  }

  get size(): number {
    return this.#sessions.size
  }

  get(id: string): Session<C> | undefined {
    return this.#sessions.get(id)
  }

  values(): IterableIterator<Session<C>> {
    return this.#sessions.values()
  }

  /** The session of verified claims on a new connection; tells the connection that it takes the place of. */
  connect(claims: SessionClaims, connection: C): { session: Session<C>; replaced: C | undefined } {
    let session = this.#sessions.get(claims.session)
    if (session === undefined) {
      session = {
        id: claims.session,
        user: claims.user,
        channels: claims.channels,
        connection: undefined,
        tokenExpiresAt: claims.expiresAt,
        grace: undefined,
      }
      this.#sessions.set(session.id, session)
    }
    session.grace?.cancel()
    session.grace = undefined
    session.user = claims.user
    session.channels = claims.channels
    session.tokenExpiresAt = claims.expiresAt
    const replaced = session.connection
    session.connection = connection
    connection.session = session
    return { session, replaced }
  }

  /** The connection is gone; the session stays for the grace time. */
  disconnect(connection: C): void {
    const session = connection.session
    if (session === undefined || session.connection !== connection) return
    session.connection = undefined
    session.grace = this.#runtime.timer(this.#graceMs, () => this.#sessions.delete(session.id))
  }

  clear(): void {
    for (const session of this.#sessions.values()) session.grace?.cancel()
    this.#sessions.clear()
  }
}
