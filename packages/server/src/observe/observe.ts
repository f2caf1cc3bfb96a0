import type { Json, ResetReason, WirePosition } from '@lockstep/protocol'

/**
 * Called for each row that a commit changed, in the order of commits and one at a time. What it returns is
 * waited for; when it rejects it is called again with the same change.
 */
export type Reaction<R = Row> = (change: ObservedChange<R>, context: ObserveContext) => unknown

/** A row's declared columns, those of every audience, as they are on the wire (P6). */
export type Row = Readonly<Record<string, Json>>

export type ObservedChange<R = Row> =
  | { readonly event: 'create'; readonly key: string; readonly row: R }
  /** `before` has what Postgres tells of the former row: with REPLICA IDENTITY FULL all of it. */
  | { readonly event: 'update'; readonly key: string; readonly row: R; readonly before: Partial<R> }
  | { readonly event: 'destroy'; readonly key: string; readonly before: R }

export interface ObserveContext {
  /** Of the commit. All changes of one commit have the same, and no other commit has it. */
  readonly position: WirePosition
  /** Time of the commit, ms since 1970. */
  readonly at: number
  readonly session: string | undefined
  readonly mutation: string | undefined
  readonly operations: readonly ObservedOperation[]
  /** 1 for the first call with this change, of this process. */
  readonly attempt: number
}

export interface ObservedOperation {
  readonly channel: string
  readonly operation: string
  readonly envelope: Json
}

export interface ObserveOptions {
  /** Keeps the observer's position in the database, so that a restart goes on there. Without: from now on only. */
  readonly name?: string
  /**
   * Changes between the observer's position and `position` can no longer be told, `trimmed`, `epoch`, `slow`,
   * `truncated` or `too_large`: read the rows anew. Tried again like a change. Default: a warning in the log.
   */
  readonly reset?: (reason: ResetReason, position: WirePosition) => unknown
}

export interface Observer {
  readonly name: string | undefined
  status(): ObserverStatus
  /** Calls again now, where the observer waits between two attempts or has stopped. */
  resume(): void
  /** Resolves when the call that is running has ended, or 5 s later. The position stays. */
  close(): Promise<void>
}

export interface ObserverStatus {
  /** `stopped`: the last attempt failed too; only `resume` or a restart of the server calls again. */
  readonly state: 'running' | 'retrying' | 'stopped' | 'closed'
  /** Everything at or before it is done. */
  readonly position: WirePosition
  /** Commits that wait. */
  readonly waiting: number
}

export interface ObserveLimits {
  /** What may wait for one observer, in UTF-16 units of JSON; beyond it `reset` with `slow`. */
  readonly waitingMax: number
  /** Calls with one change before the observer stops. */
  readonly attemptsMax: number
  /** Pause after the first failed call; it doubles with each one. */
  readonly pauseMs: number
  readonly pauseMsMax: number
  /** Between two writes of a position into the database. */
  readonly saveMs: number
  /** How long `close` waits for a call. */
  readonly closeMs: number
}

export const defaultObserveLimits: ObserveLimits = {
  waitingMax: 16_777_216,
  attemptsMax: 10,
  pauseMs: 100,
  pauseMsMax: 30_000,
  saveMs: 1_000,
  closeMs: 5_000,
}
