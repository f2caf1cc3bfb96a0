import type { Runtime, Timer } from '../runtime/runtime.ts'
import { writeLsn } from './lsn.ts'
import { lsnAt, PgoutputError } from './pgoutput.ts'
import type { StreamConnection, StreamStart } from './slot-database.ts'

export interface StreamOptions extends StreamStart {
  /** Of this stream alone, which ends it. */
  readonly connection: StreamConnection
  readonly runtime: Runtime
  readonly reader: StreamReader
}

export interface StreamReader {
  /** A message of the output plugin, from `start` to `end` of `bytes`; valid during the call only. */
  data(bytes: Buffer, start: number, end: number): void
  /** The walsender has read the WAL up to `walEnd`. */
  keepalive(walEnd: number, replyRequested: boolean): void
  /** LSN up to which the WAL may go, as the next status update tells it. */
  acknowledged(): number
}

/** Also the longest that a commit waits when the walsender missed its wake-up. @see Barriers */
const statusMs = 250
/** How often a reply is asked for, to tell a silent connection from a dead one. */
const questionMs = 10_000
const silenceMs = 60_000

const postgresEpochMs = 946_684_800_000

/** One replication stream of a slot: from START_REPLICATION until the connection is gone. */
export class ReplicationStream {
  /** Resolves with why the stream ended; undefined after `close`. */
  readonly ended: Promise<Error | undefined>
  readonly #connection: StreamConnection
  readonly #options: StreamOptions
  readonly #status: Buffer = Buffer.alloc(34)
  #end: (error: Error | undefined) => void = () => {}
  #timer: Timer | undefined
  #askedAt = 0
  #finished = false
  #heard = true
  #heardAt: number
  /** Messages that came while paused, as copies. */
  #held: Buffer[] | undefined = []

  /**
   * Begins paused: first messages can come with the reply to START_REPLICATION, and the reader may want to pause at one.
   * @throws PostgresError, e.g. 55006 where another process reads the slot.
   */
  static async open(options: StreamOptions): Promise<ReplicationStream> {
    const stream = new ReplicationStream(options)
    try {
      await options.connection.start(options, (error) => stream.#finish(error))
      stream.#tick()
      return stream
    } catch (error) {
      await stream.close()
      throw error
    }
  }

  private constructor(options: StreamOptions) {
    this.#connection = options.connection
    this.#options = options
    this.#heardAt = options.runtime.now()
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    this.#connection.onCopyData = (bytes, start, end) => this.#take(bytes, start, end)
  }

  /** Holds messages back, still answering for the connection, until `resume`. */
  pause(): void {
    if (this.#held !== undefined) return
    this.#held = []
    this.#connection.pause()
  }

  resume(): void {
    const held = this.#held
    if (held === undefined) return
    this.#held = undefined
    // Into the next list, where one of them pauses again.
    for (const bytes of held) this.#take(bytes, 0, bytes.length)
    if (!this.#isPaused()) this.#connection.resume()
  }

  /** Makes the walsender look for new WAL. */
  poke(): void {
    if (this.#timer !== undefined) this.#sendStatus(false)
  }

  #isPaused(): boolean {
    return this.#held !== undefined
  }

  /** Tells Postgres how far the WAL may go, and ends the connection. */
  async close(): Promise<void> {
    if (this.#timer !== undefined) this.#sendStatus(false)
    this.#finish(undefined)
    await this.#connection.close()
  }

  #take(bytes: Buffer, start: number, end: number): void {
    if (this.#finished) return
    this.#heard = true
    if (this.#held !== undefined) {
      this.#held.push(Buffer.from(bytes.subarray(start, end)))
      return
    }
    try {
      const kind = bytes[start]
      // w: letter, three numbers of eight bytes (start, end, time), then the plugin's message.
      if (kind === 0x77 && end - start > 25) this.#options.reader.data(bytes, start + 25, end)
      else if (kind === 0x6b && end - start >= 18) {
        const replyRequested = bytes[start + 17] === 1
        this.#options.reader.keepalive(lsnAt(bytes, start + 1), replyRequested)
        if (replyRequested) this.#sendStatus(false)
      } else throw new PgoutputError(`a message of the stream of ${end - start} bytes, of kind ${kind}`)
    } catch (error) {
      this.#finish(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #tick(): void {
    const { runtime } = this.#options
    const now = runtime.now()
    if (this.#heard) this.#heardAt = now
    this.#heard = false
    if (now - this.#heardAt > silenceMs) {
      this.#finish(new Error('the database has been silent for a minute'))
      return
    }
    const ask = now - this.#askedAt >= questionMs
    if (ask) this.#askedAt = now
    this.#sendStatus(ask)
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
    this.#connection.sendCopyData(status)
  }

  #finish(error: Error | undefined): void {
    if (this.#timer === undefined && error === undefined) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#finished = true
    this.#end(error)
    if (error !== undefined) void this.close()
  }
}
