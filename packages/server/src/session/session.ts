import { LockstepError, type WirePosition } from '@lockstep/protocol'
import type { User } from '../definition/definition.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import { decideLife, type LifeEffect, type LifeEvent, type LifeState } from './life.ts'

/** One page instance of one user. Outlives its connections by `logoutMs`. `C` is what connects it: the hub's. */
export interface Session<C = unknown> {
  readonly id: string
  user: User
  /** Channels this session may ask for; undefined: whatever `authorize` allows. */
  channels: readonly string[] | undefined
  connection: C | undefined
  /** When its newest token ends, ms since 1970. */
  tokenExpiresAt: number
  /** Where the log stood when it was issued. */
  readonly issuedAt: WirePosition | undefined
  life: LifeState
  logout: Timer | undefined
}

export interface SessionClaims {
  readonly session: string
  readonly user: User
  readonly channels?: readonly string[] | undefined
  readonly issuedAt?: WirePosition | undefined
  readonly expiresAt: number
}

export interface SessionsParts {
  readonly runtime: Runtime
  /** How long a session outlives its connection, in ms. */
  readonly logoutMs: number
  readonly sessionsMax: number
  /** Hears of each step of a session's life. */
  readonly tell?: (session: Session, effect: LifeEffect) => void
}

/**
 * Sessions by id: the shell of `life.ts`, with the timers. A session is known from its first `hello` until it
 * is logged out; before, its token is all there is of it.
 */
export class Sessions<C extends { session: Session<C> | undefined }> {
  readonly #sessions = new Map<string, Session<C>>()
  readonly #parts: SessionsParts

  constructor(parts: SessionsParts) {
    this.#parts = parts
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

  /**
   * The session of verified claims on a new connection; tells the connection that it takes the place of, and
   * whether the session goes on: it was known already.
   * @throws LockstepError `unavailable` at the bound on sessions
   */
  connect(
    claims: SessionClaims,
    connection: C,
  ): { session: Session<C>; replaced: C | undefined; restored: boolean } {
    const session = this.#sessions.get(claims.session) ?? this.#begin(claims)
    const restored = session.life.kind !== 'issued'
    session.user = claims.user
    session.channels = claims.channels
    session.tokenExpiresAt = claims.expiresAt
    const replaced = session.connection
    session.connection = connection
    connection.session = session
    this.#step(session, { kind: 'hello' })
    return { session, replaced, restored }
  }

  /** The connection is gone; the session stays until it is logged out. False: another has taken its place. */
  disconnect(connection: C): boolean {
    const { session } = connection
    if (session === undefined || session.connection !== connection) return false
    session.connection = undefined
    this.#step(session, { kind: 'lost', logoutMs: this.#parts.logoutMs })
    return true
  }

  /** The server closes: none is logged out, they may come back to the next one. */
  close(): void {
    for (const session of [...this.#sessions.values()]) {
      session.connection = undefined
      this.#step(session, { kind: 'close' })
    }
  }

  #begin(claims: SessionClaims): Session<C> {
    if (this.#sessions.size >= this.#parts.sessionsMax) {
      throw new LockstepError('unavailable', 'The server has as many sessions as it may.')
    }
    const session: Session<C> = {
      id: claims.session,
      user: claims.user,
      channels: claims.channels,
      connection: undefined,
      tokenExpiresAt: claims.expiresAt,
      issuedAt: claims.issuedAt,
      life: { kind: 'issued' },
      logout: undefined,
    }
    this.#sessions.set(session.id, session)
    return session
  }

  #step(session: Session<C>, event: LifeEvent): void {
    const { runtime, tell } = this.#parts
    // The timer knows how long it was, whatever became of the clock meanwhile.
    const wall = runtime.now()
    const now = event.kind === 'alarm' && session.life.kind === 'away' ? session.life.logoutAt : wall
    const [state, ...effects] = decideLife(session.life, event, now)
    session.life = state
    session.logout?.cancel()
    session.logout =
      state.kind === 'away'
        ? runtime.timer(this.#parts.logoutMs, () => this.#step(session, { kind: 'alarm' }))
        : undefined
    if (state.kind === 'gone') this.#sessions.delete(session.id)
    for (const effect of effects) tell?.(session, effect)
  }
}
