import type { Batch } from './batch.ts'

/**
 * What the hub needs of a transport: a way to move whole messages to one client. A carrier knows no
 * channels and no sessions.
 */
export interface Carrier {
  /**
   * Sends the batch whole and in order. Returns false when the carrier's bound is reached: it has taken
   * this batch, and wants no other until it calls `Connection.drained()`.
   */
  send(batch: Batch): boolean
  /** Whether bytes that were sent still wait in this process. */
  readonly waiting: boolean
  /** Asks the peer for a sign of life; whatever comes back must lead to `Connection.heard()`. */
  ping(): void
  /**
   * Whether a full carrier has moved bytes since the last call: the sign of life of a peer that reads so
   * slowly that its answer to a ping takes longer than a heartbeat.
   */
  moved(): boolean
  /** Ends the connection, saying why. `code` is a WebSocket close code. */
  close(code: number, reason: string): void
  /** Ends it at once, without a word: the peer is gone. */
  terminate(): void
}
