import { createDatabase, eventually, type TestDatabase } from '@lockstep/testing'
import fc from 'fast-check'
import postgres from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { collection, defineSync } from '../definition/define.ts'
import type { Logger } from '../runtime/logger.ts'
import { createSyncServer, type SyncServer, type SyncServerOptions } from '../server.ts'
import type { ObserveContext, ObservedChange } from './observe.ts'

interface Item {
  readonly id: number
  readonly title: string | null
  readonly project_id: number | null
}

const sync = defineSync({
  channels: { 'project/:id': { authorize: () => true } },
  collections: {
    items: collection<Item>({ table: 'items', channel: 'project/:project_id', columns: ['id', 'title'] }),
    tasks: { table: 'tasks', channel: 'project/:project_id', columns: ['id'] },
  },
})

let database: TestDatabase
let sql: postgres.Sql
let server: SyncServer
let logged: string[]

const logger: Logger = {
  debug() {},
  info() {},
  warn: (message) => logged.push(message),
  error: (message) => logged.push(message),
}

async function start(options: Partial<SyncServerOptions> = {}): Promise<void> {
  server = await createSyncServer({
    sync,
    database: database.url,
    slot: database.name,
    logger,
    authenticate: () => null,
    ...options,
  })
}

beforeEach(async () => {
  logged = []
  database = await createDatabase()
  sql = postgres(database.url, { onnotice: () => {} })
  await sql.unsafe(`
    CREATE TABLE items (id int PRIMARY KEY, title text, project_id int);
    CREATE TABLE tasks (id int PRIMARY KEY, project_id int);
    ALTER TABLE items REPLICA IDENTITY FULL;
    ALTER TABLE tasks REPLICA IDENTITY FULL;
  `)
  await start()
}, 60_000)

afterEach(async () => {
  await server.close()
  await sql.end()
  await database.drop()
})

/** Collects what an observer is called with. */
class Calls {
  readonly changes: ObservedChange<Item>[] = []
  readonly contexts: ObserveContext[] = []
  readonly resets: string[] = []
  readonly react = (change: ObservedChange<Item>, context: ObserveContext): void => {
    this.changes.push(change)
    this.contexts.push(context)
  }
  readonly reset = (reason: string): void => {
    this.resets.push(reason)
  }

  get keys(): string[] {
    return this.changes.map(({ key }) => key)
  }
}

const insert = (id: number) => sql`INSERT INTO items VALUES (${id}, ${`title ${id}`}, 1)`

describe('an observer', () => {
  it('B7: is told each row after its commit, with what was before, and who wrote', async () => {
    const calls = new Calls()
    await server.observe<Item>('items', calls.react)
    const request = {
      method: 'POST',
      url: '/x',
      headers: { 'lockstep-session': 'abc', 'idempotency-key': 'm1' },
    }
    await server.write(
      request,
      async (tx) => {
        await tx.sql`INSERT INTO items VALUES (1, 'a', 1)`
        await tx.operation('project/1', 'items/create', { item: 1 })
      },
      { body: '' },
    )
    await sql`UPDATE items SET title = 'b' WHERE id = 1`
    await sql`UPDATE items SET project_id = NULL WHERE id = 1`
    await sql`DELETE FROM items`
    await sql`INSERT INTO tasks VALUES (1, 1)`
    await eventually(() => expect(calls.changes).toHaveLength(4))
    const row = { id: 1, title: 'a', project_id: 1 }
    expect(calls.changes).toEqual([
      { event: 'create', key: '1', row },
      { event: 'update', key: '1', row: { ...row, title: 'b' }, before: row },
      {
        event: 'update',
        key: '1',
        row: { ...row, title: 'b', project_id: null },
        before: { ...row, title: 'b' },
      },
      { event: 'destroy', key: '1', before: { ...row, title: 'b', project_id: null } },
    ])
    expect(calls.contexts[0]).toMatchObject({
      session: 'abc',
      mutation: 'm1',
      operations: [{ channel: 'project/1', operation: 'items/create', envelope: { item: 1 } }],
      attempt: 1,
    })
    expect(calls.contexts[1]).toMatchObject({ session: undefined, operations: [] })
    expect(Math.abs((calls.contexts[0]?.at ?? 0) - Date.now())).toBeLessThan(60_000)
  })

  it('B7: is not told what was rolled back', async () => {
    const calls = new Calls()
    await server.observe<Item>('items', calls.react)
    await sql
      .begin(async (tx) => {
        await tx`INSERT INTO items VALUES (1, 'a', 1)`
        throw new Error('no')
      })
      .catch(() => {})
    await insert(2)
    await eventually(() => expect(calls.keys).toEqual(['2']))
  })

  it('B8: goes on after a restart of the server where it was, and misses nothing', async () => {
    const calls = new Calls()
    await server.observe<Item>('items', calls.react, { name: 'mailer', reset: calls.reset })
    await insert(1)
    await eventually(() => expect(calls.keys).toEqual(['1']))
    await server.close()
    await insert(2)
    await start()
    await insert(3)
    await server.barrier() // it has all passed before the observer comes
    await server.observe<Item>('items', calls.react, { name: 'mailer', reset: calls.reset })
    await insert(4)
    await eventually(() => expect(calls.keys).toEqual(['1', '2', '3', '4']))
    expect(calls.resets).toEqual([])
  }, 30_000)

  it('B8: is told the commit again that it had not finished', async () => {
    const calls = new Calls()
    const fail = (change: ObservedChange<Item>): void => {
      if (change.key === '2') throw new Error('secret of row 2')
      calls.changes.push(change)
    }
    await server.observe<Item>('items', fail, { name: 'mailer' })
    await insert(1)
    await sql`INSERT INTO items VALUES (3, 'c', 1), (2, 'b', 1)`
    await eventually(() => expect(logged.some((line) => line.includes('attempt 2'))).toBe(true))
    await server.close()
    await start()
    await server.observe<Item>('items', calls.react, { name: 'mailer', reset: calls.reset })
    await eventually(() => expect(calls.keys).toEqual(['1', '3', '3', '2']))
    expect(calls.resets).toEqual([])
    expect(logged.join()).not.toContain('secret')
  }, 30_000)

  it('B8: is told to read anew where the log cannot be continued', async () => {
    const calls = new Calls()
    await server.observe<Item>('items', calls.react, { name: 'mailer', reset: calls.reset })
    await server.close()
    await sql`SELECT pg_drop_replication_slot(${database.name})`
    await insert(1)
    await start()
    await server.observe<Item>('items', calls.react, { name: 'mailer', reset: calls.reset })
    await insert(2)
    await eventually(() => expect(calls.keys).toEqual(['2']))
    expect(calls.resets).toEqual(['epoch'])
  }, 30_000)

  it('B8: is told to read anew where it comes back after the retention time', async () => {
    await server.close()
    await start({ limits: { retentionMs: 300 } })
    const calls = new Calls()
    const first = await server.observe<Item>('items', calls.react, { name: 'mailer', reset: calls.reset })
    await first.close()
    await insert(1)
    await server.barrier()
    await server.observe<Item>('items', calls.react, { name: 'mailer', reset: calls.reset })
    await eventually(() => expect(calls.resets).toEqual(['trimmed']))
    await insert(2)
    await eventually(() => expect(calls.keys).toEqual(['2']))
  }, 30_000)

  it('B8: is told of a truncated table, and without a callback the log is', async () => {
    const calls = new Calls()
    await server.observe<Item>('items', calls.react, { name: 'a', reset: calls.reset })
    await server.observe<Item>('items', () => {}, { name: 'b' })
    await insert(1)
    await sql`TRUNCATE items`
    await insert(2)
    await eventually(() => expect(calls.keys.at(-1)).toBe('2'))
    expect(calls.resets).toEqual(['truncated'])
    await eventually(() => expect(logged.some((line) => /"b".*truncated/.test(line))).toBe(true))
  })

  it('B9: is called again until it succeeds, in order, and blocks nobody else', async () => {
    const [bad, good] = [new Calls(), new Calls()]
    let failures = 3
    const observer = await server.observe<Item>('items', (change, context) => {
      if (failures-- > 0) throw new Error('not yet')
      bad.react(change, context)
    })
    await server.observe<Item>('items', good.react)
    await insert(1)
    await insert(2)
    await eventually(() => expect(good.keys).toEqual(['1', '2']))
    await eventually(() => expect(bad.keys).toEqual(['1', '2']))
    expect(bad.contexts.map(({ attempt }) => attempt)).toEqual([4, 1])
    expect(observer.status()).toMatchObject({ state: 'running', waiting: 0 })
  })

  it('B9: keeps an asynchronous observer to one call at a time', async () => {
    let running = 0
    let most = 0
    const keys: string[] = []
    await server.observe<Item>('items', async ({ key }) => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
      keys.push(key)
    })
    await sql`INSERT INTO items SELECT n, 'x', 1 FROM generate_series(1, 50) AS n`
    await eventually(() => expect(keys).toHaveLength(50))
    expect(most).toBe(1)
  })

  it('B8: refuses a name that is taken, another collection under a name, and what is no collection', async () => {
    await server.observe('items', () => {}, { name: 'mailer' })
    await expect(server.observe('items', () => {}, { name: 'mailer' })).rejects.toThrow(/already/)
    await expect(server.observe('nothing', () => {})).rejects.toThrow(/no collection "nothing"/)
    await server.close()
    await start()
    await expect(server.observe('tasks', () => {}, { name: 'mailer' })).rejects.toThrow(
      /of collection "items"/,
    )
  }, 30_000)

  it('G4: sees every commit once and in order, whoever commits at the same time', async () => {
    const steps = fc.array(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 }), {
      minLength: 1,
      maxLength: 3,
    })
    const calls = new Calls()
    await server.observe<Item>('items', calls.react)
    await sql`INSERT INTO items SELECT n, '0', 1 FROM generate_series(1, 5) AS n`
    await fc.assert(
      fc.asyncProperty(steps, async (writers) => {
        await Promise.all(
          writers.map(async (ids) => {
            for (const id of ids) await sql`UPDATE items SET title = (title::int + 1)::text WHERE id = ${id}`
          }),
        )
      }),
      { numRuns: 10 },
    )
    const rows = await sql<{ id: number; title: string }[]>`SELECT id, title FROM items`
    const total = rows.reduce((sum, { title }) => sum + Number(title), 0)
    await eventually(() => expect(calls.changes).toHaveLength(5 + total))
    for (const { id, title } of rows) {
      const titles = calls.changes.flatMap((change) =>
        change.key === String(id) && change.event !== 'destroy' ? [Number(change.row.title)] : [],
      )
      expect(titles).toEqual(Array.from({ length: Number(title) + 1 }, (_, i) => i))
    }
    const lsns = calls.contexts.map(({ position }) => Number.parseInt(position.split('.')[1] ?? '', 16))
    expect(lsns).toEqual([...lsns].sort((a, b) => a - b))
  })

  it('B9: lets close wait for the call that is running', async () => {
    let finish: () => void = () => {}
    let finished = false
    await server.observe<Item>('items', async () => {
      await new Promise<void>((resolve) => {
        finish = resolve
      })
      finished = true
    })
    const before = finish
    await insert(1)
    await eventually(() => expect(finish).not.toBe(before))
    const closed = server.close().then(() => expect(finished).toBe(true))
    finish()
    await closed
    await start()
  }, 30_000)
})
