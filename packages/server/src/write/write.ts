import type { Json, WirePosition } from '@lockstep/protocol'
import type { TransactionSql } from 'postgres'
import type { Broadcast } from './broadcast.ts'
import type { Recorded } from './recorded.ts'
import type { WriteRequest } from './request.ts'

/**
 * Runs an application's change in one database transaction, once per idempotency key, and tells the stream
 * who wrote it. @see docs/protocol.md W1
 */
export interface Writer<Tx = TransactionSql> {
  /**
   * Resolves with what `run` returned, as JSON makes of it (dates are text), so that a retry, which gets
   * the recorded response, cannot be told from the first call. When it rejects with anything that is not
   * `unavailable`, nothing was written.
   * @throws LockstepError `key_reused`, `bad_value`, `conflict`, `too_large`, `bad_request`, `timeout`,
   * `unavailable`, and whatever `run` threw
   */
  write<T>(request: WriteRequest, run: WriteFunction<Tx, T>, options?: WriteOptions): Promise<Recorded<T>>
  writeWithPosition<T>(
    request: WriteRequest,
    run: WriteFunction<Tx, T>,
    options?: WriteOptions,
  ): Promise<WriteResult<Recorded<T>>>
  /**
   * The same as a Response: the value as JSON with `Lockstep-Position`, or `{error: {code, message,
   * retryable}}`. A `Response` that `run` throws rolls back and is the reply. Never rejects.
   */
  respond<T>(
    request: WriteRequest,
    run: WriteFunction<Tx, T>,
    options?: WriteOptions & RespondOptions,
  ): Promise<Response>
  /**
   * Tells everybody else in the channel what this request is answered with, as an operation. For middleware: see
   * `honoBroadcast` and `expressBroadcast`. @see docs/protocol.md O2
   * @throws LockstepError `bad_channel`, `bad_request`, `conflict`
   */
  broadcast(request: WriteRequest, operation: string, channel: string): Broadcast
  /** The same on transactions that something else opens: Drizzle, Kysely, Prisma, pg. */
  via<Other>(transactions: Transactions<Other>): Writer<Other>
  /** Resolves when no purge of old keys is running. Writes in progress are the caller's. */
  close(): Promise<void>
}

export type WriteFunction<Tx, T> = (transaction: WriteTransaction<Tx>) => T | Promise<T>

/** What the application's function gets. Good until it returns. */
export interface WriteTransaction<Tx = TransactionSql> {
  /** The open transaction. */
  readonly sql: Tx
  /**
   * Commits a named intent with the transaction, for the effects that rows do not tell. In order of calls.
   * @throws LockstepError `bad_channel`, `bad_request`, `too_large`
   */
  operation(channel: string, name: string, envelope: Json | object): Promise<void>
  /** From the header `Lockstep-Session`. */
  readonly session: string | undefined
  /** From the header `Idempotency-Key`. */
  readonly mutation: string | undefined
}

export interface WriteOptions {
  /** The request's body, for requests whose body was already read: text, bytes, or what was parsed from it. */
  readonly body?: unknown
  /**
   * Who writes: the scope of the idempotency key, so that nobody gets another's recorded response. Without
   * it the user that `authenticate` finds; without either, keys are scoped by session, which is no secret.
   */
  readonly user?: { readonly id: string | number } | string | number
  /** Default: what the database is set to, `read committed`. */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable'
}

export interface RespondOptions {
  /** Default 200; 204 where the value is undefined. */
  readonly status?: number
}

export interface WriteResult<T> {
  readonly value: T
  /** Everything the write did lies at or before it. Undefined when it could not be read after the commit. */
  readonly position: WirePosition | undefined
  /** Whether this is the recorded response of an earlier call. */
  readonly replayed: boolean
}

/** A way to open transactions. @see docs/protocol.md W6 */
export interface Transactions<Tx> {
  /**
   * Runs `run` in a transaction: commits when it resolves, rolls back and rejects with its error when it
   * rejects.
   */
  transaction(run: (tx: Tx, execute: Execute) => Promise<void>, isolation?: string): Promise<void>
}

/** Runs one statement with `$1`-style parameters in a transaction and gives its rows. */
export type Execute = (
  statement: string,
  values: readonly string[],
) => Promise<readonly Readonly<Record<string, unknown>>[]>

export interface WriteLimits {
  /** Body of a write. */
  readonly requestBytesMax: number
  /** Time for a body to arrive. */
  readonly requestMs: number
  /** JSON of one operation's envelope. */
  readonly envelopeBytesMax: number
  readonly operationsMax: number
  /** JSON of a recorded response. */
  readonly responseBytesMax: number
  /** Rows of synced tables that one write may create, update and destroy. */
  readonly rowsMax: number
  /** Time for the application's function, after which the write is rolled back. */
  readonly transactionMs: number
  /** Writes at the same time, waiting ones included. */
  readonly writesMax: number
  /** How often a write is run anew after a serialization failure or a deadlock. */
  readonly attemptsMax: number
  /** How long a key is kept. A retry later than that is a new write. */
  readonly keyMs: number
}

export const defaultWriteLimits: WriteLimits = {
  requestBytesMax: 10_485_760,
  requestMs: 30_000,
  envelopeBytesMax: 65_536,
  operationsMax: 100,
  responseBytesMax: 1_048_576,
  rowsMax: 50_000,
  transactionMs: 30_000,
  writesMax: 1_000,
  attemptsMax: 5,
  keyMs: 86_400_000,
}
