import { createDatabase, eventually } from '@lockstep/testing'
import postgres, { type Sql } from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SourceHarness } from './harness.ts'
import { tableCollection } from './recording-sink.ts'

let harness: SourceHarness
let sql: Sql
let start: SourceHarness['start']

beforeEach(async () => {
  harness = await SourceHarness.open(await createDatabase())
  sql = harness.sql
  start = (options) => harness.start(options)
})

afterEach(() => harness.close())

describe('start and restart', () => {
  it('G7: a restarted server reads again what was given within the retention, under the same epoch', async () => {
    const first = await start()
    await sql`INSERT INTO tasks VALUES (1, 1)`
    await first.source.barrier()
    await first.source.close()
    const second = await start()
    await sql`INSERT INTO tasks VALUES (2, 1)`
    await second.source.barrier()
    expect(second.sink.epochs.map(({ epoch }) => epoch)).toEqual(first.sink.epochs.map(({ epoch }) => epoch))
    expect(second.sink.events.map(({ after }) => after?.[0])).toEqual(['1', '2'])
    expect(second.sink.transactions[0]?.lsn).toBe(first.sink.transactions[0]?.lsn)
    expect(second.sink.epochs[0]?.lsn).toBeLessThan(second.sink.transactions[0]?.lsn ?? 0)
  })

  it('does not give again what is older than the retention', async () => {
    const first = await start({ retentionMs: 0 })
    await sql`INSERT INTO tasks VALUES (1, 1)`
    await first.source.barrier()
    await first.source.close()
    const second = await start()
    expect(second.sink.events).toEqual([])
    expect(second.sink.epochs[0]?.epoch).toBe(first.sink.epochs[0]?.epoch)
  })

  it.each([
    ['the definition changed', {}, 'two', /definition or a column type changed/],
    [
      'the type of a column changed',
      { change: 'ALTER TABLE items ALTER title TYPE varchar(9)' },
      'one',
      /column type/,
    ],
    ['the slot is gone', { change: 'drop slot' }, 'one', /slot is gone/],
    ['the publication is gone', { change: 'DROP PUBLICATION %' }, 'one', /publication is gone/],
    [
      'the publication lost a table',
      { change: 'ALTER PUBLICATION % DROP TABLE tasks' },
      'one',
      /publication was altered/,
    ],
    [
      'the publication was given a filter',
      { change: 'ALTER PUBLICATION % SET TABLE items WHERE (id > 9), tasks' },
      'one',
      /publication was altered/,
    ],
    [
      'the publication was away for a while',
      {
        change:
          'DROP PUBLICATION %; CREATE PUBLICATION % FOR TABLE items, tasks WITH (publish_via_partition_root)',
      },
      'one',
      /publication was altered/,
    ],
  ] as const)('G11: begins a new epoch, loudly, when %s', async (_, facts, fingerprint, reason) => {
    const first = await start()
    await first.source.close()
    if ('change' in facts) {
      if (facts.change === 'drop slot') await dropSlot()
      else await sql.unsafe(facts.change.replaceAll('%', harness.database.name))
    }
    const second = await start({ fingerprint })
    expect(second.sink.epochs[0]?.epoch).not.toBe(first.sink.epochs[0]?.epoch)
    expect(second.lines.join('\n')).toMatch(reason)
    await sql`INSERT INTO tasks VALUES (1, 1)`
    await second.source.barrier()
    expect(second.sink.events).toHaveLength(1)
  })

  it('G11: begins a new epoch when the slot is dropped under it', async () => {
    const { source, sink, lines } = await start()
    await terminate()
    // Its mark goes with the slot.
    const barrier = source.barrier()
    await dropSlot()
    await eventually(() => sink.epochs.length === 2)
    await barrier
    await eventually(() => source.status().connected)
    await sql`INSERT INTO tasks VALUES (1, 1)`
    await source.barrier()
    expect(sink.events).toHaveLength(1)
    expect(sink.epochs[1]?.lsn).toBeGreaterThan(sink.epochs[0]?.lsn ?? 0)
    expect(lines.join('\n')).toMatch(/A new log begins/)
  })

  it('G11: begins a new epoch when the publication is dropped under it', async () => {
    const { source, sink } = await start({ pollMs: 20 })
    await sql.unsafe(`DROP PUBLICATION ${harness.database.name}`)
    await eventually(() => sink.epochs.length === 2)
    await eventually(() => source.status().connected)
    await sql`INSERT INTO tasks VALUES (1, 1)`
    await source.barrier()
    expect(sink.events).toHaveLength(1)
  })

  it.each([
    ['a partition is truncated', 'TRUNCATE low', /truncated/],
    ['a partition is detached', 'ALTER TABLE parts DETACH PARTITION low', /detached/],
    ['a partition is dropped', 'DROP TABLE low', /dropped/],
    [
      'a table is attached as a partition',
      'ALTER TABLE parts ATTACH PARTITION more FOR VALUES FROM (20) TO (30)',
      /attached/,
    ],
    [
      'a table is attached in the transaction that made it',
      'CREATE TABLE late (id int PRIMARY KEY); INSERT INTO late VALUES (40); ALTER TABLE parts ATTACH PARTITION late FOR VALUES FROM (40) TO (50)',
      /attached/,
    ],
  ])('G11: begins a new epoch when %s, of which the stream does not tell', async (_, change, reason) => {
    await sql.unsafe(`
      CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
      CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10);
      CREATE TABLE more (id int PRIMARY KEY); INSERT INTO parts VALUES (1); INSERT INTO more VALUES (20)`)
    const collections = [tableCollection('parts', ['id'])]
    const { sink, source, lines } = await start({ collections, pollMs: 20 })
    await sql.unsafe(
      `CREATE TABLE high PARTITION OF parts FOR VALUES FROM (10) TO (20); INSERT INTO parts VALUES (11)`,
    )
    await source.barrier()
    await eventually(async () => {
      const [row] =
        await sql`SELECT fingerprint ~ ('"' || 'high'::regclass::oid || '"') AS known FROM lockstep.state`
      expect(row?.known).toBe(true)
    })
    expect([sink.events.length, sink.epochs.length]).toEqual([1, 1])
    await sql.unsafe(change)
    await eventually(() => sink.epochs.length === 2)
    expect(lines.join('\n')).toMatch(reason)
  })

  it.each([
    ['a column', 'ALTER TABLE items RENAME title TO name', 'ALTER TABLE items RENAME name TO title'],
    ['a table', 'ALTER TABLE items RENAME TO things', 'ALTER TABLE things RENAME TO items'],
  ])('G11: begins a new epoch when %s has its name again', async (_, change, back) => {
    const { sink, source, lines } = await start({ pollMs: 20 })
    await sql`INSERT INTO items VALUES (1, 'a', 'b')`
    await source.barrier()
    await sql.unsafe(
      `${change}; INSERT INTO ${change.includes('things') ? 'things' : 'items'} (id) VALUES (2); ${back}`,
    )
    await eventually(() => sink.epochs.length === 2)
    expect(lines.join('\n')).toMatch(/can be told again/)
    await eventually(() => source.status().connected)
    await sql`INSERT INTO items VALUES (3, 'a', 'b')`
    await source.barrier()
    expect(sink.events.map(({ after }) => after?.[0])).toEqual(['1', '3'])
  })

  it('goes on with the other tables when one is gone', async () => {
    const { sink, source } = await start({ pollMs: 20 })
    await sql`DROP TABLE items`
    await eventually(() => sink.epochs.length === 2)
    await eventually(() => source.status().connected)
    await sql`INSERT INTO tasks VALUES (1, 1)`
    await source.barrier()
    expect(sink.events).toHaveLength(1)
    await sql`CREATE TABLE items (id int PRIMARY KEY, title text, body text)`
    await eventually(() => sink.epochs.length === 3)
  })

  it('leaves a slot alone that belongs to another database or to another program', async () => {
    const other = await createDatabase()
    const there = postgres(other.url, { max: 1 })
    const name = `${harness.database.name}_theirs`
    try {
      await there`SELECT pg_create_logical_replication_slot(${name}, 'pgoutput')`
      await expect(start({ slot: name })).rejects.toThrow(`belongs to database ${other.name}`)
      await there`SELECT pg_drop_replication_slot(${name})`
      await sql`SELECT pg_create_physical_replication_slot(${name})`
      await expect(start({ slot: name })).rejects.toThrow('belongs to another program')
      await sql`SELECT pg_drop_replication_slot(${name})`
    } finally {
      await there.end()
      await other.drop()
    }
  })

  it('waits for a slot that another process reads, then names that process', async () => {
    await start()
    await expect(start({ busyMs: 300 })).rejects.toThrow(/in use by another process \(Postgres process \d+\)/)
  })

  it('takes over a slot as soon as the other lets go', async () => {
    const first = await start()
    const second = start()
    await first.source.close()
    const { sink } = await second
    expect(sink.epochs[0]?.epoch).toBe(first.sink.epochs[0]?.epoch)
  })

  async function dropSlot(): Promise<void> {
    await eventually(async () => {
      await terminate()
      await sql`SELECT pg_drop_replication_slot(${harness.database.name})`
    })
  }

  async function terminate(): Promise<void> {
    await sql`SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = ${harness.database.name}`
  }
})

describe('status', () => {
  it('tells where the stream is and what the slot holds back', async () => {
    const { source, sink } = await start({ pollMs: 10, retainedBytesWarn: 1 })
    await eventually(() => source.status().retainedBytes !== undefined)
    expect(source.status()).toMatchObject({ connected: true, lsn: sink.lsn })
  })

  it('warns once when the slot holds back more than the bound', async () => {
    const { lines } = await start({ pollMs: 5, retainedBytesWarn: 1 })
    await sql`INSERT INTO tasks SELECT i, 1 FROM generate_series(1, 1000) i`
    await eventually(() => lines.some((line) => /holds back/.test(line)))
  })
})
