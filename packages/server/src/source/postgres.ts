import { LockstepError } from '@lockstep/protocol'
import type { Sql } from 'postgres'
import type { Collection } from '../definition/definition.ts'
import { assertDatabaseUrl, connectionFault } from '../fault/connection.ts'
import { SetupError } from '../fault/fault.ts'
import type { Logger } from '../runtime/logger.ts'
import { silentLogger } from '../runtime/logger.ts'
import { nodeRuntime } from '../runtime/node.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { Acknowledger } from './acknowledger.ts'
import { Barriers } from './barriers.ts'
import { TypeCatalog } from './catalog.ts'
import { connect } from './connect.ts'
import { Intake } from './intake.ts'
import { currentEpoch, type Epoch, ensureState, firstLog, newEpoch, slotNameOf, whyNewEpoch } from './slot.ts'
import type { Source, SourceSink, SourceStatus } from './source.ts'
import { ReplicationStream } from './stream.ts'
import type { SlotPlan } from './terms.ts'

export interface PostgresSourceOptions {
  readonly url: string
  readonly collections: readonly Collection[]
  /** `Sync.fingerprint`; when it changes, the log starts anew. */
  readonly fingerprint: string
  /** Name of the replication slot: small letters, digits, `_`. Default: `lockstep_` and the database's name. */
  readonly slot?: string
  /** Name of the publication. Default: the slot's name. */
  readonly publication?: string
  /** How far the slot trails what was given, so that a restart gives it again. Default 60 s. */
  readonly retentionMs?: number
  readonly runtime?: Runtime
  readonly logger?: Logger
  /** A collection stops, e.g. because a declared column was dropped. The others go on. */
  readonly onError?: (collection: Collection, error: Error) => void
  /** How often the slot is looked at. */
  readonly pollMs?: number
  /** How long `start` waits for a slot that another process still reads. */
  readonly busyMs?: number
  /** WAL held back by the slot beyond which the operator is warned. */
  readonly retainedBytesWarn?: number
  /** Whether barriers may rely on `pg_logical_emit_message` to flush. Default: from Postgres 17 on. */
  readonly flushesMessages?: boolean
}

export function postgresSource(options: PostgresSourceOptions): Source {
  return new PostgresSource(options)
}

/** Longest wait for a barrier: whoever waits for a page or a snapshot is told rather than left waiting. */
const barrierMsMax = 15_000

const backoffFirstMs = 50
const backoffMaxMs = 5_000

/** Reads the slot: connects, reconnects, acknowledges, and watches over slot and publication. */
class PostgresSource implements Source {
  readonly #options: PostgresSourceOptions
  readonly #plan: SlotPlan
  readonly #runtime: Runtime
  readonly #logger: Logger
  readonly #sql: Sql
  readonly #barriers: Barriers
  readonly #types = new TypeCatalog()
  readonly #retentionMs: number
  #sink: SourceSink | undefined
  #intake: Intake | undefined
  #stream: ReplicationStream | undefined
  #acknowledger = new Acknowledger(0, 0)
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

  constructor(options: PostgresSourceOptions) {
    assertDatabaseUrl(options.url)
    this.#options = options
    this.#runtime = options.runtime ?? nodeRuntime
    this.#logger = options.logger ?? silentLogger
    this.#retentionMs = options.retentionMs ?? 60_000
    const slot = options.slot ?? slotNameOf(options.url)
    this.#plan = {
      slot,
      publication: options.publication ?? slot,
      collections: options.collections,
      fingerprint: options.fingerprint,
    }
    this.#sql = connect(options.url, { max: 2, applicationName: `lockstep ${slot} control` })
    this.#barriers = new Barriers({
      sql: this.#sql,
      slot,
      runtime: this.#runtime,
      wake: () => this.#stream?.poke(),
    })
  }

  async start(sink: SourceSink): Promise<void> {
    this.#sink = sink
    try {
      await this.#open(this.#runtime.now() + (this.#options.busyMs ?? 30_000))
    } catch (error) {
      await this.#sql.end({ timeout: 0 })
      throw connectionFault(error, this.#options.url) ?? error
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
    await this.#sql.end({ timeout: 1 })
  }

  /** Makes sure of slot and epoch, and opens the stream. Waits for a busy slot until `busyUntil`. */
  async #open(busyUntil: number): Promise<void> {
    const sink = this.#sink
    if (sink === undefined) throw new Error('start was not called')
    await ensureState(this.#sql)
    await this.#types.load(this.#sql)
    const [version] = await this.#sql<
      { number: number }[]
    >`SELECT current_setting('server_version_num')::int AS number`
    this.#barriers.flushes = this.#options.flushesMessages ?? (version?.number ?? 0) >= 170_000
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
    const why = await whyNewEpoch(this.#sql, this.#plan, this.#intake?.stopped)
    if (why === undefined) return currentEpoch(this.#sql, this.#plan.slot)
    const epoch = await newEpoch(this.#sql, this.#plan, this.#runtime, this.#logger)
    const text = `A new log begins (epoch ${epoch.epoch}): ${why}. All clients start from a snapshot.`
    if (why === firstLog) this.#logger.info(text)
    else this.#logger.warn(text)
    return epoch
  }

  #begin(epoch: Epoch, sink: SourceSink): void {
    this.#epoch = epoch.epoch
    this.#marksLost = true
    this.#acknowledger = new Acknowledger(this.#retentionMs, epoch.from)
    this.#intake = new Intake({
      collections: this.#plan.collections,
      sink,
      types: this.#types,
      logger: this.#logger,
      from: epoch.from,
      onBarrier: (content, lsn) => this.#barriers.arrived(content, lsn),
      onError: this.#options.onError ?? (() => {}),
      onUnknownType: () => void this.#learnTypes(),
    })
    sink.epoch(epoch.epoch, epoch.from - 1)
  }

  async #startStream(): Promise<void> {
    const intake = this.#intake
    if (intake === undefined) return
    intake.connectionLost()
    this.#stream = await ReplicationStream.open({
      url: this.#options.url,
      slot: this.#plan.slot,
      publication: this.#plan.publication,
      from: intake.given + 1,
      runtime: this.#runtime,
      reader: {
        data: (bytes, start, end) => intake.take(bytes, start, end),
        keepalive: (walEnd, replyRequested) => {
          intake.progress(walEnd)
          if (replyRequested) void this.#probe()
        },
        acknowledged: () => {
          const now = this.#runtime.now()
          this.#acknowledger.given(intake.given + 1, now)
          return this.#acknowledger.acknowledge(now)
        },
      },
    })
    if (this.#closed) await this.#stream.close()
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
      await this.#sql`SELECT 1`
    } catch {
      await this.#stream?.close()
    }
  }

  async #learnTypes(): Promise<void> {
    const stream = this.#stream
    stream?.pause()
    try {
      await this.#types.load(this.#sql)
      this.#intake?.typesLearned()
      stream?.resume()
    } catch {
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
    const why = await whyNewEpoch(this.#sql, this.#plan, this.#intake?.stopped)
    if (why !== undefined && !this.#closed) {
      this.#logger.error(`The log cannot be continued: ${why}.`)
      await this.#stream?.close()
      return
    }
    const [row] = await this.#sql<{ bytes: number; scarce: boolean }[]>`
      SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 AS bytes,
        coalesce(wal_status = 'unreserved' OR safe_wal_size < pg_size_bytes('64MB'), false) AS scarce
      FROM pg_replication_slots WHERE slot_name = ${this.#plan.slot}`
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
