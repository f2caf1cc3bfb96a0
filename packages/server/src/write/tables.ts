import type { Sql } from 'postgres'
import { type OwnTable, withTable } from '../setup/own-table.ts'

/** What a write leaves behind, so that its retry finds it. */
export const mutationsTable: OwnTable = {
  name: 'lockstep.mutations',
  create: [
    `CREATE TABLE lockstep.mutations (
  scope text NOT NULL,
  key text NOT NULL,
  fingerprint text NOT NULL,
  response text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (scope, key)
)`,
    // Lets the purge find old keys without reading the young ones.
    'CREATE INDEX mutations_created_at ON lockstep.mutations (created_at)',
  ],
}

/** Makes the table of idempotency keys where it is missing. */
export async function prepareWrites(sql: Sql): Promise<void> {
  await withTable(sql, mutationsTable, () => Promise.resolve())
}
