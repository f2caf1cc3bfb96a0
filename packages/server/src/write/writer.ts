import { encodePosition, LockstepError, type WirePosition } from '@lockstep/protocol'
import type { Sql } from 'postgres'
import type { User } from '../definition/definition.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import { announce, Operations } from './announce.ts'
import {
  type Broadcast,
  type BroadcastResponse,
  envelopeOfResponse,
  envelopeOfValue,
  Intent,
  Intents,
} from './broadcast.ts'
import { isConflictOfOrder, isConnectionLost, isServerRestarted, outwardError } from './faults.ts'
import { fingerprintOf } from './fingerprint.ts'
import { claim, type MutationKey, Purge, record, scopeOf } from './mutations.ts'
import { postgresTransactions } from './postgres.ts'
import { type Recorded, recordedText, recordedValue } from './recorded.ts'
import { headRequest, readHead, type WriteHead, type WriteRequest } from './request.ts'
import { errorResponse, valueResponse } from './response.ts'
import { RowBound } from './row-bound.ts'
import {
  defaultWriteLimits,
  type RespondOptions,
  type Transactions,
  type WriteFunction,
  type WriteLimits,
  type WriteOptions,
  type WriteResult,
  type Writer,
} from './write.ts'

export interface WriterParts {
  readonly sql: Sql
  readonly runtime: Runtime
  readonly logger: Logger
  /** The synced tables: rows in them count for `rowsMax`. */
  readonly tables?: readonly { readonly schema: string; readonly table: string }[] | undefined
  /** The epoch that positions belong to now. */
  readonly epoch: () => string
  /** Whose a session is, where it is known here: nobody may write in the name of another's. */
  readonly ownerOf?: ((session: string) => string | number | undefined) | undefined
  /** Who sends a request: the scope of its idempotency key. Asked only for requests that have one, or name a session. */
  readonly authenticate?: ((request: Request) => User | null | Promise<User | null>) | undefined
  /** Whose all keys are, where there are no users to tell apart. */
  readonly scope?: string | undefined
  readonly limits?: Partial<WriteLimits> | undefined
  /** Hears of each write as it begins, and once it is committed. */
  readonly trace?: WriteTrace | undefined
}

export interface WriteTrace {
  begin(head: WriteHead): void
  end(head: WriteHead): void
}

/** A writer on the tables that `prepareWrites` makes. */
export function createWriter(parts: WriterParts): Writer {
  const limits = { ...defaultWriteLimits, ...parts.limits }
  const shared = {
    ...parts,
    limits,
    purge: new Purge({ ...parts, keyMs: limits.keyMs }),
    rows: new RowBound(parts.tables ?? [], limits.rowsMax),
    inFlight: new InFlight(),
    intents: new Intents(),
  }
  return new DatabaseWriter(shared, postgresTransactions(parts.sql))
}

interface SharedParts extends WriterParts {
  readonly limits: WriteLimits
  readonly purge: Purge
  readonly rows: RowBound
  readonly inFlight: InFlight
  readonly intents: Intents
}

/** A write on its way through its attempts. */
interface Job<Tx, T> {
  readonly head: WriteHead
  readonly key: MutationKey | undefined
  readonly run: WriteFunction<Tx, T>
  readonly options: WriteOptions
  /** The operation that tells what `run` returns. */
  readonly intent: Intent | undefined
}

class DatabaseWriter<Tx> implements Writer<Tx> {
  readonly #parts: SharedParts
  readonly #transactions: Transactions<Tx>

  constructor(parts: SharedParts, transactions: Transactions<Tx>) {
    this.#parts = parts
    this.#transactions = transactions
  }

  async write<T>(
    request: WriteRequest,
    run: WriteFunction<Tx, T>,
    options: WriteOptions = {},
  ): Promise<Recorded<T>> {
    return recordedValue<T>((await this.#write(request, run, options)).response)
  }

  async writeWithPosition<T>(
    request: WriteRequest,
    run: WriteFunction<Tx, T>,
    options: WriteOptions = {},
  ): Promise<WriteResult<Recorded<T>>> {
    const { response, replayed } = await this.#write(request, run, options)
    return { value: recordedValue<T>(response), position: await this.#position(), replayed }
  }

  async respond<T>(
    request: WriteRequest,
    run: WriteFunction<Tx, T>,
    options: WriteOptions & RespondOptions = {},
  ): Promise<Response> {
    try {
      const { response, replayed } = await this.#write(request, run, options)
      return valueResponse(response, { status: options.status, replayed, position: await this.#position() })
    } catch (error) {
      return errorResponse(error, request, this.#parts.logger)
    }
  }

  broadcast(request: WriteRequest, operation: string, channel: string): Broadcast {
    const intent = new Intent(operation, channel)
    this.#parts.intents.add(request, intent)
    return {
      get told() {
        return intent.state === 'told'
      },
      finish: (response) => this.#tell(request, intent, response),
    }
  }

  via<Other>(transactions: Transactions<Other>): Writer<Other> {
    return new DatabaseWriter(this.#parts, transactions)
  }

  close(): Promise<void> {
    return this.#parts.purge.settled()
  }

  async #write<T>(request: WriteRequest, run: WriteFunction<Tx, T>, options: WriteOptions): Promise<Done> {
    const { inFlight, intents, limits, purge } = this.#parts
    const head = readHead(request)
    this.#parts.trace?.begin(head)
    if (inFlight.size >= limits.writesMax) {
      throw new LockstepError('unavailable', 'Too many writes are in progress; try again.')
    }
    const leave = inFlight.enter()
    try {
      const user = await this.#userOf(request, head, options)
      const owner = head.session === undefined ? undefined : this.#parts.ownerOf?.(head.session)
      if (user !== undefined && owner !== undefined && user !== owner) {
        throw new LockstepError('forbidden', 'The header Lockstep-Session names another user’s session.')
      }
      const key = await this.#keyOf(request, head, options, user)
      const intent = intents.take(request)
      try {
        const job = { head, key, run, options, intent }
        if (key === undefined) return await this.#attempts(job)
        // Retries of the same write wait here rather than in the database, where each would hold a connection.
        const done = await inFlight.oneAtATime(`${key.scope}\n${key.key}`, () => this.#attempts(job))
        purge.nudge()
        this.#parts.trace?.end(head)
        return done
      } finally {
        if (intent?.state === 'writing') intent.state = 'open'
      }
    } finally {
      leave()
    }
  }

  /** Tells a response that no write has told. Never rejects. */
  async #tell(request: WriteRequest, intent: Intent, response: BroadcastResponse): Promise<void> {
    const { operation, channel } = intent
    if (intent.state === 'told') return
    intent.state = 'told'
    if (response.status < 200 || response.status > 299) return
    try {
      if (response.body.byteLength > this.#parts.limits.envelopeBytesMax) throw new LockstepError('too_large')
      const envelope = envelopeOfResponse(response)
      const { method, url, headers: given } = headRequest(request)
      const headers = new Headers(given)
      headers.delete('idempotency-key') // it belongs to what the request did
      await this.write({ method, url, headers }, (tx) => tx.operation(channel, operation, envelope as object)) // JSON
    } catch (error) {
      const code =
        error instanceof LockstepError ? error.code : error instanceof Error ? error.name : 'unknown'
      this.#parts.logger.error(`operation "${operation}" was not told: ${code}`)
    }
  }

  async #keyOf(
    request: WriteRequest,
    head: WriteHead,
    options: WriteOptions,
    user: string | number | undefined,
  ): Promise<MutationKey | undefined> {
    const { mutation, session } = head
    if (mutation === undefined) return undefined
    const { limits, runtime } = this.#parts
    const fingerprint = await fingerprintOf(request, head, options.body, limits, runtime)
    return { scope: this.#parts.scope ?? scopeOf(user, session), key: mutation, fingerprint }
  }

  /** Asked only where it matters: for the scope of a key, and for a session. */
  async #userOf(
    request: WriteRequest,
    { mutation, session }: WriteHead,
    { user }: WriteOptions,
  ): Promise<string | number | undefined> {
    if (user !== undefined) return typeof user === 'object' ? user.id : user
    if (mutation === undefined && session === undefined) return undefined
    return (await this.#parts.authenticate?.(headRequest(request)))?.id
  }

  /** Runs the transaction, and again where it lost against another one. */
  async #attempts<T>(job: Job<Tx, T>): Promise<Done> {
    const { limits, runtime } = this.#parts
    for (let attempt = 1; ; attempt++) {
      const progress: Progress = { stage: 'begin' }
      try {
        const done = await this.#once(job, progress)
        if (job.intent !== undefined) job.intent.state = 'told'
        return done
      } catch (error) {
        const isOurs = progress.stage !== 'run'
        if (progress.stage === 'commit' && isConnectionLost(error, isOurs)) {
          throw new LockstepError('unavailable', unknownOutcome, { cause: error })
        }
        const isWorthAnother =
          isConflictOfOrder(error) || (progress.stage === 'begin' && isServerRestarted(error))
        if (!isWorthAnother || attempt >= limits.attemptsMax) throw outwardError(error, isOurs)
      }
      const [jitter = 0] = Buffer.from(runtime.randomText(1), 'base64url')
      const waitMs = (jitter / 256) * 5 * 2 ** attempt
      await new Promise<void>((resolve) => void runtime.timer(waitMs, resolve))
    }
  }

  async #once<T>({ head, key, run, options, intent }: Job<Tx, T>, progress: Progress): Promise<Done> {
    const { limits, rows } = this.#parts
    let done: Done | undefined
    await this.#transactions.transaction(async (tx, execute) => {
      // Sent together, here and below: one round trip where the client can pipeline.
      const [recorded, rowsBefore] = await Promise.all([
        key === undefined ? undefined : claim(execute, key),
        rows.start(execute),
      ])
      if (recorded !== undefined) {
        done = { response: recorded.response, replayed: true }
        return
      }
      const operations = new Operations(limits)
      progress.stage = 'run'
      const value = await this.#inTime(() =>
        run({
          sql: tx,
          session: head.session,
          mutation: head.mutation,
          operation: (channel, name, envelope) => {
            operations.add(channel, name, envelope)
            return Promise.resolve()
          },
        }),
      )
      const response = recordedText(value, limits.responseBytesMax)
      if (intent !== undefined) operations.add(intent.channel, intent.operation, envelopeOfValue(value))
      const { session, mutation } = head
      progress.stage = 'record'
      await Promise.all([
        rows.assert(execute, rowsBefore),
        key === undefined || response === null ? undefined : record(execute, key, response),
        announce(execute, { session, mutation, operations: operations.list }),
      ])
      done = { response, replayed: false }
      progress.stage = 'commit'
    }, options.isolation)
    if (done === undefined) throw new Error('the transaction ended without having run')
    return done
  }

  /** @throws LockstepError `unavailable` when the application's function takes too long */
  async #inTime<T>(run: () => T | Promise<T>): Promise<T> {
    const { limits, runtime } = this.#parts
    let timer: Timer | undefined
    const late = new Promise<never>((_, reject) => {
      timer = runtime.timer(limits.transactionMs, () =>
        reject(new LockstepError('unavailable', 'The write took too long and was rolled back.')),
      )
    })
    try {
      return await Promise.race([run(), late])
    } finally {
      timer?.cancel()
    }
  }

  /** An upper bound of every commit so far; undefined when the database cannot be asked just now. */
  async #position(): Promise<WirePosition | undefined> {
    const { sql, epoch } = this.#parts
    try {
      const [row] = await sql<{ lsn: string }[]>`
        SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text AS lsn`
      return row === undefined ? undefined : encodePosition({ epoch: epoch(), lsn: Number(row.lsn) })
    } catch {
      return undefined // the write stands; the stream will confirm it
    }
  }
}

const unknownOutcome =
  'The connection to the database was lost during the commit; the same request with the same key finds out whether it was done.'

/** How far a transaction has come: what an error means depends on it. */
interface Progress {
  stage: 'begin' | 'run' | 'record' | 'commit'
}

interface Done {
  /** JSON text; null for nothing. */
  readonly response: string | null
  readonly replayed: boolean
}

/** Writes in progress: how many, and which keys. */
class InFlight {
  readonly #last = new Map<string, Promise<unknown>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  enter(): () => void {
    this.#size++
    return () => {
      this.#size--
    }
  }

  /** Runs `run` after all earlier calls with the same key have ended, however they ended. */
  async oneAtATime<T>(key: string, run: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve()
    const own = before.then(run, run)
    const ended = own.catch(() => {})
    this.#last.set(key, ended)
    try {
      return await own
    } finally {
      if (this.#last.get(key) === ended) this.#last.delete(key)
    }
  }
}
