import type { ErrorCode, ServerMessage } from '@lockstep/protocol'
import type { Carrier } from './carrier.ts'

/** What follows one connection, where there is an inspector; without one there is nothing to be told. */
export interface ConnectionTrace {
  /** An answer is handed to the carrier. */
  told(message: ServerMessage): void
  /** A subscription goes on from the log after `lsn`, or after the snapshot at `lsn`. */
  entered(
    channel: string,
    from: { readonly view: number; readonly lsn: number; readonly by: StartedBy },
  ): void
  refused(channel: string, code: ErrorCode): void
  /** A subscription has no room: what comes next is read from the log once there is some. */
  behind(channel: string): void
  /** It has been handed all that the log has. */
  caughtUp(channel: string): void
  left(channel: string): void
  /** The peer gave a sign of life. */
  heard(): void
  gone(): void
}

export type StartedBy = 'log' | 'snapshot'

/** Stands before a carrier, and sees what is sent. */
export type TracedCarrier = Carrier & ConnectionTrace
