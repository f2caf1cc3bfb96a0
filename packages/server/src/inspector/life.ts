import type { ResetReason } from '@lockstep/protocol'
import type { ResetScope } from '../log/log.ts'

/** What is kept of one commit: names, counts and times; nothing of its rows. */
export interface TracedCommit {
  readonly xid: number
  readonly lsn: number
  /** By the database's clock, ms since 1970. */
  readonly committedAt: number
  /** Ms since 1970, with fractions; so are all that follow. */
  readonly receivedAt: number
  decodedAt: number | undefined
  routedAt: number | undefined
  encodedAt: number | undefined
  /** The writer's request, where it named its session and its mutation. */
  request: TracedRequest | undefined
  writer: string | undefined
  /** Per collection how many rows. */
  readonly rows: Map<string, RowCounts>
  /** Per channel what each view was told. */
  readonly channels: Map<string, TracedChannel>
  /** Channels beyond `channelsMax`, which are only counted. */
  channelsUnlisted: number
  /** The commit could not be told as changes. */
  reset: { readonly reason: ResetReason; readonly scope: ResetScope | undefined } | undefined
  readonly writes: TracedWrite[]
  /** Writes to subscribers beyond `writesMax`, which are only counted. */
  writesUnlisted: number
}

export interface TracedRequest {
  readonly beganAt: number
  answeredAt: number | undefined
}

export interface RowCounts {
  create: number
  update: number
  destroy: number
}

export interface TracedChannel {
  /** Views that see something of it. */
  readonly views: number[]
  operations: boolean
  reset: ResetReason | undefined
  frameBytes: number
}

/** The message was handed to one subscriber's carrier. */
export interface TracedWrite {
  readonly session: string
  readonly channel: string
  readonly at: number
  readonly way: WriteWay
  /** The peer's first sign of life after a ping that followed the message. */
  aliveAt: number | undefined
}

/**
 * `live`: with the turn that brought it. `late`: from the log, once a socket that was full had drained.
 * `resumed`: from the log, as the subscription began or came back.
 */
export type WriteWay = 'live' | 'late' | 'resumed'

/** Commits that are kept, the last ones. */
export const commitsMax = 200

/** Writes to subscribers that are kept of each. */
export const writesMax = 500

/** Channels that are kept of each; the session's reasons of others are not told. */
export const channelsMax = 200
