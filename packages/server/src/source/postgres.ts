import type { Collection } from '../definition/definition.ts'
import { assertDatabaseUrl } from '../fault/connection.ts'
import type { Logger } from '../runtime/logger.ts'
import { silentLogger } from '../runtime/logger.ts'
import { nodeRuntime } from '../runtime/node.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { connect } from './connect.ts'
import { PostgresSlot } from './postgres-slot.ts'
import { slotNameOf } from './slot.ts'
import { SlotReader } from './slot-reader.ts'
import type { Source } from './source.ts'

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

/** Reads a slot of a Postgres. */
export function postgresSource(options: PostgresSourceOptions): Source {
  const { url, collections, fingerprint, flushesMessages } = options
  assertDatabaseUrl(url)
  const slot = options.slot ?? slotNameOf(url)
  const sql = connect(url, { max: 2, applicationName: `lockstep ${slot} control` })
  return new SlotReader({
    ...options,
    database: new PostgresSlot({ sql, url, flushesMessages }),
    plan: { slot, publication: options.publication ?? slot, collections, fingerprint },
    runtime: options.runtime ?? nodeRuntime,
    logger: options.logger ?? silentLogger,
  })
}
