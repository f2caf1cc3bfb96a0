import type { Position, ResetReason } from '@lockstep/protocol'
import type { BusEntry } from '../bus/bus.ts'
import type { Batch } from '../hub/batch.ts'
import type { Carrier } from '../hub/carrier.ts'
import type { TracedCarrier } from '../hub/tracing.ts'
import type { Frame } from '../log/frame.ts'
import type { Delivery, LogReader } from '../log/log.ts'
import type { SourceSink } from '../source/source.ts'
import { Histories } from './histories.ts'
import {
  channelsMax,
  commitsMax,
  type TracedCommit,
  type TracedWrite,
  type WriteWay,
  writesMax,
} from './life.ts'
import { Requests } from './requests.ts'
import { InspectedCarrier } from './traced-carrier.ts'
import { TracingSink } from './tracing-sink.ts'

interface TracedFrame {
  readonly commit: TracedCommit
  readonly channel: string
}

/**
 * What the inspector keeps of the way of recent commits: a ring of the last ones, with the times at which they
 * passed each stage. It stands beside the stages, and changes nothing of what they do. Names, counts and times
 * only: nothing of a row, and no token.
 */
export class Trace implements LogReader {
  readonly requests: Requests
  readonly histories: Histories = new Histories()
  readonly now: () => number
  readonly #commits: TracedCommit[] = []
  readonly #frames = new WeakMap<Frame, TracedFrame>()
  #lsn = 0

  /** @param now ms since 1970, with fractions where the clock has some */
  constructor(now: () => number) {
    this.now = now
    this.requests = new Requests(now)
  }

  /** Oldest first. */
  get commits(): readonly TracedCommit[] {
    return this.#commits
  }

  /** How far the log is. */
  get lsn(): number {
    return this.#lsn
  }

  find(lsn: number): TracedCommit | undefined {
    return this.#commits.find((commit) => commit.lsn === lsn)
  }

  // ---- what stands between the stages -------------------------------------------------------------------

  /** Stands before the router. */
  sink(next: SourceSink): SourceSink {
    return new TracingSink(next, this.now, (commit) => this.#add(commit))
  }

  /** Stands before the log. */
  routed(entry: BusEntry): void {
    if (entry.kind !== 'transaction' && entry.kind !== 'reset') return
    const { lsn, session, mutation } = entry.kind === 'transaction' ? entry.transaction : entry
    const commit = this.#recent(lsn)
    if (commit === undefined) return
    commit.routedAt = this.now()
    commit.writer = session
    commit.request = this.requests.find(session, mutation)
    if (entry.kind === 'reset') commit.reset = { reason: entry.reason, scope: entry.scope }
    else {
      const { channels } = entry.transaction
      commit.channelsUnlisted = Math.max(0, channels.length - channelsMax)
      for (const { channel, operations, reset } of channels.slice(0, channelsMax)) {
        commit.channels.set(channel, {
          views: [],
          operations: operations !== undefined,
          reset,
          frameBytes: 0,
        })
      }
    }
  }

  /** Stands before the carrier of a connection. */
  carrier(carrier: Carrier): TracedCarrier {
    return new InspectedCarrier(carrier, {
      step: (session, step) => this.histories.add(session, { ...step, at: this.now(), lsn: this.#lsn }),
      sent: (session, batch, wayOf) => this.#sent(session, batch, wayOf),
      now: this.now,
      lsn: () => this.#lsn,
    })
  }

  // ---- what the log says, before the hub hears of it ----------------------------------------------------

  transaction(lsn: number, deliveries: readonly Delivery[]): void {
    this.#lsn = lsn
    const commit = this.#recent(lsn)
    if (commit === undefined) return
    commit.encodedAt = this.now()
    for (const { channel, view, entry } of deliveries) {
      const traced = commit.channels.get(channel)
      if (traced === undefined) continue
      traced.views.push(view)
      if (entry.frame === undefined) continue
      traced.frameBytes += entry.frame.length
      this.#frames.set(entry.frame, { commit, channel })
    }
  }

  progress(lsn: number): void {
    this.#lsn = lsn
  }

  reset(lsn: number, _reason: ResetReason): void {
    this.#lsn = lsn
  }

  epoch(position: Position): void {
    this.#lsn = position.lsn
    this.#commits.length = 0
  }

  // ---- inside -------------------------------------------------------------------------------------------

  #add(commit: TracedCommit): void {
    this.#commits.push(commit)
    if (this.#commits.length > commitsMax) this.#commits.shift()
  }

  /** The stages before the hub are one after the other: it is among the last, if it is there at all. */
  #recent(lsn: number): TracedCommit | undefined {
    const last = this.#commits.at(-1)
    return last?.lsn === lsn ? last : this.#commits.findLast((commit) => commit.lsn === lsn)
  }

  #sent(
    session: string,
    batch: Batch,
    wayOf: (channel: string, lsn: number) => WriteWay,
  ): readonly TracedWrite[] {
    const at = this.now()
    const kept: TracedWrite[] = []
    for (const frame of batch.frames) {
      const traced = this.#frames.get(frame)
      if (traced === undefined) continue
      const { commit, channel } = traced
      if (commit.writes.length >= writesMax) {
        commit.writesUnlisted++
        continue
      }
      const write = { session, channel, at, way: wayOf(channel, commit.lsn), aliveAt: undefined }
      commit.writes.push(write)
      kept.push(write)
    }
    return kept
  }
}
