import { type EmbeddedPostgres, startEmbeddedPostgres } from '@lockstep/server/embedded'

export type TestPostgres = EmbeddedPostgres

/** Settings that make a cluster quick and roomy; what it holds may be lost when the machine goes down. */
const testSettings: Readonly<Record<string, string>> = {
  wal_level: 'logical',
  fsync: 'off',
  full_page_writes: 'off',
  autovacuum: 'off',
  max_connections: '300',
  max_wal_senders: '60',
  max_replication_slots: '60',
  shared_buffers: '64MB',
}

/**
 * Starts a private, empty Postgres cluster in a temporary folder, on a free port. For tests that stop,
 * kill or reconfigure the database; others take `createDatabase`, which is quicker.
 * The caller stops it.
 */
export function startPostgres(settings: Readonly<Record<string, string>> = {}): Promise<TestPostgres> {
  return startEmbeddedPostgres({ settings: { ...testSettings, ...settings } })
}
