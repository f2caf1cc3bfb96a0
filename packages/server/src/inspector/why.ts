import type { ResetReason } from '@lockstep/protocol'
import { isInScope } from '../log/partial-resets.ts'
import type { SessionStep } from './histories.ts'
import type { TracedChannel, TracedCommit } from './life.ts'

/** Why a session got a commit on a channel, or did not. */
export interface Why {
  readonly channel: string
  readonly got: boolean
  readonly reason: Reason
  /** What it is about: a reset's reason, an error's code. */
  readonly detail?: string
  /** When, ms since 1970. */
  readonly at?: number
}

export type Reason =
  | 'sent'
  | 'sent_late'
  | 'sent_resumed'
  | 'no_visible_column'
  | 'not_subscribed'
  | 'refused'
  | 'revoked'
  | 'unsubscribed'
  | 'disconnected'
  | 'in_snapshot'
  | 'before_start'
  | 'reset'
  | 'loading'
  | 'behind'
  | 'not_sent_yet'
  | 'not_kept'

const waysTold = { live: 'sent', late: 'sent_late', resumed: 'sent_resumed' } as const

/** The sentences of the page. Row data is in none. */
export const reasonTexts: Readonly<Record<Reason, string>> = {
  sent: 'It was handed to the session’s socket.',
  sent_late:
    'It was handed to the session’s socket late: the socket was full, and was brought up to date from the log.',
  sent_resumed: 'It was handed to the session’s socket from the log, when the session came or came back.',
  no_visible_column: 'Nothing that changed is visible in the session’s view of the channel.',
  not_subscribed: 'The session was not subscribed to the channel.',
  refused: 'The session asked for the channel and was refused.',
  revoked: 'The session had lost the right to the channel.',
  unsubscribed: 'The session had left the channel.',
  disconnected:
    'The session had no connection. It gets the change when it comes back, from the log or a snapshot.',
  in_snapshot: 'The session got a snapshot that has the change in it.',
  before_start: 'The session’s subscription began at a position after the change: its page had it already.',
  reset: 'The change could not be told as a message: the session was told to load a snapshot.',
  loading: 'The session waits for a snapshot, which will have the change in it.',
  behind: 'The session’s socket is full. It gets the change when the socket has drained.',
  not_sent_yet: 'The session is live; the change has not been handed to its socket yet.',
  not_kept:
    'Too many subscribers got it to keep each: the session was live, and is among those that are only counted.',
}

/**
 * For each channel of a commit, whether the session got it, decided from what was handed to its socket and from
 * the steps of its subscriptions.
 */
export function whyOf(commit: TracedCommit, session: string, steps: readonly SessionStep[]): readonly Why[] {
  const channels = new Map(commit.channels)
  if (commit.reset !== undefined) {
    const { reason, scope } = commit.reset
    for (const { channel } of steps) {
      if (scope === undefined || isInScope(scope, channel)) channels.set(channel, resetChannel(reason))
    }
  }
  return [...channels].map(([channel, traced]) => ({
    channel,
    ...whyNot(commit, session, { channel, traced, steps: steps.filter((step) => step.channel === channel) }),
  }))
}

function resetChannel(reset: ResetReason): TracedChannel {
  return { views: [], operations: false, reset, frameBytes: 0 }
}

function whyNot(
  commit: TracedCommit,
  session: string,
  { channel, traced, steps }: { channel: string; traced: TracedChannel; steps: readonly SessionStep[] },
): Omit<Why, 'channel'> {
  const write = commit.writes.find((one) => one.session === session && one.channel === channel)
  if (write !== undefined) return { got: true, reason: waysTold[write.way], at: write.at }
  // The step that held when the commit came, and what followed.
  const before = steps.findLast((step) => step.lsn < commit.lsn)
  const after = steps.filter((step) => step.lsn >= commit.lsn)
  const began = steps.find((step) => step.kind === 'entered' && step.from >= commit.lsn)
  if (began?.kind === 'entered') {
    if (traced.reset !== undefined) return { got: true, reason: 'reset', detail: traced.reset, at: began.at }
    return { got: true, reason: began.by === 'snapshot' ? 'in_snapshot' : 'before_start', at: began.at }
  }
  if (before === undefined) {
    const refused = after.find((step) => step.kind === 'refused')
    if (refused?.kind === 'refused')
      return { got: false, reason: 'refused', detail: refused.code, at: refused.at }
    return { got: false, reason: 'not_subscribed' }
  }
  const { at } = before
  if (before.kind === 'refused') return { got: false, reason: 'refused', detail: before.code, at }
  if (before.kind === 'revoked') return { got: false, reason: 'revoked', at }
  if (before.kind === 'left') return { got: false, reason: 'unsubscribed', at }
  if (before.kind === 'away') return { got: false, reason: 'disconnected', at }
  if (before.kind === 'reset') return { got: false, reason: 'loading', detail: before.reason, at }
  const view = steps.findLast((step) => step.kind === 'entered')
  if (traced.reset === undefined && view?.kind === 'entered' && !traced.views.includes(view.view)) {
    return { got: false, reason: 'no_visible_column' }
  }
  const last = after.at(-1) ?? before
  if (last.kind === 'reset') return { got: false, reason: 'reset', detail: last.reason, at: last.at }
  if (last.kind === 'revoked') return { got: false, reason: 'revoked', at: last.at }
  if (last.kind === 'away') return { got: false, reason: 'disconnected', at: last.at }
  if (last.kind === 'behind') return { got: false, reason: 'behind', at: last.at }
  if (commit.writesUnlisted > 0) return { got: true, reason: 'not_kept' }
  return { got: false, reason: 'not_sent_yet' }
}
