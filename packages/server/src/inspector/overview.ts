import type { Connection } from '../hub/connection.ts'
import type { Locks } from '../lock/lock.ts'
import type { LogStatus } from '../log/log.ts'
import type { Presence } from '../presence/presence.ts'
import type { Session } from '../session/session.ts'
import type { SourceStatus } from '../source/source.ts'
import { shortId } from './histories.ts'
import type { Trace } from './trace.ts'

/** What is looked at anew for each view; the counts beside tell of everything. */
export const connectionsLookedAtMax = 20_000

/** Rows of each table that are told. */
export const rowsMax = 200

export interface OverviewParts {
  readonly trace: Trace
  readonly connections: ReadonlySet<Connection>
  readonly sessions: { readonly size: number; values(): Iterable<Session<Connection>> }
  readonly locks: Pick<Locks, 'current' | 'status'>
  readonly presence: Pick<Presence, 'current' | 'unlisted'>
  readonly log: { status(): LogStatus }
  readonly source: { status(): SourceStatus }
  readonly hub: { status(): { connections: number; subscriptions: number; behind: number; resets: number } }
}

export interface Overview {
  /** Ms since 1970. */
  readonly at: number
  readonly counts: {
    readonly sessions: number
    readonly connections: number
    readonly subscriptions: number
    readonly behind: number
    readonly resets: number
    readonly locks: number
    readonly waiting: number
  }
  readonly slot: SourceStatus & { readonly newestLagMs: number | null }
  readonly log: LogStatus
  /** Some connections were not looked at for what follows. */
  readonly isPartial: boolean
  readonly channels: readonly ChannelRow[]
  readonly sessions: readonly SessionRow[]
  readonly locks: readonly LockRow[]
  /** Newest first. */
  readonly commits: readonly CommitRow[]
}

export interface ChannelRow {
  readonly channel: string
  readonly subscribers: number
  readonly behind: number
  readonly loading: number
  readonly present: number
  readonly locks: number
}

export interface SessionRow {
  readonly session: string
  readonly user: string
  readonly state: 'connected' | 'away'
  readonly channels: number
  readonly behind: number
  readonly isFull: boolean
}

export interface LockRow {
  readonly channel: string
  /** What stands before the first `/` of the resource: its key is not told. */
  readonly kind: string
  readonly session: string
  readonly token: number
  readonly at: number
}

export interface CommitRow {
  readonly lsn: number
  readonly xid: number
  readonly at: number
  readonly rows: number
  readonly collections: readonly string[]
  readonly channels: number
  readonly writes: number
  /** From the commit to the last write to a subscriber, by two clocks. */
  readonly totalMs: number | null
}

/** Channels, sessions, locks, presence, log and slot as they stand. */
export function overviewOf(parts: OverviewParts): Overview {
  const channels = new Map<string, { subscribers: number; behind: number; loading: number }>()
  let looked = 0
  for (const connection of parts.connections) {
    if (++looked > connectionsLookedAtMax) break
    for (const { channel, state } of connection.subscriptions.values()) {
      if (state === 'authorizing' || state === 'ended') continue
      const row = channels.get(channel) ?? { subscribers: 0, behind: 0, loading: 0 }
      channels.set(channel, row)
      row.subscribers++
      if (state !== 'live') row[state]++
    }
  }
  const most = [...channels].sort(([, a], [, b]) => b.subscribers - a.subscribers).slice(0, rowsMax)
  const locks = most.flatMap(([channel]) => parts.locks.current(channel))
  const { held, waiting } = parts.locks.status()
  const newest = parts.trace.commits.at(-1)
  return {
    at: parts.trace.now(),
    counts: { sessions: parts.sessions.size, ...parts.hub.status(), locks: held, waiting },
    slot: {
      ...parts.source.status(),
      newestLagMs: newest === undefined ? null : newest.receivedAt - newest.committedAt,
    },
    log: parts.log.status(),
    isPartial: looked > connectionsLookedAtMax,
    channels: most.map(([channel, counts]) => ({
      channel,
      ...counts,
      present: parts.presence.current(channel).length + parts.presence.unlisted(channel),
      locks: locks.filter((lock) => lock.channel === channel).length,
    })),
    sessions: sessionsOf(parts),
    locks: locks.slice(0, rowsMax).map(({ channel, resource, session, token, at }) => ({
      channel,
      kind: resource.split('/', 1)[0] ?? '',
      session: shortId(session),
      token,
      at,
    })),
    commits: parts.trace.commits
      .slice(-rowsMax)
      .reverse()
      .map((commit) => {
        const last = commit.writes.at(-1)?.at
        let rows = 0
        for (const { create, update, destroy } of commit.rows.values()) rows += create + update + destroy
        return {
          lsn: commit.lsn,
          xid: commit.xid,
          at: commit.committedAt,
          rows,
          collections: [...commit.rows.keys()],
          channels: commit.channels.size + commit.channelsUnlisted,
          writes: commit.writes.length + commit.writesUnlisted,
          totalMs: last === undefined ? null : last - commit.committedAt,
        }
      }),
  }
}

function sessionsOf({ sessions }: OverviewParts): SessionRow[] {
  const rows: SessionRow[] = []
  for (const { id, user, connection } of sessions.values()) {
    if (rows.length >= rowsMax) break
    rows.push({
      session: shortId(id),
      user: String(user.id),
      state: connection === undefined ? 'away' : 'connected',
      channels: connection?.subscriptions.size ?? 0,
      behind: connection?.behind ?? 0,
      isFull: connection?.full ?? false,
    })
  }
  return rows
}
