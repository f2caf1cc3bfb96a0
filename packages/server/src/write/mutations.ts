import { createHash } from 'node:crypto'
import { LockstepError } from '@lockstep/protocol'
import type { Sql } from 'postgres'
import type { Logger } from '../runtime/logger.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Execute } from './write.ts'

/** An idempotency key, whose it is, and what request it stands for. */
export interface MutationKey {
  readonly scope: string
  readonly key: string
  readonly fingerprint: string
}

/**
 * The scope of a key: the user, so that a recorded response is only ever given to who caused it. Sessions
 * and mutation ids are told to other subscribers, and so are no protection; they stand in where the
 * application knows no users.
 */
export function scopeOf(user: string | number | undefined, session: string | undefined): string {
  const scope = user !== undefined ? `user ${user}` : session !== undefined ? `session ${session}` : 'anyone'
  // An index entry has a bound; ids beyond it are told apart by their hash.
  return scope.length <= scopeLengthMax
    ? scope
    : `hash ${createHash('sha256').update(scope).digest('base64url')}`
}

const scopeLengthMax = 200

/**
 * Takes the key for this transaction. A transaction at the same time with the same key waits here, on the
 * unique index, until this one has ended. Undefined: the key is ours; otherwise the recorded response.
 * @throws LockstepError `key_reused`
 */
export async function claim(
  execute: Execute,
  mutation: MutationKey,
): Promise<{ readonly response: string | null } | undefined> {
  const { scope, key, fingerprint } = mutation
  // A purge may take the row between the two statements; then the key is free again.
  for (let attempt = 0; attempt < 3; attempt++) {
    const claimed = await execute(
      `INSERT INTO lockstep.mutations (scope, key, fingerprint) VALUES ($1::text, $2::text, $3::text)
      ON CONFLICT DO NOTHING RETURNING 1 AS claimed`,
      [scope, key, fingerprint],
    )
    if (claimed.length > 0) return undefined
    const [recorded] = await execute(
      'SELECT fingerprint, response FROM lockstep.mutations WHERE scope = $1::text AND key = $2::text',
      [scope, key],
    )
    if (recorded === undefined) continue
    if (recorded.fingerprint !== fingerprint) throw new LockstepError('key_reused')
    const { response } = recorded
    return { response: typeof response === 'string' ? response : null }
  }
  throw new LockstepError('unavailable')
}

/** Keeps the response for retries. Commits with the transaction that claimed the key. */
export async function record(execute: Execute, mutation: MutationKey, response: string): Promise<void> {
  await execute(
    'UPDATE lockstep.mutations SET response = $3::text WHERE scope = $1::text AND key = $2::text',
    [mutation.scope, mutation.key, response],
  )
}

const batchRows = 1_000
const batchesMax = 100
const pauseMs = 60_000

/** Deletes old keys, a batch at a time, at most once a minute, and only while there are writes. */
export class Purge {
  readonly #parts: {
    readonly sql: Sql
    readonly runtime: Runtime
    readonly logger: Logger
    readonly keyMs: number
  }
  #last = Number.NEGATIVE_INFINITY
  #running: Promise<void> = Promise.resolve()

  constructor(parts: {
    readonly sql: Sql
    readonly runtime: Runtime
    readonly logger: Logger
    readonly keyMs: number
  }) {
    this.#parts = parts
  }

  /** Starts in the background where it is due. */
  nudge(): void {
    const now = this.#parts.runtime.now()
    if (now - this.#last < pauseMs) return
    this.#last = now
    this.#running = this.#running.then(() => this.#run())
  }

  /** Resolves when nothing runs. */
  settled(): Promise<void> {
    return this.#running
  }

  async #run(): Promise<void> {
    const { sql, logger, keyMs } = this.#parts
    try {
      for (let batch = 0; batch < batchesMax; batch++) {
        // Rows that another node is deleting are left to it.
        const deleted = await sql`
          DELETE FROM lockstep.mutations WHERE ctid = ANY (ARRAY (
            SELECT ctid FROM lockstep.mutations
            WHERE created_at < now() - ${keyMs}::float8 * interval '1 millisecond'
            ORDER BY created_at LIMIT ${batchRows} FOR UPDATE SKIP LOCKED
          ))`
        if (deleted.count < batchRows) return
      }
    } catch {
      logger.warn('Old idempotency keys were not purged this time.')
    }
  }
}
