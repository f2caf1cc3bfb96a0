import type { TransactionMessage } from '@lockstep/protocol'

/** What the session tells the writes. */
export interface Confirmations {
  /**
   * The mutation's effect has passed; `transaction` brought it, where one did. Called within an apply;
   * what it returns is for after the listeners.
   */
  confirm(mutation: string, transaction?: TransactionMessage): undefined | (() => void)
  /** Everything that the numbered barrier was asked for has passed. As `confirm`. */
  barrier(id: number): undefined | (() => void)
  /** The server could not answer the barrier. */
  barrierFailed(id: number): void
  /** All channels are up to date. */
  live(): void
  disconnected(): void
}
