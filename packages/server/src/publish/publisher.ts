import { createHash } from 'node:crypto'
import { type ChannelPattern, LockstepError, parseChannelPattern } from '@lockstep/protocol'
import type { Sql } from 'postgres'
import type { Sync } from '../definition/definition.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { readBounded } from '../write/body.ts'
import { claim, Purge } from '../write/mutations.ts'
import { headerOf } from '../write/request.ts'
import type { Execute, WriteTransaction } from '../write/write.ts'
import { defaultWriteLimits } from '../write/write.ts'
import { createWriter } from '../write/writer.ts'
import { readMessage } from './message.ts'
import {
  defaultPublishLimits,
  type PublishedMessage,
  type PublishLimits,
  type PublishOptions,
  type PublishResult,
} from './publish.ts'
import { applyRows } from './rows.ts'
import { PublishSecrets, secretsOf } from './secret.ts'

export interface PublisherParts {
  readonly sql: Sql
  readonly sync: Sync
  readonly options: PublishOptions
  readonly epoch: () => string
  readonly runtime: Runtime
  readonly logger: Logger
  readonly limits?: Partial<PublishLimits>
}

/** Takes published messages over HTTP into the database, from where they go on like any other change. */
export interface Publisher {
  /** Answers `POST <path>/publish`. @throws LockstepError */
  handle(request: Request): Promise<Response>
  /** Resolves when no purge of old keys is running. */
  close(): Promise<void>
}

/** @throws TypeError for a secret that is too short, or a pattern that is none */
export function createPublisher(parts: PublisherParts): Publisher {
  return new DatabasePublisher(parts)
}

/** Whose the keys are: no scope of a user, a session or a hash is spelled so. */
const scope = 'publish'

class DatabasePublisher implements Publisher {
  readonly #parts: PublisherParts
  readonly #limits: PublishLimits
  readonly #secrets: PublishSecrets
  readonly #channels: readonly ChannelPattern[] | undefined
  readonly #writer: ReturnType<typeof createWriter>
  readonly #purge: Purge

  constructor(parts: PublisherParts) {
    const { secret, channels } = parts.options
    this.#parts = parts
    this.#limits = { ...defaultPublishLimits, ...parts.limits }
    this.#secrets = new PublishSecrets(secretsOf(secret))
    const patterns = typeof channels === 'string' ? [channels] : channels
    this.#channels = patterns?.map(parseChannelPattern)
    // Without an owner of sessions: a publisher speaks for all of them.
    this.#writer = createWriter({
      sql: parts.sql,
      runtime: parts.runtime,
      logger: parts.logger,
      tables: parts.sync.collections,
      epoch: parts.epoch,
      scope,
      limits: { requestBytesMax: this.#limits.requestBytesMax, operationsMax: this.#limits.messagesMax },
    })
    this.#purge = new Purge({ ...parts, keyMs: defaultWriteLimits.keyMs })
  }

  async handle(request: Request): Promise<Response> {
    if (!this.#secrets.allows(request.headers.get('authorization'))) {
      throw new LockstepError('unauthorized', 'The secret for publishing is not the right one.')
    }
    if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? '')) {
      throw new LockstepError('unsupported_media')
    }
    const bytes = await readBounded(request.body, this.#limits, this.#parts.runtime)
    const body = parse(bytes)
    const isBatch = Array.isArray(body)
    const list: readonly unknown[] = isBatch ? body : [body]
    if (list.length > this.#limits.messagesMax) {
      throw new LockstepError('too_large', `A batch has at most ${this.#limits.messagesMax} messages.`)
    }
    const rules = { sync: this.#parts.sync, channels: this.#channels }
    const messages = list.map((value) => readMessage(value, rules))
    const head = {
      method: request.method,
      url: request.url,
      headers: {
        'lockstep-session': headerOf(request, 'lockstep-session'),
        'idempotency-key': headerOf(request, 'idempotency-key'),
      },
    }
    const response = await this.#writer.respond(
      head,
      async (transaction) => {
        const results: PublishResult[] = []
        for (const [i, message] of messages.entries()) {
          results.push(await publishOne(transaction, message, list[i]))
        }
        return isBatch ? results : results[0]
      },
      { body: bytes },
    )
    this.#purge.nudge()
    return response
  }

  async close(): Promise<void> {
    await Promise.all([this.#purge.settled(), this.#writer.close()])
  }
}

async function publishOne(
  transaction: WriteTransaction,
  message: PublishedMessage,
  source: unknown,
): Promise<PublishResult> {
  const execute: Execute = (statement, values) =>
    transaction.sql.unsafe(statement, [...values], { prepare: true })
  if (message.key !== undefined) {
    const fingerprint = createHash('sha256').update(JSON.stringify(source)).digest('base64url')
    // In a place of its own: a message's key and a request's do not meet.
    const taken = await claim(execute, { scope: `${scope} message`, key: message.key, fingerprint })
    if (taken !== undefined) return { replayed: true, missing: [] }
  }
  const missing = message.rows === undefined ? [] : await applyRows(execute, message.rows)
  if (message.operation !== undefined) {
    const { name, envelope } = message.operation
    // It came as JSON, so it is JSON.
    await transaction.operation(message.channel, name, envelope as object)
  }
  return { replayed: false, missing }
}

function parse(bytes: Uint8Array): unknown {
  try {
    const body: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    JSON.stringify(body) // recurses, other than parsing: what is nested too deep is found here
    return body
  } catch (cause) {
    throw new LockstepError('bad_request', 'The body is not JSON, or nested too deep.', { cause })
  }
}
