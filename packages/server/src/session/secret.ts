import type { Sql } from 'postgres'
import type { Runtime } from '../runtime/runtime.ts'
import { type OwnTable, withTable } from '../setup/own-table.ts'

export const secretsTable: OwnTable = {
  name: 'lockstep.secrets',
  create: [
    `CREATE TABLE lockstep.secrets (
  name text PRIMARY KEY,
  secret text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
)`,
  ],
}

/**
 * The secret that signs session tokens, kept in the database so that it outlives a restart and is the same
 * on every node. The first call makes it; calls at the same time agree on one.
 */
export async function loadSecret(sql: Sql, runtime: Runtime): Promise<string> {
  const rows = await withTable(
    sql,
    secretsTable,
    (transaction) => transaction<{ secret: string }[]>`
      WITH made AS (
        INSERT INTO lockstep.secrets (name, secret) VALUES ('session', ${runtime.randomText(32)})
        ON CONFLICT DO NOTHING RETURNING secret
      )
      SELECT secret FROM made UNION ALL SELECT secret FROM lockstep.secrets WHERE name = 'session'`,
  )
  const secret = rows[0]?.secret
  if (secret === undefined) throw new Error('lockstep.secrets holds no secret for sessions')
  return secret
}
