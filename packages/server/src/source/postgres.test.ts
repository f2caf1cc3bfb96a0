import { parseChannelPattern } from '@lockstep/protocol'
import { createDatabase, eventually } from '@lockstep/testing'
import type { Sql } from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Collection } from '../definition/definition.ts'
import { eventsOf, SourceHarness } from './harness.ts'
import { tableCollection } from './recording-sink.ts'
import { valueBytesMax } from './tuple.ts'

const items = SourceHarness.items
let harness: SourceHarness
let sql: Sql
let start: SourceHarness['start']

beforeEach(async () => {
  harness = await SourceHarness.open(await createDatabase())
  sql = harness.sql
  start = (options) => harness.start(options)
})

afterEach(() => harness.close())

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

  it('says that it cannot tell a change of a row whose old version tells neither channel nor value', async () => {
    const moving = tableCollection('items', ['id', 'title', 'body'], {
      channels: [{ template: parseChannelPattern('in/:title'), columns: [1] }],
    })
    const running = await start({ collections: [moving] })
    await sql`INSERT INTO items VALUES (1, 'a', 'b'), (2, 'a', 'b')`
    await sql`UPDATE items SET title = 'c' WHERE id = 1`
    await sql`ALTER TABLE items REPLICA IDENTITY DEFAULT`
    await sql`UPDATE items SET title = 'd' WHERE id = 1`
    // Makes Postgres describe the table anew, as autovacuum does at any moment.
    await sql`ANALYZE items`
    await sql`UPDATE items SET title = 'd' WHERE id = 1`
    await sql`ALTER TABLE items REPLICA IDENTITY FULL`
    await sql`UPDATE items SET title = 'e' WHERE id = 1`
    const kinds = (await eventsOf(running)).map(({ kind }) => kind)
    expect(kinds).toEqual(['create', 'create', 'update', 'untold', 'untold', 'update'])
    const said = () => running.lines.filter((line) => /REPLICA IDENTITY FULL/.test(line))
    expect(said()).toHaveLength(1)
    await sql`ALTER TABLE items REPLICA IDENTITY DEFAULT`
    await sql`UPDATE items SET title = 'f' WHERE id = 1`
    await eventsOf(running)
    expect(said()).toHaveLength(2)
  })

  it('says that it cannot tell a value that is too long for a string, and goes on', async () => {
    const running = await start()
    await sql`INSERT INTO items SELECT 1, 'a', repeat('x', ${valueBytesMax + 1})`
    await sql`UPDATE items SET title = 'b'`
    await sql`UPDATE items SET body = 'short'`
    await sql`DELETE FROM items`
    expect((await eventsOf(running)).map(({ kind, after }) => [kind, after])).toEqual([
      ['untold', undefined],
      ['update', ['1', '"b"', undefined]],
      ['update', ['1', '"b"', '"short"']],
      ['destroy', undefined],
    ])
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
    expect(running.lines.join()).toContain('on purpose')
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
      expect(running.lines.join('\n')).toMatch(reason)
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

describe('types that are gone', () => {
  it('G2: gives rows of a table that had a column of one while no server ran', async () => {
    for (let round = 1; round <= 3; round++) {
      const first = await start()
      await eventsOf(first)
      await first.source.close()
      await sql.unsafe(`
        CREATE TYPE passing AS ENUM ('here');
        ALTER TABLE tasks ADD mood passing;`)
      for (let id = 1; id <= 5; id++) await sql`INSERT INTO tasks VALUES (${id}, ${round})`
      await sql.unsafe(`
        ALTER TABLE tasks DROP mood;
        DROP TYPE passing;`)
      // A process that is busy finds the first rows in one piece with the reply to START_REPLICATION.
      const busy = setInterval(() => {
        for (const until = performance.now() + 20; performance.now() < until; );
      }, 1)
      const second = await start()
      clearInterval(busy)
      const keys = (await eventsOf(second)).filter(({ kind }) => kind === 'create').map(({ after }) => after)
      expect(keys.slice(-5), `round ${round}`).toEqual(
        [1, 2, 3, 4, 5].map((id) => [String(id), String(round)]),
      )
      await second.source.close()
      await sql`DELETE FROM tasks`
    }
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
