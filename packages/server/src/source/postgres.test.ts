import { createDatabase, eventually, type TestDatabase } from '@lockstep/testing'
import postgres, { type Sql } from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Collection } from '../definition/definition.ts'
import type { Logger } from '../runtime/logger.ts'
import { type PostgresSourceOptions, postgresSource } from './postgres.ts'
import { RecordingSink, tableCollection } from './recording-sink.ts'
import type { Source } from './source.ts'

const items = tableCollection('items', ['id', 'title', 'body'])
const tasks = tableCollection('tasks', ['id', 'item_id'])

let database: TestDatabase
let sql: Sql
const sources: Source[] = []

beforeEach(async () => {
  database = await createDatabase()
  sql = postgres(database.url, { max: 12, onnotice: () => {} })
  await sql.unsafe(`
    CREATE TABLE items (id int PRIMARY KEY, title text, body text);
    ALTER TABLE items REPLICA IDENTITY FULL;
    CREATE TABLE tasks (id int PRIMARY KEY, item_id int);
    CREATE TABLE others (id int PRIMARY KEY);`)
})

afterEach(async () => {
  await Promise.all(sources.splice(0).map((source) => source.close()))
  await sql.end({ timeout: 1 })
  await database.drop()
})

class Lines implements Logger {
  readonly lines: string[] = []
  debug = (line: string): void => void this.lines.push(line)
  info = this.debug
  warn = this.debug
  error = this.debug
}

async function start(
  options: Partial<PostgresSourceOptions> = {},
): Promise<{ source: Source; sink: RecordingSink; log: Lines }> {
  const log = new Lines()
  const sink = new RecordingSink()
  const source = postgresSource({
    url: database.url,
    collections: [items, tasks],
    fingerprint: 'one',
    slot: database.name,
    logger: log,
    ...options,
  })
  sources.push(source)
  await source.start(sink)
  return { source, sink, log }
}

/** Events since the last call, once all that was committed before is there. */
async function eventsOf({ source, sink }: { source: Source; sink: RecordingSink }) {
  await source.barrier()
  return sink.transactions.splice(0).flatMap((transaction) => transaction.events)
}

describe('rows', () => {
  it('tells creates, updates and destroys with both row versions, in order', async () => {
    const running = await start()
    await sql`INSERT INTO items VALUES (1, 'a', NULL)`
    await sql`UPDATE items SET title = 'ü "b"' WHERE id = 1`
    await sql`DELETE FROM items`
    expect(await eventsOf(running)).toEqual([
      { kind: 'create', of: 'items', after: ['1', '"a"', 'null'] },
      { kind: 'update', of: 'items', before: ['1', '"a"', 'null'], after: ['1', '"ü \\"b\\""', 'null'] },
      { kind: 'destroy', of: 'items', before: ['1', '"ü \\"b\\""', 'null'] },
    ])
  })

  it('tells an unchanged TOASTed value from the old row', async () => {
    const running = await start()
    const body = Array.from({ length: 20_000 }, (_, i) => String.fromCharCode(97 + ((i * i) % 26))).join('')
    await sql.unsafe('ALTER TABLE items ALTER body SET STORAGE EXTERNAL')
    await sql`INSERT INTO items VALUES (1, 'a', ${body})`
    await sql`UPDATE items SET title = 'b'`
    const [, update] = await eventsOf(running)
    expect(update?.after).toEqual(['1', '"b"', JSON.stringify(body)])
  })

  it('says that it does not hold a TOASTed value where the identity is an index', async () => {
    await sql.unsafe(
      'ALTER TABLE items REPLICA IDENTITY DEFAULT; ALTER TABLE items ALTER body SET STORAGE EXTERNAL',
    )
    const running = await start()
    await sql`INSERT INTO items VALUES (1, 'a', ${'x'.repeat(20_000)})`
    await sql`UPDATE items SET title = 'b'`
    await sql`DELETE FROM items`
    const [, update, destroy] = await eventsOf(running)
    expect(update).toEqual({ kind: 'update', of: 'items', after: ['1', '"b"', undefined] })
    expect(destroy).toEqual({ kind: 'destroy', of: 'items', before: ['1', undefined, undefined] })
  })

  it('tells a changed key as one update with both keys', async () => {
    const running = await start()
    await sql`INSERT INTO tasks VALUES (1, 7)`
    await sql`UPDATE tasks SET id = 2`
    expect((await eventsOf(running))[1]).toEqual({
      kind: 'update',
      of: 'tasks',
      before: ['1', undefined],
      after: ['2', '7'],
    })
  })

  it('tells TRUNCATE of several tables', async () => {
    const running = await start()
    await sql`TRUNCATE items, tasks, others`
    const events = await eventsOf(running)
    expect(events.map(({ kind, of }) => `${kind} ${of}`).sort()).toEqual(['truncate items', 'truncate tasks'])
  })

  it('tells rows of partitions as rows of their root', async () => {
    await sql.unsafe(`
      CREATE SCHEMA app; CREATE TABLE app.parts (id int PRIMARY KEY, note text) PARTITION BY RANGE (id);
      CREATE TABLE app.low PARTITION OF app.parts FOR VALUES FROM (0) TO (10);
      CREATE TABLE app.high (note text, id int NOT NULL);
      ALTER TABLE app.parts ATTACH PARTITION app.high FOR VALUES FROM (10) TO (20);`)
    const parts = tableCollection('parts', ['id', 'note'], { schema: 'app' })
    const running = await start({ collections: [parts] })
    await sql`INSERT INTO app.parts VALUES (1, 'low'), (11, 'high')`
    expect((await eventsOf(running)).map(({ of, after }) => [of, after])).toEqual([
      ['parts', ['1', '"low"']],
      ['parts', ['11', '"high"']],
    ])
  })

  it('gives the rows of a table to every collection made of it, each with its columns', async () => {
    const short = tableCollection('items', ['title'], { name: 'titles' })
    const running = await start({ collections: [items, short] })
    await sql`INSERT INTO items VALUES (1, 'a', 'b')`
    expect((await eventsOf(running)).map(({ of, after }) => [of, after])).toEqual([
      ['items', ['1', '"a"', '"b"']],
      ['titles', ['"a"']],
    ])
  })

  it('gives nothing of a transaction that was rolled back, nor of other tables', async () => {
    const running = await start()
    await sql
      .begin(async (tx) => {
        await tx`INSERT INTO items VALUES (1, 'a', 'b')`
        await tx`SELECT pg_logical_emit_message(true, 'lockstep', 'no')`
        throw new Error('no')
      })
      .catch(() => {})
    await sql`INSERT INTO others VALUES (1)`
    expect(await eventsOf(running)).toEqual([])
  })
})

describe('writers with synchronous_commit = off', () => {
  it('are seen without another write, and at once by a barrier', async () => {
    const { source, sink } = await start()
    const write = (id: number): Promise<unknown> =>
      sql.begin(async (tx) => {
        await tx`SET LOCAL synchronous_commit = off`
        await tx`INSERT INTO tasks VALUES (${id}, 1)`
      })
    await write(1)
    await eventually(() => sink.events.length === 1)
    await write(2)
    await source.barrier()
    expect(sink.events).toHaveLength(2)
  })
})

describe('a sink that throws', () => {
  it('gets the transaction again, whole', async () => {
    const running = await start()
    const change = running.sink.change.bind(running.sink)
    let failed = false
    running.sink.change = (...event) => {
      change(...event)
      if (failed || running.sink.transactions.length === 0) return
      failed = true
      throw new Error('on purpose')
    }
    await sql`INSERT INTO tasks VALUES (1, 1)`
    await sql`INSERT INTO tasks VALUES (2, 1), (3, 1)`
    await sql`INSERT INTO tasks VALUES (4, 1)`
    expect((await eventsOf(running)).map(({ after }) => after?.[0])).toEqual(['1', '2', '3', '4'])
    expect(failed).toBe(true)
    expect(running.log.lines.join()).toContain('on purpose')
  })
})

describe('messages', () => {
  it('come in their place among the rows of their transaction', async () => {
    const running = await start()
    await sql.begin(async (tx) => {
      await tx`SELECT pg_logical_emit_message(true, 'lockstep', '{"ä":1}')`
      await tx`INSERT INTO tasks VALUES (1, 1)`
      await tx`SELECT pg_logical_emit_message(true, 'other', 'not for us')`
      await tx`SELECT pg_logical_emit_message(true, 'lockstep', 'last')`
    })
    expect((await eventsOf(running)).map(({ kind, of }) => [kind, of])).toEqual([
      ['message', '{"ä":1}'],
      ['create', 'tasks'],
      ['message', 'last'],
    ])
  })
})

describe('changes of tables', () => {
  it('ignores columns that are added and not declared', async () => {
    const running = await start()
    await sql.unsafe('ALTER TABLE items ADD extra text DEFAULT $$x$$')
    await sql`INSERT INTO items VALUES (1, 'a', 'b', 'c')`
    expect(await eventsOf(running)).toEqual([{ kind: 'create', of: 'items', after: ['1', '"a"', '"b"'] }])
  })

  it.each([
    ['dropped', 'ALTER TABLE items DROP title', /lacks title/],
    ['renamed', 'ALTER TABLE items RENAME title TO name', /lacks title/],
    ['of another type', 'ALTER TABLE items ALTER title TYPE varchar(10)', /type of a column/],
    ['in a renamed table', 'ALTER TABLE items RENAME TO things', /renamed to public\.things/],
  ])(
    'stops a collection whose declared column is %s, and goes on with the others',
    async (_, change, reason) => {
      const errors: [Collection, Error][] = []
      const running = await start({ onError: (collection, error) => errors.push([collection, error]) })
      await sql`INSERT INTO items VALUES (1, 'a', 'b')`
      await sql.unsafe(change)
      await sql.unsafe(`INSERT INTO ${change.includes('things') ? 'things' : 'items'} (id) VALUES (2)`)
      await sql`INSERT INTO tasks VALUES (1, 1)`
      expect((await eventsOf(running)).map(({ of }) => of)).toEqual(['items', 'tasks'])
      expect(errors.map(([collection]) => collection)).toEqual([items])
      expect(errors[0]?.[1].message).toMatch(reason)
      expect(running.log.lines.join('\n')).toMatch(reason)
    },
  )

  it('learns types that were made while it runs', async () => {
    const running = await start()
    await sql.unsafe(`
      CREATE TYPE mood AS ENUM ('fine', 'so "so"');
      ALTER TABLE items ADD moods mood[];`)
    await sql`INSERT INTO items VALUES (1, 'a', 'b')`
    await sql`INSERT INTO tasks VALUES (1, 1)`
    expect((await eventsOf(running)).map(({ of }) => of)).toEqual(['items', 'tasks'])
  })
})

describe('barrier', () => {
  it('G6: resolves after everything that committed before the call, with transactions held open around it', async () => {
    const { source, sink } = await start()
    const held: (() => void)[] = []
    let committed = 0
    const known = new Set<string>()
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      for (let i = 0; i < 15; i++) {
        const id = writer * 1000 + i
        await sql.begin(async (tx) => {
          await tx`INSERT INTO tasks VALUES (${id}, 1)`
          if (i % 3 === 0) await new Promise<void>((resolve) => held.push(resolve))
        })
        known.add(String(id))
        committed++
      }
    })
    const releasing = setInterval(() => held.shift()?.(), 3)
    let checks = 0
    while (committed < 90) {
      const before = new Set(known)
      const lsn = await source.barrier()
      const given = new Set(sink.events.map(({ after }) => after?.[0]))
      for (const id of before) expect(given).toContain(id)
      expect(sink.lsn).toBeGreaterThanOrEqual(lsn)
      expect(
        sink.transactions.filter((one) => one.lsn > lsn && before.has(String(one.events[0]?.after?.[0]))),
      ).toEqual([])
      checks++
    }
    await Promise.all(writers)
    clearInterval(releasing)
    expect(checks).toBeGreaterThan(5)
  })

  it('gives LSNs that compare with those of commits: all before are smaller, all after are greater', async () => {
    const { source, sink } = await start()
    for (let i = 0; i < 30; i++) {
      await sql`INSERT INTO tasks VALUES (${i}, 1)`
      const lsn = await source.barrier()
      expect(sink.transactions.at(-1)?.lsn).toBeLessThan(lsn)
      await sql`UPDATE tasks SET item_id = 2 WHERE id = ${i}`
      await source.barrier()
      expect(sink.transactions.at(-1)?.lsn).toBeGreaterThan(lsn)
    }
  })

  it('works by a small commit where the message cannot be flushed', async () => {
    const { source, sink } = await start({ flushesMessages: false })
    await sql`INSERT INTO tasks VALUES (1, 1)`
    await source.barrier()
    expect(sink.events).toHaveLength(1)
  })

  it('shares marks among calls that come at once', async () => {
    const { source } = await start()
    const all = await Promise.all(Array.from({ length: 500 }, () => source.barrier()))
    expect(new Set(all).size).toBeLessThanOrEqual(2)
  })
})

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
      /not in the publication/,
    ],
  ] as const)('G11: begins a new epoch, loudly, when %s', async (_, facts, fingerprint, reason) => {
    const first = await start()
    await first.source.close()
    if ('change' in facts) {
      if (facts.change === 'drop slot') await dropSlot()
      else await sql.unsafe(facts.change.replace('%', database.name))
    }
    const second = await start({ fingerprint })
    expect(second.sink.epochs[0]?.epoch).not.toBe(first.sink.epochs[0]?.epoch)
    expect(second.log.lines.join('\n')).toMatch(reason)
    await sql`INSERT INTO tasks VALUES (1, 1)`
    await second.source.barrier()
    expect(second.sink.events).toHaveLength(1)
  })

  it('G11: begins a new epoch when the slot is dropped under it', async () => {
    const { source, sink, log } = await start()
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
    expect(log.lines.join('\n')).toMatch(/A new log begins/)
  })

  it('G11: begins a new epoch when the publication is dropped under it', async () => {
    const { source, sink } = await start({ pollMs: 20 })
    await sql.unsafe(`DROP PUBLICATION ${database.name}`)
    await eventually(() => sink.epochs.length === 2)
    await eventually(() => source.status().connected)
    await sql`INSERT INTO tasks VALUES (1, 1)`
    await source.barrier()
    expect(sink.events).toHaveLength(1)
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
      await sql`SELECT pg_drop_replication_slot(${database.name})`
    })
  }

  async function terminate(): Promise<void> {
    await sql`SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = ${database.name}`
  }
})

describe('status', () => {
  it('tells where the stream is and what the slot holds back', async () => {
    const { source, sink } = await start({ pollMs: 10, retainedBytesWarn: 1 })
    await eventually(() => source.status().retainedBytes !== undefined)
    expect(source.status()).toMatchObject({ connected: true, lsn: sink.lsn })
  })

  it('warns once when the slot holds back more than the bound', async () => {
    const { log } = await start({ pollMs: 5, retainedBytesWarn: 1 })
    await sql`INSERT INTO tasks SELECT i, 1 FROM generate_series(1, 1000) i`
    await eventually(() => log.lines.some((line) => /holds back/.test(line)))
  })
})
