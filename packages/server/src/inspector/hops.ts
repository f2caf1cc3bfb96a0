import { shortId } from './histories.ts'
import type { RowCounts, TracedCommit, WriteWay } from './life.ts'

/** One stage that a change has passed, in this order. */
export type HopName =
  | 'request taken'
  | 'committed'
  | 'received'
  | 'decoded'
  | 'routed'
  | 'encoded'
  | 'first handed to a socket'
  | 'last handed to a socket'
  | 'request answered'

export interface Hop {
  readonly hop: HopName
  /** Ms since 1970; null: not known, or not yet. */
  readonly at: number | null
  /** What the time is, or why there is none. */
  readonly note?: string
}

export interface CommitLife {
  readonly lsn: number
  readonly xid: number
  /** The writer's session, shortened. */
  readonly writer: string | null
  readonly hops: readonly Hop[]
  readonly rows: Readonly<Record<string, RowCounts>>
  readonly channels: readonly { channel: string; views: number; frameBytes: number; reset: string | null }[]
  /** Channels that it was in and that are not listed. */
  readonly channelsUnlisted: number
  readonly reset: string | null
  readonly writes: readonly WriteRow[]
  /** Subscribers that got it and are not listed. */
  readonly writesUnlisted: number
}

export interface WriteRow {
  readonly session: string
  readonly channel: string
  readonly at: number
  readonly way: WriteWay
  /** The peer's first sign of life after a ping that followed the message; null: none yet. */
  readonly aliveAt: number | null
}

/** The life of a change, hop by hop. */
export function lifeOf(commit: TracedCommit): CommitLife {
  const { request, writes } = commit
  const unnamed = 'the writer did not name its mutation, or wrote past this server'
  return {
    lsn: commit.lsn,
    xid: commit.xid,
    writer: commit.writer === undefined ? null : shortId(commit.writer),
    hops: [
      hop('request taken', request?.beganAt, request === undefined ? unnamed : undefined),
      hop('committed', commit.committedAt, 'by the clock of the database'),
      hop('received', commit.receivedAt),
      hop('decoded', commit.decodedAt),
      hop('routed', commit.routedAt),
      hop('encoded', commit.encodedAt),
      hop('first handed to a socket', writes[0]?.at, writes.length === 0 ? 'nobody got it yet' : undefined),
      hop('last handed to a socket', writes.at(-1)?.at),
      hop(
        'request answered',
        request?.answeredAt,
        'the application had the result; may be before the hops above',
      ),
    ],
    rows: Object.fromEntries(commit.rows),
    channels: [...commit.channels].map(([channel, { views, frameBytes, reset }]) => ({
      channel,
      views: views.length,
      frameBytes,
      reset: reset ?? null,
    })),
    channelsUnlisted: commit.channelsUnlisted,
    reset: commit.reset?.reason ?? null,
    writes: writes.map(({ session, channel, at, way, aliveAt }) => ({
      session: shortId(session),
      channel,
      at,
      way,
      aliveAt: aliveAt ?? null,
    })),
    writesUnlisted: commit.writesUnlisted,
  }
}

function hop(name: HopName, at: number | undefined, note?: string): Hop {
  return { hop: name, at: at ?? null, ...(note !== undefined && { note }) }
}
