import { createDatabase, startPostgres, type TestDatabase } from '@lockstep/testing'
import postgres from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { defineSync } from './definition/define.ts'
import { SetupError } from './fault/fault.ts'
import { silentLogger } from './runtime/logger.ts'
import { createSyncServer, type SyncServerOptions } from './server.ts'

/** Databases that a server cannot work with: it says so at the start, with what mends it, and leaves nothing open. */
let database: TestDatabase
let sql: postgres.Sql
beforeEach(async () => {
  database = await createDatabase()
  sql = postgres(database.url, { max: 1, onnotice: () => {} })
  await sql.unsafe('CREATE TABLE items (id int PRIMARY KEY, title text, project_id int NOT NULL)')
  await sql.unsafe('ALTER TABLE items REPLICA IDENTITY FULL')
})
afterEach(async () => {
  await sql.end({ timeout: 1 })
  await database.drop()
})

function start(options: Partial<SyncServerOptions> = {}): ReturnType<typeof createSyncServer> {
  return createSyncServer({
    sync: defineSync({
      channels: { 'project/:project': { authorize: () => true } },
      collections: {
        items: { table: 'items', channel: 'project/:project_id', columns: ['id', 'title', 'project_id'] },
      },
    }),
    database: database.url,
    slot: database.name,
    authenticate: () => null,
    logger: silentLogger,
    ...options,
  })
}

/** What the start says; that it ends nothing of the database's is looked at here. */
async function refusal(options: Partial<SyncServerOptions> = {}): Promise<SetupError> {
  const error = await start(options).then(
    async (server) => {
      await server.close()
      return undefined
    },
    (reason: unknown) => reason,
  )
  if (!(error instanceof SetupError)) throw new Error('The server started.', { cause: error })
  const [row] = await sql`
    SELECT count(*)::int AS slots FROM pg_replication_slots WHERE slot_name = ${database.name}`
  expect(row?.['slots']).toBe(0)
  return error
}

describe('a server', () => {
  it('G11: with replica identity NOTHING names the SQL that mends it, and runs after it', async () => {
    await sql.unsafe('ALTER TABLE items REPLICA IDENTITY NOTHING')
    const { faults } = await refusal()
    expect(faults).toEqual([expect.objectContaining({ code: 'replica_identity' })])
    for (const fault of faults) await sql.unsafe(fault.sql ?? '')
    await (await start()).close()
  })

  it('G11: with replica identity NOTHING mends it itself where it may', async () => {
    await sql.unsafe('ALTER TABLE items REPLICA IDENTITY NOTHING')
    await (await start({ setup: 'apply' })).close()
    expect((await sql`SELECT relreplident FROM pg_class WHERE relname = 'items'`)[0]?.['relreplident']).toBe(
      'f',
    )
  })

  it('G11: with wal_level replica names the setting', async () => {
    const replica = await startPostgres({ wal_level: 'replica' })
    const there = postgres(replica.url, { max: 1, onnotice: () => {} })
    await there.unsafe('CREATE TABLE items (id int PRIMARY KEY, title text, project_id int NOT NULL)')
    await there.unsafe('ALTER TABLE items REPLICA IDENTITY FULL')
    for (const setup of ['check', 'apply'] as const) {
      const { faults } = await refusal({ database: replica.url, setup })
      expect(faults).toEqual([
        expect.objectContaining({ code: 'wal_level', sql: "ALTER SYSTEM SET wal_level = 'logical';" }),
      ])
    }
    await there.end()
    await replica.stop()
  })

  it('G11: with a wrong password says so, and does not tell it', async () => {
    const url = new URL(database.url)
    url.password = 'not-the-one-it-is'
    const error = await refusal({ database: url.href })
    expect(error.faults).toEqual([expect.objectContaining({ code: 'wrong_password' })])
    expect(`${error.stack}${JSON.stringify(error)}`).not.toContain('not-the-one-it-is')
  })

  it.each<[string, (name: string) => string]>([
    ['the database', (name) => `ALTER DATABASE ${name} SET default_transaction_read_only = on`],
    [
      'the role in the database',
      (name) => `ALTER ROLE CURRENT_USER IN DATABASE ${name} SET default_transaction_read_only = on`,
    ],
  ])(
    'G11: where %s is read-only by default names the SQL that mends it, also where it mends',
    async (_what, alter) => {
      await sql.unsafe('ALTER TABLE items REPLICA IDENTITY DEFAULT')
      await sql.unsafe(alter(database.name))
      for (const setup of ['check', 'apply'] as const) {
        const { faults } = await refusal({ setup })
        expect(faults[0]).toMatchObject({ code: 'read_only' })
      }
      const { faults } = await refusal()
      await sql.unsafe(faults[0]?.sql ?? '')
      await (await start({ setup: 'apply' })).close()
    },
  )
})
