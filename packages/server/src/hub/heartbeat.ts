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

/** The sweep over all connections is cut into this many parts, so that 10,000 are not served in one turn. */
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
  #part = 0
  #sweep: Connection[] = []
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
    this.#schedule()
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #schedule(): void {
    if (this.#closed) return
    this.#timer = this.#runtime.timer(this.#limits.heartbeatMs / parts, () => {
      this.#beat()
      this.#schedule()
    })
  }

  #beat(): void {
    if (this.#part === 0) this.#sweep = [...this.#connections]
    const from = Math.floor((this.#sweep.length * this.#part) / parts)
    const to = Math.floor((this.#sweep.length * (this.#part + 1)) / parts)
    this.#part = (this.#part + 1) % parts
    if (from === to) return
    const now = this.#runtime.now()
    // The log's position must not overtake what this turn has yet to send.
    this.#hooks.flush()
    const batch = Batch.of({ type: 'heartbeat', position: encodePosition(this.#log.position) })
    for (let i = from; i < to; i++) {
      const connection = this.#sweep[i]
      if (connection !== undefined && !connection.closed) this.#beatOne(connection, batch, now)
    }
    if (this.#part === 0) this.#sweep = []
  }

  #beatOne(connection: Connection, batch: Batch, now: number): void {
    const moved = connection.carrier.moved()
    if (!connection.alive && !moved) {
      connection.carrier.terminate()
      return
    }
    connection.alive = false
    connection.carrier.ping()
    const { session } = connection
    if (session === undefined) return
    // The position is true only for a connection that has been sent everything up to it.
    if (!connection.full && connection.caughtUp) connection.sendBatch(batch)
    if (session.tokenExpiresAt - now < this.#limits.tokenTtlMs / 2) this.#hooks.renewToken(connection)
  }
}
