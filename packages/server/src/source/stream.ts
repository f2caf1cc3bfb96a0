import type { Duplex } from 'node:stream'
import type { Sql } from 'postgres'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import { connectReplication } from './connect.ts'
import { formatLsn, readLsn, writeLsn } from './lsn.ts'

export interface StreamOptions {
  readonly url: string
  readonly slot: string
  readonly publication: string
  /** Commits from here on; 0: from where the slot stands. */
  readonly from: number
  readonly runtime: Runtime
  readonly reader: StreamReader
}

export interface StreamReader {
  /** A message of the output plugin, from `start` to the end of `bytes`; valid during the call only. */
  data(bytes: Buffer, start: number): void
  /** The walsender has read the WAL up to `walEnd`. */
  keepalive(walEnd: number, replyRequested: boolean): void
  /** LSN up to which the WAL may go, as the next status update tells it. */
  acknowledged(): number
}

const statusMs = 1_000
const quietStatusMs = 10_000
const silenceMs = 60_000

const postgresEpochMs = 946_684_800_000

/** One replication stream of a slot: from START_REPLICATION until the connection is gone. */
export class ReplicationStream {
  /** Resolves with why the stream ended; undefined after `close`. */
  readonly ended: Promise<Error | undefined>
  readonly #sql: Sql
  readonly #duplex: Duplex
  readonly #options: StreamOptions
  readonly #status: Buffer = Buffer.alloc(34)
  #end: (error: Error | undefined) => void = () => {}
  #timer: Timer | undefined
  #told = -1
  #toldAt = 0
  #heardAt: number
  #paused: Buffer[] | undefined

  /** @throws PostgresError, e.g. 55006 where another process reads the slot. */
  static async open(options: StreamOptions): Promise<ReplicationStream> {
    const sql = connectReplication(options.url, `lockstep ${options.slot}`)
    try {
      const publication = options.publication.replaceAll('"', '""').replaceAll("'", "''")
      const duplex = await sql
        .unsafe(
          `START_REPLICATION SLOT "${options.slot}" LOGICAL ${formatLsn(options.from)} ` +
            `(proto_version '1', publication_names '"${publication}"', messages 'true')`,
        )
        .writable()
      // What `.writable()` gives for START_REPLICATION can be read, too.
      return new ReplicationStream(sql, duplex as Duplex, options)
    } catch (error) {
      await sql.end({ timeout: 0 })
      throw error
    }
  }

  private constructor(sql: Sql, duplex: Duplex, options: StreamOptions) {
    this.#sql = sql
    this.#duplex = duplex
    this.#options = options
    this.#heardAt = options.runtime.now()
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    duplex.on('error', (error) => this.#finish(error))
    duplex.on('close', () => this.#finish(new Error('the replication connection was closed')))
    duplex.on('end', () => this.#finish(new Error('the database ended the replication stream')))
    duplex.on('data', (bytes: Buffer) => this.#take(bytes))
    this.#tick()
  }

  /** Holds messages back, still answering for the connection, until `resume`. */
  pause(): void {
    if (this.#paused !== undefined) return
    this.#paused = []
    this.#duplex.pause()
  }

  resume(): void {
    const held = this.#paused
    if (held === undefined) return
    this.#paused = undefined
    for (const bytes of held) this.#take(bytes) // into the next list, where one of them pauses again
    if (!this.#isPaused()) this.#duplex.resume()
  }

  #isPaused(): boolean {
    return this.#paused !== undefined
  }

  /** Tells Postgres how far the WAL may go, and ends the connection. */
  async close(): Promise<void> {
    if (this.#timer !== undefined) this.#sendStatus(false)
    this.#finish(undefined)
    await this.#sql.end({ timeout: 0 })
  }

  #take(bytes: Buffer): void {
    this.#heardAt = this.#options.runtime.now()
    if (this.#paused !== undefined) {
      this.#paused.push(bytes)
      return
    }
    try {
      const kind = bytes[0]
      // w: letter, three numbers of eight bytes (start, end, time), then the plugin's message.
      if (kind === 0x77 && bytes.length > 25) this.#options.reader.data(bytes, 25)
      else if (kind === 0x6b && bytes.length >= 18) {
        const replyRequested = bytes[17] === 1
        this.#options.reader.keepalive(readLsn(bytes, 1), replyRequested)
        if (replyRequested) this.#sendStatus(false)
      }
    } catch (error) {
      this.#finish(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #tick(): void {
    const { runtime } = this.#options
    const now = runtime.now()
    if (now - this.#heardAt > silenceMs) {
      this.#finish(new Error('the database has been silent for a minute'))
      return
    }
    const quiet = now - this.#toldAt >= quietStatusMs
    if (quiet || this.#options.reader.acknowledged() !== this.#told) this.#sendStatus(quiet)
    this.#timer = runtime.timer(statusMs, () => this.#tick())
  }

  #sendStatus(replyRequested: boolean): void {
    const lsn = this.#options.reader.acknowledged()
    const now = this.#options.runtime.now()
    const status = this.#status
    status[0] = 0x72 // r: standby status update: written, flushed, applied, time, reply requested
    writeLsn(status, lsn, 1)
    writeLsn(status, lsn, 9)
    writeLsn(status, lsn, 17)
    writeLsn(status, Math.max(0, now - postgresEpochMs) * 1000, 25)
    status[33] = replyRequested ? 1 : 0
    this.#told = lsn
    this.#toldAt = now
    if (this.#duplex.writable) this.#duplex.write(status)
  }

  #finish(error: Error | undefined): void {
    if (this.#timer === undefined && error === undefined) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#duplex.removeAllListeners('data')
    this.#end(error)
    if (error !== undefined) void this.#sql.end({ timeout: 0 })
  }
}
