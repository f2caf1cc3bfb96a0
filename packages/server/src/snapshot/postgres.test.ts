import { createDatabase, type TestDatabase } from '@lockstep/testing'
import postgres, { type Sql } from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tableCollection } from '../source/recording-sink.ts'
import { type PostgresSnapshotReader, postgresSnapshots } from './postgres.ts'

let database: TestDatabase
let sql: Sql
let snapshots: PostgresSnapshotReader

beforeAll(async () => {
  database = await createDatabase()
  sql = postgres(database.url, { max: 3, onnotice: () => {} })
  snapshots = postgresSnapshots({ url: database.url, batchRows: 10 })
})

afterAll(async () => {
  await snapshots.close()
  await sql.end({ timeout: 1 })
  await database.drop()
})

describe('channel texts', () => {
  const cases: readonly [type: string, value: string, canonical: string, others: readonly string[]][] = [
    ['int', '1', '1', ['01', ' 1', '1 ', '+1', '1.0', 'abc', '', '1e0', '99999999999', '0x1']],
    ['bigint', '-5', '-5', ['-05', '9223372036854775808', 'NaN']],
    ['smallint', '0', '0', ['-0', '00', '40000']],
    ['text', 'a b', 'a b', ['A b', 'a b ', '', 'a\0b']],
    [
      'uuid',
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      ['A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}', 'x'],
    ],
    ['bool', 'true', 't', ['true', 'yes', '1', 'x']],
    ['char(3)', 'a', 'a  ', ['a', 'a ']],
    ['char(5)', 'abc', 'abc  ', ['a', 'abc', 'a    ']],
    ['bit(3)', '101', '101', ['1', '10', '1010', 'x']],
    ['varbit', '10', '10', ['1', '100']],
    ['numeric', '1.50', '1.50', ['1.5', '01.50', 'x', '1.500']],
    [
      'timestamptz',
      '2024-01-01 00:00:00+00',
      '2024-01-01 00:00:00+00',
      ['2024-01-01T00:00:00Z', '2024-01-01', 'now', 'never'],
    ],
    ['date', '2024-01-01', '2024-01-01', ['2024-1-1', 'today', 'x']],
    ['mood', 'fine', 'fine', ['FINE', 'bad']],
    ['small', '7', '7', ['07', '1000', 'x']],
  ]

  beforeAll(async () => {
    await sql.unsafe(
      `CREATE TYPE mood AS ENUM ('fine', 'other'); CREATE DOMAIN small AS int CHECK (VALUE < 100)`,
    )
  })

  it.each(cases)(
    'of type %s name a row by the one spelling that Postgres writes',
    async (type, value, canonical, others) => {
      const table = `t_${type.replace(/\W/g, '')}`
      await sql.unsafe(`CREATE TABLE ${table} (id int PRIMARY KEY, c ${type})`)
      await sql.unsafe(`INSERT INTO ${table} VALUES (1, '${value}'), (2, NULL)`)
      const collection = tableCollection(table, ['id', 'c'])
      const read = async (text: string) => {
        const { rows } = await snapshots.read([{ collection, columns: [0], where: [[{ column: 1, text }]] }])
        return rows[0]?.map(({ key }) => key)
      }
      expect(await read(canonical)).toEqual(['1'])
      for (const other of others) expect({ other, rows: await read(other) }).toEqual({ other, rows: [] })
    },
  )

  it('find rows by index', async () => {
    await sql.unsafe(`
      CREATE TABLE many (id int PRIMARY KEY, project_id int, note text); CREATE INDEX ON many (project_id);
      INSERT INTO many SELECT i, i / 10, 'n' FROM generate_series(1, 20000) i; ANALYZE many`)
    const collection = tableCollection('many', ['id', 'project_id', 'note'])
    const before = await seqScans()
    const { rows } = await snapshots.read([
      { collection, columns: [0, 2], where: [[{ column: 1, text: '77' }]] },
    ])
    expect(rows[0]?.map(({ key }) => key)).toEqual([
      '770',
      '771',
      '772',
      '773',
      '774',
      '775',
      '776',
      '777',
      '778',
      '779',
    ])
    expect(await seqScans()).toBe(before)

    async function seqScans(): Promise<number> {
      await sql`SELECT pg_stat_force_next_flush()`
      const [row] = await sql`SELECT seq_scan::int AS scans FROM pg_stat_user_tables WHERE relname = 'many'`
      return row?.scans
    }
  })
})

describe('rows', () => {
  it('of all parts are of one moment, ordered by key, over several batches', async () => {
    await sql.unsafe(
      'CREATE TABLE a (id int PRIMARY KEY, n int); CREATE TABLE b (id text, k text, PRIMARY KEY (id, k))',
    )
    await sql`INSERT INTO a SELECT i, i FROM generate_series(1, 95) i ORDER BY i DESC`
    await sql`INSERT INTO b VALUES ('x,y', '1%'), ('a', 'b')`
    const a = tableCollection('a', ['id', 'n'])
    const b = tableCollection('b', ['id', 'k'], { key: [0, 1] })
    const { rows } = await snapshots.read([
      { collection: a, columns: [1], where: [[]] },
      { collection: b, columns: [1], where: [[]] },
      { collection: b, columns: [1], where: [] },
    ])
    expect(rows[0]?.map(({ key }) => key)).toEqual(Array.from({ length: 95 }, (_, i) => String(i + 1)))
    expect(rows[0]?.[94]).toEqual({ key: '95', values: ['95'] })
    expect(rows[1]?.map(({ key }) => key)).toEqual(['a,b', 'x%2Cy,1%25'])
    expect(rows[2]).toEqual([])
  })

  it('of any of several alternatives come once', async () => {
    await sql.unsafe(
      'CREATE TABLE c (id int PRIMARY KEY, p int, q int); INSERT INTO c VALUES (1, 1, 1), (2, 1, 2), (3, 2, 1), (4, 2, 2)',
    )
    const c = tableCollection('c', ['id', 'p', 'q'])
    const where = [[{ column: 1, text: '1' }], [{ column: 2, text: '1' }], [{ column: 2, text: 'x' }]]
    const { rows } = await snapshots.read([{ collection: c, columns: [0], where }])
    expect(rows[0]?.map(({ key }) => key)).toEqual(['1', '2', '3'])
  })

  it('of tables that inherit are not among them, as in the stream; those of partitions are', async () => {
    await sql.unsafe(`
      CREATE TABLE e (id int PRIMARY KEY); CREATE TABLE e_child () INHERITS (e);
      INSERT INTO e VALUES (1); INSERT INTO e_child VALUES (2);
      CREATE TABLE f (id int PRIMARY KEY) PARTITION BY RANGE (id);
      CREATE TABLE f_low PARTITION OF f FOR VALUES FROM (0) TO (10); INSERT INTO f VALUES (3)`)
    const parts = ['e', 'f'].map((name) => tableCollection(name, ['id']))
    const { rows } = await snapshots.read(
      parts.map((collection) => ({ collection, columns: [0], where: [[]] })),
    )
    expect(rows.map((each) => each.map(({ key }) => key))).toEqual([['1'], ['3']])
  })

  it('of transactions that are open do not show, and their xids are told', async () => {
    await sql.unsafe('CREATE TABLE d (id int PRIMARY KEY)')
    const d = tableCollection('d', ['id'])
    await sql.begin(async (tx) => {
      await tx`INSERT INTO d VALUES (1)`
      const [row] = await tx<{ xid: string }[]>`SELECT pg_current_xact_id()::text AS xid`
      const xid = Number(BigInt(row?.xid ?? 0) % 2n ** 32n)
      const { rows, visibility } = await snapshots.read([{ collection: d, columns: [0], where: [[]] }])
      expect(rows).toEqual([[]])
      expect(visibility.inProgress.has(xid) || xid >= visibility.xmax).toBe(true)
    })
  })

  it('that cannot be read are `unavailable`', async () => {
    const gone = tableCollection('gone', ['id'])
    await expect(snapshots.read([{ collection: gone, columns: [0], where: [[]] }])).rejects.toMatchObject({
      code: 'unavailable',
    })
  })
})
