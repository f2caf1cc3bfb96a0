import { encodePosition } from '@lockstep/protocol'
import type { Limits } from '../limits.ts'
import type { Log } from '../log/log.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import { Batch } from './batch.ts'
import type { Connection } from './connection.ts'

export interface HeartbeatHooks {
  flush(): void
  renewToken(connection: Connection): void
}

/** Connections are dealt into this many parts, each with its own turn, so that 10,000 are not served at once. */
const parts = 16

/**
 * Tells every connection how far the stream is and asks for a sign of life, once per `heartbeatMs`; ends
 * one that gave none since the last time. So a half-open peer is gone within two heartbeats.
 */
export class Heartbeat {
  readonly #connections: ReadonlySet<Connection>
  readonly #log: Log
  readonly #runtime: Runtime
  readonly #limits: Limits
  readonly #hooks: HeartbeatHooks
  #timer: Timer | undefined
  /** Whose turn is next, and when. */
  #part = 0
  #dueAt: number
  #dealt = 0
  #closed = false

  constructor(
    connections: ReadonlySet<Connection>,
    from: { log: Log; runtime: Runtime; limits: Limits },
    hooks: HeartbeatHooks,
  ) {
    this.#connections = connections
    this.#log = from.log
    this.#runtime = from.runtime
    this.#limits = from.limits
    this.#hooks = hooks
    this.#dueAt = from.runtime.now()
    this.#schedule()
  }

  /** The part of the next new connection: it stays, so that every turn is one interval after the last. */
  deal(): number {
    this.#dealt = (this.#dealt + 1) % parts
    return this.#dealt
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #schedule(): void {
    if (this.#closed) return
    const now = this.#runtime.now()
    const stepMs = this.#limits.heartbeatMs / parts
    // Late timers must not add up; but after a standstill nobody gets two turns in a row, and a clock that was
    // set back does not make everyone wait.
    this.#dueAt = Math.min(Math.max(this.#dueAt + stepMs, now), now + stepMs)
    this.#timer = this.#runtime.timer(this.#dueAt - now, () => {
      this.#beat()
      this.#schedule()
    })
  }

  #beat(): void {
    const part = this.#part
    this.#part = (part + 1) % parts
    const turn: Connection[] = []
    for (const connection of this.#connections) if (connection.part === part) turn.push(connection)
    if (turn.length === 0) return
    const now = this.#runtime.now()
    // The log's position must not overtake what this turn has yet to send.
    this.#hooks.flush()
    const batch = Batch.of({ type: 'heartbeat', position: encodePosition(this.#log.position) })
    for (const connection of turn) if (!connection.closed) this.#beatOne(connection, batch, now)
  }

  #beatOne(connection: Connection, batch: Batch, now: number): void {
    const moved = connection.carrier.moved()
    if (!connection.alive && !moved) {
      connection.carrier.terminate()
      return
    }
    connection.alive = false
    if (!connection.carrier.waiting) connection.left = undefined
    connection.carrier.ping()
    const { session } = connection
    if (session === undefined) return
    // The position is true only for a connection that has been sent everything up to it.
    if (!connection.full && connection.caughtUp) connection.sendBatch(batch)
    if (session.tokenExpiresAt - now < this.#limits.tokenTtlMs / 2) this.#hooks.renewToken(connection)
  }
}
