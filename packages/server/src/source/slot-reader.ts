import { LockstepError } from '@lockstep/protocol'
import type { Collection } from '../definition/definition.ts'
import { SetupError } from '../fault/fault.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { Acknowledger } from './acknowledger.ts'
import { Barriers } from './barriers.ts'
import { Intake } from './intake.ts'
import { currentEpoch, firstLog, newEpoch, whyNewEpoch } from './slot.ts'
import type { Epoch, SlotDatabase } from './slot-database.ts'
import type { Downstream, Source, SourceSink, SourceStatus } from './source.ts'
import { ReplicationStream } from './stream.ts'
import type { SlotPlan } from './terms.ts'
import { Unseen } from './unseen.ts'
import { isVisible } from './visibility.ts'

export interface SlotReaderOptions {
  readonly database: SlotDatabase
  readonly plan: SlotPlan
  readonly runtime: Runtime
  readonly logger: Logger
  readonly retentionMs?: number | undefined
  readonly onError?: ((collection: Collection, error: Error) => void) | undefined
  readonly pollMs?: number | undefined
  readonly busyMs?: number | undefined
  readonly retainedBytesWarn?: number | undefined
}

/** Longest wait for a barrier: whoever waits for a page or a snapshot is told rather than left waiting. */
const barrierMsMax = 15_000

const backoffFirstMs = 50
const backoffMaxMs = 5_000

/** Reads the slot: connects, reconnects, acknowledges, and watches over slot and publication. */
export class SlotReader implements Source {
  readonly #options: SlotReaderOptions
  readonly #plan: SlotPlan
  readonly #runtime: Runtime
  readonly #logger: Logger
  readonly #database: SlotDatabase
  readonly #barriers: Barriers
  readonly #retentionMs: number
  #sink: SourceSink | undefined
  #downstream: Downstream | undefined
  /** Rows must not come before their types are known. */
  #learning = false
  #intake: Intake | undefined
  #stream: ReplicationStream | undefined
  #acknowledger = new Acknowledger(0, 0)
  #unseen = new Unseen()
  #epoch: string | undefined
  /** Marks of barriers that were under way are not in the new slot; it may take several tries to open that. */
  #marksLost = false
  #retainedBytes: number | undefined
  #warned = false
  #hurried = false
  #closed = false
  #wake: () => void = () => {}
  #running: Promise<void> | undefined
  #cancelPoll: () => void = () => {}

  constructor(options: SlotReaderOptions) {
    this.#options = options
    this.#plan = options.plan
    this.#database = options.database
    this.#runtime = options.runtime
    this.#logger = options.logger
    this.#retentionMs = options.retentionMs ?? 60_000
    this.#barriers = new Barriers({
      write: (content) => this.#database.mark(this.#plan.slot, content),
      runtime: this.#runtime,
      wake: () => this.#stream?.poke(),
    })
  }

  async start(sink: SourceSink, downstream?: Downstream): Promise<void> {
    this.#sink = sink
    this.#downstream = downstream
    try {
      await this.#open(this.#runtime.now() + (this.#options.busyMs ?? 30_000))
    } catch (error) {
      await this.#database.close(0)
      throw this.#database.explain(error)
    }
    this.#running = this.#run()
    this.#poll()
    // Without a bound: what the slot held back while no server ran is read first.
    await this.#barriers.wait()
  }

  barrier(): Promise<number> {
    if (this.#closed) return Promise.reject(new LockstepError('unavailable', 'The server is closed.'))
    return new Promise((resolve, reject) => {
      const timer = this.#runtime.timer(barrierMsMax, () =>
        reject(new LockstepError('unavailable', 'The stream from the database is late.')),
      )
      this.#barriers
        .wait()
        .finally(() => timer.cancel())
        .then(resolve, reject)
    })
  }

  status(): SourceStatus {
    return {
      connected: this.#stream !== undefined,
      lsn: this.#intake?.given ?? 0,
      retainedBytes: this.#retainedBytes,
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#cancelPoll()
    this.#wake()
    await this.#stream?.close()
    await this.#running
    this.#barriers.fail(new LockstepError('unavailable', 'The server is closed.'))
    await this.#database.close(1)
  }

  /** Makes sure of slot and epoch, and opens the stream. Waits for a busy slot until `busyUntil`. */
  async #open(busyUntil: number): Promise<void> {
    const sink = this.#sink
    if (sink === undefined) throw new Error('start was not called')
    await this.#database.prepare()
    await this.#database.loadTypes()
    let told = false
    for (;;) {
      try {
        const epoch = await this.#ensureEpoch()
        if (epoch.epoch !== this.#epoch) this.#begin(epoch, sink)
        await this.#startStream()
        if (this.#marksLost) this.#barriers.resend()
        this.#marksLost = false
        return
      } catch (error) {
        const pid = busyPid(error)
        if (pid === undefined || this.#closed) throw error
        const message = `The replication slot ${this.#plan.slot} is in use by another process (Postgres process ${pid}).`
        if (this.#runtime.now() >= busyUntil)
          throw new SetupError([
            {
              code: 'slot_busy',
              message: `${message} If another Lockstep server uses this database, give this one another slot name. If nothing does, end that connection:`,
              sql: `SELECT pg_terminate_backend(${pid});`,
            },
          ])
        if (!told) this.#logger.warn(`${message} Waiting for it to let go.`)
        told = true
        await this.#sleep(250)
      }
    }
  }

  async #ensureEpoch(): Promise<Epoch> {
    const why = await whyNewEpoch(this.#database, this.#plan, this.#intake)
    if (why === undefined) return currentEpoch(this.#database, this.#plan.slot)
    const epoch = await newEpoch(this.#database, this.#plan, this.#runtime, this.#logger)
    const text = `A new log begins (epoch ${epoch.epoch}): ${why}. All clients start from a snapshot.`
    if (why === firstLog) this.#logger.info(text)
    else this.#logger.warn(text)
    return epoch
  }

  #begin(epoch: Epoch, sink: SourceSink): void {
    this.#epoch = epoch.epoch
    this.#marksLost = true
    this.#acknowledger = new Acknowledger(this.#retentionMs, epoch.from)
    this.#unseen = new Unseen()
    const unseen = this.#unseen
    this.#intake = new Intake({
      collections: this.#plan.collections,
      sink,
      types: this.#database.types,
      logger: this.#logger,
      from: epoch.from,
      onBarrier: (content, lsn) => this.#barriers.arrived(content, lsn),
      onCommit: (xid, lsn) => unseen.given(xid, lsn),
      onError: this.#options.onError ?? (() => {}),
      onUnknownType: () => void this.#learnTypes(),
    })
    sink.epoch(epoch.epoch, epoch.from - 1)
  }

  async #startStream(): Promise<void> {
    const intake = this.#intake
    if (intake === undefined) return
    intake.connectionLost()
    const stream = await ReplicationStream.open({
      connection: this.#database.connection(this.#plan.slot),
      slot: this.#plan.slot,
      publication: this.#plan.publication,
      from: intake.given + 1,
      runtime: this.#runtime,
      reader: {
        data: (bytes, start, end) => {
          intake.take(bytes, start, end)
          if (this.#downstream?.full === true) void this.#holdBack(this.#downstream)
        },
        keepalive: (walEnd, replyRequested) => {
          intake.progress(walEnd)
          if (replyRequested) void this.#probe()
        },
        acknowledged: () => {
          const now = this.#runtime.now()
          const taken = Math.min(intake.given, this.#downstream?.takenLsn ?? intake.given)
          this.#acknowledger.given(taken + 1, now)
          return this.#acknowledger.acknowledge(now)
        },
      },
    })
    this.#stream = stream
    if (this.#closed) await stream.close()
    else stream.resume()
  }

  /** Keeps a stream open until `close`. */
  async #run(): Promise<void> {
    let backoffMs = backoffFirstMs
    while (!this.#closed) {
      const stream = this.#stream
      if (stream !== undefined) {
        const before = this.#intake?.given ?? 0
        const error = await stream.ended
        this.#stream = undefined
        await stream.close()
        if (this.#closed) return
        this.#logger.warn(
          `The replication stream ended: ${error === undefined ? 'the database shuts down' : describe(error)}. Reconnecting.`,
        )
        // A stream that moved on was a good one. One that breaks at the same commit again is not.
        if ((this.#intake?.given ?? 0) > before) backoffMs = backoffFirstMs
      }
      await this.#sleep(backoffMs)
      backoffMs = Math.min(backoffMs * 2, backoffMaxMs)
      if (this.#closed) return
      try {
        await this.#open(this.#runtime.now() + (this.#options.busyMs ?? 30_000))
        this.#logger.info('The replication stream flows again.')
      } catch (error) {
        this.#logger.warn(`No replication stream: ${describe(error)}`)
      }
    }
  }

  /**
   * A walsender that asks for a reply may want to shut down, and waits for us to take everything in; we
   * acknowledge late, so it would wait long. A database that shuts down refuses new sessions: then we leave.
   */
  async #probe(): Promise<void> {
    try {
      await this.#database.probe()
    } catch {
      await this.#stream?.close()
    }
  }

  /** Reads no more until what was given has somewhere to go. */
  async #holdBack(downstream: Downstream): Promise<void> {
    const stream = this.#stream
    stream?.pause()
    await downstream.whenRoom()
    if (!this.#learning) stream?.resume()
  }

  async #learnTypes(): Promise<void> {
    const stream = this.#stream
    this.#learning = true
    stream?.pause()
    try {
      await this.#database.loadTypes()
      this.#intake?.typesLearned()
      this.#learning = false
      stream?.resume()
    } catch {
      this.#learning = false
      await stream?.close() // the next stream begins with the types
    }
  }

  #poll(): void {
    const timer = this.#runtime.timer(this.#options.pollMs ?? 10_000, async () => {
      await this.#look().catch(() => {}) // out of reach: the stream will notice
      if (!this.#closed) this.#poll()
    })
    this.#cancelPoll = () => timer.cancel()
  }

  async #look(): Promise<void> {
    if (this.#stream === undefined) return
    const why = await whyNewEpoch(this.#database, this.#plan, this.#intake)
    if (why !== undefined && !this.#closed) {
      this.#logger.error(`The log cannot be continued: ${why}.`)
      await this.#stream?.close()
      return
    }
    // A commit that a snapshot may still miss must be in the log: a restarted server has to be given it again.
    const unseen = this.#unseen
    const visibility = await this.#database.visibility()
    if (unseen === this.#unseen) this.#acknowledger.hold(unseen.look((xid) => isVisible(xid, visibility)))
    const row = await this.#database.retained(this.#plan.slot)
    this.#retainedBytes = row?.bytes
    if (row?.scarce === true) this.#hurry()
    const bound = this.#options.retainedBytesWarn ?? 1_073_741_824
    const beyond = (row?.bytes ?? 0) > bound
    if (beyond && !this.#warned)
      this.#logger.warn(
        `The replication slot ${this.#plan.slot} holds back ${Math.round((row?.bytes ?? 0) / 1_048_576)} MiB of WAL. ` +
          'A long open transaction, or a server that cannot keep up, keeps Postgres from deleting it.',
      )
    this.#warned = beyond
  }

  /** Close to max_slot_wal_keep_size: a shorter resume after a restart is better than a lost slot. */
  #hurry(): void {
    const warned = this.#hurried
    this.#hurried = true
    this.#acknowledger.hurry()
    this.#stream?.poke()
    if (warned) return
    this.#logger.warn(
      `The replication slot ${this.#plan.slot} comes close to max_slot_wal_keep_size; it lets go of the retention. Raise that setting.`,
    )
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#runtime.timer(ms, resolve)
      this.#wake = () => {
        timer.cancel()
        resolve()
      }
    })
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The process that holds a slot, from Postgres' message; undefined for any other error. */
function busyPid(error: unknown): number | undefined {
  if (!(error instanceof Error && 'code' in error && error.code === '55006')) return undefined
  const pid = /\b(\d+)\b(?!.*\b\d+\b)/.exec(error.message)?.[1]
  return pid === undefined ? 0 : Number(pid)
}
