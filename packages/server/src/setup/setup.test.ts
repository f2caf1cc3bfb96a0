import { createDatabase, startPostgres, type TestDatabase } from '@lockstep/testing'
import postgres, { type Sql } from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Collection } from '../definition/definition.ts'
import { postgresSource } from '../source/postgres.ts'
import { RecordingSink, tableCollection } from '../source/recording-sink.ts'
import { applySetup, checkSetup, SetupError, setUp } from './setup.ts'

let database: TestDatabase
let sql: Sql

beforeAll(async () => {
  database = await createDatabase()
  sql = postgres(database.url, { max: 2, onnotice: () => {} })
})

afterAll(async () => {
  await sql.unsafe(`DROP OWNED BY ${database.name}_bob; DROP ROLE ${database.name}_bob`).catch(() => {})
  await sql.end({ timeout: 1 })
  await database.drop()
})

const inProject = { channels: [{ template: { source: 'project/:project_id', segments: [] }, columns: [1] }] }

async function faultsOf(collections: readonly Collection[], url = database.url) {
  const { faults } = await checkSetup({ url, collections, fingerprint: 'x', slot: database.name })
  return faults
}

function urlWith(change: (url: URL) => void): string {
  const url = new URL(database.url)
  change(url)
  return url.href
}

describe('the address', () => {
  it.each<[string, () => string, RegExp]>([
    ['bad_url', () => 'localhost', /looks like postgres:\/\//],
    ['bad_url', () => 'mysql://localhost/x', /not the address of a Postgres/],
    ['unreachable', () => urlWith((url) => (url.port = '1')), /Nothing answers at 127\.0\.0\.1:1/],
    ['unreachable', () => 'postgres:///x?port=1', /Nothing answers at localhost/],
    ['unreachable', () => urlWith((url) => (url.hostname = 'no-such-host.invalid')), /no host of the name/],
    [
      'wrong_password',
      () => urlWith((url) => (url.password = 'secret-wrong')),
      /refuses the password of postgres/,
    ],
    ['no_database', () => urlWith((url) => (url.pathname = '/nope')), /no database nope/],
  ] as const)('%s is one clear message', async (code, url, message) => {
    const faults = await faultsOf([], url())
    expect(faults).toEqual([expect.objectContaining({ code, message: expect.stringMatching(message) })])
    await expect(setUp('check', { url: url(), collections: [], fingerprint: 'x' })).rejects.toThrow(message)
    const started = async () =>
      postgresSource({ url: url(), collections: [], fingerprint: 'x' }).start(new RecordingSink())
    await expect(started()).rejects.toBeInstanceOf(SetupError)
  })

  it('says that Postgres has no connection left', async () => {
    const role = `${database.name}_one`
    await sql.unsafe(`CREATE ROLE ${role} LOGIN PASSWORD 'p' CONNECTION LIMIT 1`)
    const url = urlWith((url) => {
      url.username = role
      url.password = 'p'
    })
    const other = postgres(url, { max: 1 })
    try {
      await other`SELECT 1`
      expect(await faultsOf([], url)).toEqual([
        expect.objectContaining({
          code: 'unreachable',
          message: expect.stringMatching(/has no connection left/),
        }),
      ])
    } finally {
      await other.end()
      await sql.unsafe(`DROP ROLE ${role}`)
    }
  })

  it('never shows a password', async () => {
    const [fault] = await faultsOf(
      [],
      urlWith((url) => (url.password = 'secret-wrong')),
    )
    expect(JSON.stringify(fault)).not.toContain('secret-wrong')
  })
})

describe('the cluster', () => {
  it('names wal_level and slots that are all taken', async () => {
    const replica = await startPostgres({ wal_level: 'replica', max_replication_slots: '0' })
    const { faults } = await checkSetup({ url: replica.url, collections: [], fingerprint: 'x' })
    await replica.stop()
    expect(faults).toEqual([
      expect.objectContaining({ code: 'wal_level', sql: "ALTER SYSTEM SET wal_level = 'logical';" }),
      expect.objectContaining({ code: 'no_slots_left' }),
    ])
  })

  it('names missing privileges with the SQL that gives them, which then is enough', async () => {
    const role = `${database.name}_bob`
    await sql.unsafe(`
      CREATE TABLE theirs (id int PRIMARY KEY, project_id int NOT NULL);
      ALTER TABLE theirs REPLICA IDENTITY FULL;
      CREATE ROLE ${role} LOGIN PASSWORD 'x'`)
    const theirs = tableCollection('theirs', ['id', 'project_id'])
    const url = urlWith((one) => {
      one.username = role
      one.password = 'x'
    })
    const faults = await faultsOf([theirs], url)
    expect(faults.map(({ code }) => code).sort()).toEqual(
      ['no_create_privilege', 'no_replication_privilege', 'no_select_privilege', 'not_owner'].sort(),
    )
    for (const fault of faults) await sql.unsafe(fault.sql ?? '')
    expect(await faultsOf([theirs], url)).toEqual([])
    const source = postgresSource({ url, collections: [theirs], fingerprint: 'x', slot: database.name })
    const sink = new RecordingSink()
    await source.start(sink)
    await sql`INSERT INTO theirs VALUES (1, 1)`
    await source.barrier()
    expect(sink.events).toHaveLength(1)
    await source.close()
  })

  it('notes a default of synchronous_commit = off', async () => {
    await sql.unsafe(`ALTER DATABASE ${database.name} SET synchronous_commit = off`)
    const { notes, faults } = await checkSetup({ url: database.url, collections: [], fingerprint: 'x' })
    await sql.unsafe(`ALTER DATABASE ${database.name} RESET synchronous_commit`)
    expect(faults).toEqual([])
    expect(notes).toEqual([
      expect.objectContaining({
        code: 'synchronous_commit',
        message: expect.stringMatching(/wal_writer_delay/),
      }),
    ])
  })
})

describe('the tables', () => {
  it.each([
    ['no_table', '', ['id'], /no table t\b/],
    ['not_a_table', 'CREATE VIEW t AS SELECT 1 AS id', ['id'], /a view/],
    ['not_a_table', 'CREATE UNLOGGED TABLE t (id int PRIMARY KEY)', ['id'], /an unlogged table/],
    [
      'no_column',
      'CREATE TABLE t (id int PRIMARY KEY, titel int)',
      ['id', 'title'],
      /no column title\. It has id, titel/,
    ],
    [
      'generated_column',
      'CREATE TABLE t (id int PRIMARY KEY, g int GENERATED ALWAYS AS (id) STORED)',
      ['id', 'g'],
      /is generated/,
    ],
    ['key_type', 'CREATE TABLE t (id int[] PRIMARY KEY)', ['id'], /id of t holds arrays or objects/],
    ['key_type', 'CREATE TABLE t (id jsonb PRIMARY KEY)', ['id'], /id of t holds arrays or objects/],
    [
      'key_not_unique',
      'CREATE TABLE t (id int NOT NULL); ALTER TABLE t REPLICA IDENTITY FULL',
      ['id'],
      /nothing keeps the key \(id\)/,
    ],
    [
      // UPDATE t SET id = id + 1 would have two rows of one key on the way.
      'key_not_unique',
      'CREATE TABLE t (id int PRIMARY KEY DEFERRABLE); ALTER TABLE t REPLICA IDENTITY FULL',
      ['id'],
      /not deferrable/,
    ],
    [
      'key_not_unique',
      'CREATE TABLE t (id int UNIQUE); ALTER TABLE t REPLICA IDENTITY FULL',
      ['id'],
      /NOT NULL/,
    ],
  ])('%s', async (code, create, columns, message) => {
    await sql.unsafe(create)
    const faults = await faultsOf([tableCollection('t', columns)])
    await sql.unsafe(`DROP ${create.includes('VIEW') ? 'VIEW' : 'TABLE'} IF EXISTS t`)
    expect(faults).toEqual([expect.objectContaining({ code, message: expect.stringMatching(message) })])
  })

  it.each([
    [
      'key and channel by FULL',
      'id int PRIMARY KEY, project_id int, note text',
      'REPLICA IDENTITY FULL',
      true,
    ],
    [
      'channel outside the primary key',
      'id int PRIMARY KEY, project_id int',
      'REPLICA IDENTITY DEFAULT',
      false,
    ],
    [
      'all in the primary key',
      'id int, project_id int, PRIMARY KEY (id, project_id), UNIQUE (id)',
      'REPLICA IDENTITY DEFAULT',
      true,
    ],
    [
      'a large value beside the key',
      'id int, project_id int, note text, PRIMARY KEY (id, project_id), UNIQUE (id)',
      'REPLICA IDENTITY DEFAULT',
      false,
    ],
    ['nothing', 'id int PRIMARY KEY, project_id int', 'REPLICA IDENTITY NOTHING', false],
  ])('replica identity: %s', async (_, columns, identity, enough) => {
    await sql.unsafe(`CREATE TABLE r (${columns}); ALTER TABLE r ${identity}`)
    const declared = ['id', 'project_id', ...(columns.includes('note') ? ['note'] : [])]
    const collection = tableCollection('r', declared, inProject)
    const faults = await faultsOf([collection])
    expect(faults.map(({ code }) => code)).toEqual(enough ? [] : ['replica_identity'])
    for (const fault of faults) await sql.unsafe(fault.sql ?? '')
    expect(await faultsOf([collection])).toEqual([])
    await sql.unsafe('DROP TABLE r')
  })

  it('names every partition whose replica identity is too little', async () => {
    await sql.unsafe(`
      CREATE TABLE p (id int PRIMARY KEY, project_id int) PARTITION BY RANGE (id);
      CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9);
      CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (9) TO (99)`)
    const collection = tableCollection('p', ['id', 'project_id'], inProject)
    const { faults, notes } = await checkSetup({
      url: database.url,
      collections: [collection],
      fingerprint: 'x',
    })
    expect(faults[0]?.sql?.split('\n')).toHaveLength(2)
    expect(notes.map(({ code }) => code)).toEqual(['partitions'])
  })

  it('row level security is noted, and a fault where it hides rows from the server itself', async () => {
    const role = `${database.name}_bob`
    await sql.unsafe(`
      CREATE TABLE s (id int PRIMARY KEY); ALTER TABLE s REPLICA IDENTITY FULL; ALTER TABLE s ENABLE ROW LEVEL SECURITY;
      GRANT SELECT ON s TO ${role}`)
    const s = tableCollection('s', ['id'])
    expect(
      (await checkSetup({ url: database.url, collections: [s], fingerprint: 'x' })).notes.map(
        ({ code }) => code,
      ),
    ).toEqual(['row_security'])
    const url = urlWith((one) => {
      one.username = role
      one.password = 'x'
    })
    expect((await faultsOf([s], url)).map(({ code }) => code)).toContain('row_security')
  })
})

describe('applying', () => {
  it('mends tables, makes slot and publication, and finds nothing to do the second time', async () => {
    await sql.unsafe('CREATE TABLE m (id int PRIMARY KEY, project_id int)')
    const options = {
      url: database.url,
      collections: [tableCollection('m', ['id', 'project_id'], inProject)],
      fingerprint: 'x',
      slot: `${database.name}_m`,
    }
    const first = await applySetup(options)
    expect(first).toMatchObject({ faults: [], applied: [expect.stringMatching(/REPLICA IDENTITY FULL/)] })
    expect(await applySetup(options)).toMatchObject({ faults: [], applied: [] })
    const before = await sql`SELECT epoch FROM lockstep.state WHERE slot = ${options.slot}`
    const source = postgresSource(options)
    const sink = new RecordingSink()
    await source.start(sink)
    await source.close()
    expect(sink.epochs[0]?.epoch).toBe(before[0]?.epoch)
  })

  it('leaves tables alone in mode check', async () => {
    await sql.unsafe('CREATE TABLE k (id int PRIMARY KEY, project_id int)')
    const options = {
      url: database.url,
      collections: [tableCollection('k', ['id', 'project_id'], inProject)],
      fingerprint: 'x',
    }
    await expect(setUp('check', options)).rejects.toThrow('ALTER TABLE public.k REPLICA IDENTITY FULL;')
    const [row] = await sql`SELECT relreplident FROM pg_class WHERE relname = 'k'`
    expect(row?.relreplident).toBe('d')
    await setUp('apply', options)
    await setUp('check', options)
  })
})
