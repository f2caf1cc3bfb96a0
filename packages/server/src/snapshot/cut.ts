import { payloadOf } from '../log/frame.ts'
import type { LogEntry } from '../log/log.ts'
import { memberOf } from '../routing/json-scan.ts'
import { isVisible } from '../source/visibility.ts'
import type { SnapshotPart, SnapshotRead } from './snapshot.ts'
import { SnapshotTables } from './table.ts'

export interface CutInput {
  readonly parts: readonly SnapshotPart[]
  readonly read: SnapshotRead
  /**
   * All entries of the channel and view that the log holds, in commit order. Those from before the read
   * count too: Postgres flushes a commit, and so sends it, before it makes it visible, so a transaction
   * may have come out of the stream and still be invisible to a snapshot taken later.
   */
  readonly entries: readonly LogEntry[]
  /** Transactions whose entries the log no longer holds. */
  readonly trimmedXids: readonly number[]
  /** Taken after the read: every transaction that it saw has a commit LSN at or before this one. */
  readonly lsn: number
}

/**
 * Brings rows read under a snapshot to the state at exactly `lsn` in WAL order: applies the transactions
 * up to `lsn` that the snapshot did not see. They held the locks of their rows until they were visible,
 * so among them commit order is the order of their effects, and none of them was overtaken by one the
 * snapshot saw. `retry`: a transaction that would have to be applied cannot be told.
 */
export function cutSnapshot({ parts, read, entries, trimmedXids, lsn }: CutInput): SnapshotTables | 'retry' {
  if (trimmedXids.some((xid) => !isVisible(xid, read.visibility) && !isOfEarlierRound(xid, read)))
    return 'retry'
  const tables = SnapshotTables.fromRows(parts, read.rows)
  for (const entry of entries) {
    if (entry.lsn > lsn) break
    if (isVisible(entry.xid, read.visibility)) continue
    if (!applyEntry(tables, entry)) return 'retry'
  }
  return tables
}

/** Transactions that run at once are far fewer. */
const runningMax = 16_777_216

/**
 * Whether a transaction that seems to begin long after the snapshot has ended long before it: xids begin anew after
 * 2^32, and what is remembered of one may be that old.
 */
function isOfEarlierRound(xid: number, { visibility: { xmax, inProgress } }: SnapshotRead): boolean {
  return !inProgress.has(xid) && (xid - xmax) >>> 0 > runningMax
}

/** False: the entry does not tell its changes, or they do not fit. */
export function applyEntry(tables: SnapshotTables, entry: LogEntry): boolean {
  if (entry.frame === undefined) return false
  return tables.apply(memberOf(payloadOf(entry.frame), 'changes') ?? '{}')
}
