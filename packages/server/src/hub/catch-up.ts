import { encodePosition, type ResetReason, type ServerMessage } from '@lockstep/protocol'
import { encodeFrame, type Frame } from '../log/frame.ts'
import type { Log, LogEntry } from '../log/log.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { Batch } from './batch.ts'
import type { Connection } from './connection.ts'
import { mergeEntries } from './fanout.ts'
import type { Notices } from './notices.ts'
import type { Subscription } from './subscription.ts'

/** Most bytes of log handed to a carrier in one step of catching up, per subscription. */
export const catchUpBytes = 262_144

export interface CatchUpParts {
  readonly log: Log
  readonly runtime: Runtime
  readonly notices: Notices
}

/**
 * Brings the `behind` subscriptions of a connection up to the log's end, as far as its carrier takes it.
 * Sends in commit order over all of them, so that a commit on several channels stays whole (G5).
 * `reload` is called for subscriptions that the log cannot continue. The fan-out must have been flushed.
 */
export function catchUp(
  connection: Connection,
  { log, runtime, notices }: CatchUpParts,
  reload: (subscription: Subscription, reason: ResetReason) => void,
): void {
  while (!connection.full && !connection.closed && connection.behind > 0) {
    const entries: LogEntry[] = []
    const read: { subscription: Subscription; more: boolean }[] = []
    // Beyond the horizon some subscription has not been read yet: nothing past it may go out.
    let horizon = log.position.lsn
    for (const subscription of connection.subscriptions.values()) {
      if (subscription.state !== 'behind') continue
      const from = { epoch: log.position.epoch, lsn: subscription.sentLsn }
      const range = log.read(subscription.channel, subscription.view, from, catchUpBytes)
      if ('reset' in range) {
        leaveBehind(subscription)
        reload(
          subscription,
          subscription.announce ? range.reset : range.reset === 'trimmed' ? 'slow' : range.reset,
        )
        continue
      }
      entries.push(...range.entries)
      const last = range.entries.at(-1)
      if (range.more && last !== undefined) horizon = Math.min(horizon, last.lsn)
      read.push({ subscription, more: range.more })
    }
    const frames = mergeEntries(entries.filter((entry) => entry.lsn <= horizon))
    for (const { subscription } of read) subscription.sentLsn = Math.max(subscription.sentLsn, horizon)
    if (horizon === log.position.lsn) {
      for (const { subscription } of read) becomeLive(subscription, { log, runtime, notices }, frames)
    }
    if (frames.length > 0) connection.sendBatch(new Batch(frames))
  }
  if (!connection.caughtUp) return
  if (!connection.full) notices.makeUp(connection)
  releaseAfterCatchUp(connection)
}

function becomeLive(subscription: Subscription, parts: CatchUpParts, frames: Frame[]): void {
  leaveBehind(subscription)
  subscription.state = 'live'
  subscription.connection.trace?.caughtUp(subscription.channel)
  if (!subscription.announce) return
  subscription.announce = false
  const { channel, greeting: operations } = subscription
  subscription.connection.missed?.delete(subscription)
  frames.push(...parts.notices.everything(channel))
  const say = (message: ServerMessage): void => {
    frames.push(encodeFrame(JSON.stringify(message)))
  }
  say({ type: 'live', channel, position: encodePosition(parts.log.position) })
  if (operations !== undefined) say({ type: 'operations', channel, at: parts.runtime.now(), operations })
  subscription.greeting = undefined
}

/** Puts a subscription behind the log: it has been sent everything up to `sentLsn`. */
export function fallBehind(subscription: Subscription, sentLsn: number): void {
  subscription.state = 'behind'
  subscription.sentLsn = sentLsn
  subscription.connection.behind++
}

/** Takes a subscription out of the count of those behind, whatever it becomes. */
export function leaveBehind(subscription: Subscription): void {
  if (subscription.state !== 'behind') return
  subscription.state = 'loading'
  subscription.connection.behind--
}

/** Most messages that wait for a slow connection to catch up; more are dropped with the connection. */
const afterCatchUpMax = 1_000

/** Sends now, or, behind the log, once caught up. Returns false where too many wait already. */
export function sendInOrder(connection: Connection, batch: Batch): boolean {
  if (connection.caughtUp) {
    connection.sendBatch(batch)
    return true
  }
  connection.afterCatchUp ??= []
  if (connection.afterCatchUp.length >= afterCatchUpMax) return false
  connection.afterCatchUp.push(batch)
  return true
}

function releaseAfterCatchUp(connection: Connection): void {
  const waiting = connection.afterCatchUp
  connection.afterCatchUp = undefined
  for (const batch of waiting ?? []) connection.sendBatch(batch)
}
