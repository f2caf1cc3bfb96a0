import { eventually, startPostgres, type TestPostgres } from '@lockstep/testing'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { givesBackMemory, type Scene, startScene } from './bad-input.setup.ts'
import type { Logger } from './runtime/logger.ts'

/**
 * What a database does under a running server: it goes away, loses what the stream stands on, changes its tables,
 * and sends more than is right. The clients of the server stay connected through all of it.
 */
let cluster: TestPostgres
/** Not the scene's: it goes on while those of the scene are refused. */
let admin: postgres.Sql
let scene: Scene
let lines: string[] = []
let databases = 0
const keep = (line: string): void => void lines.push(line)
const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep }

beforeAll(async () => {
  cluster = await startPostgres({ max_slot_wal_keep_size: '128MB' })
  admin = postgres(cluster.url, { max: 1, onnotice: () => {} })
})
afterAll(async () => {
  await admin?.end({ timeout: 1 })
  await cluster?.stop()
})

beforeEach(async () => {
  lines = []
  const name = `scene_${++databases}`
  await admin.unsafe(`CREATE DATABASE ${name}`)
  const drop = async (): Promise<void> => {
    await eventually(async () => {
      await admin`SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = ${name}`
      await admin`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = ${name}`
    })
    await admin.unsafe(`DROP DATABASE ${name} WITH (FORCE)`)
  }
  scene = await startScene({
    database: { name, url: cluster.urlOf(name), drop },
    server: { logger },
    // What was sent is not kept for long, so that the memory it took can be seen to be free again.
    limits: { retentionMs: 2_000 },
    answer: (request, server) =>
      server.respond(request, async ({ sql }) => {
        const [row] = await sql<{ id: number }[]>`INSERT INTO items ${sql(await request.json())} RETURNING id`
        return row
      }),
  })
})
afterEach(async () => {
  await scene.forgetsAll()
  await scene.close()
})

const slot = (): string => new URL(scene.url).pathname.slice(1)
const logged = (pattern: RegExp): Promise<unknown> =>
  eventually(() => expect(lines.join('\n')).toMatch(pattern), { timeoutMs: 30_000, everyMs: 50 })

describe('Postgres', () => {
  it('G2, G3, G4: killed and started again three times: everything committed is seen once, in order', async () => {
    await givesBackMemory(async () => {
      for (let round = 0; round < 3; round++) {
        await scene.neighbour.seesTheNextChange()
        await cluster.kill()
        const next = scene.neighbour.seesTheNextChange()
        await cluster.start()
        await next
      }
      await scene.neighbour.seesTheNextChange()
      await scene.neighbour.hasTheRows()
      expect(scene.neighbour.resets).toEqual([])
    })
  })

  it('W5, G3: away: a write is 503 and retryable, nothing is half done, and the same one is done once when it is back', async () => {
    const write = (): Promise<Response> =>
      fetch(`http://127.0.0.1:${scene.port}/items`, {
        method: 'POST',
        headers: { cookie: 'user=alice', 'content-type': 'application/json', 'idempotency-key': 'once' },
        body: JSON.stringify({ id: 1, title: 'at last', project_id: 1 }),
      })
    await cluster.kill()
    for (let i = 0; i < 3; i++) {
      const reply = await write()
      expect([reply.status, (await reply.json()).error]).toEqual([
        503,
        expect.objectContaining({ code: 'unavailable', retryable: true }),
      ])
    }
    await cluster.start()
    await eventually(async () => expect((await write()).status).toBe(200))
    expect((await write()).headers.has('idempotent-replayed')).toBe(true)
    await scene.neighbour.seesTheNextChange()
    expect(scene.neighbour.count('at last')).toBe(1)
  })

  it('G11, S2: with another password than ours stops the stream and nobody’s connection, and goes on when it is right again', async () => {
    const [row] = await admin<{ rolpassword: string }[]>`
      SELECT rolpassword FROM pg_authid WHERE rolname = current_user`
    await scene.neighbour.seesTheNextChange()
    await admin.unsafe(`ALTER ROLE postgres PASSWORD 'another one'`)
    await admin`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${slot()}`
    await logged(/No replication stream: .*password/)
    expect(lines.join('\n')).not.toContain(new URL(cluster.url).password)
    await eventually(() => expect(scene.server.status().source.connected).toBe(false))
    const next = scene.neighbour.seesTheNextChange()
    await admin.unsafe(`ALTER ROLE postgres PASSWORD '${row?.rolpassword}'`)
    await next
    expect(scene.neighbour.resets).toEqual([])
  })
})

describe('what the stream stands on', () => {
  it('G11: a slot that is dropped begins a new log, everyone is told, and nothing is missed', async () => {
    await scene.neighbour.seesTheNextChange()
    scene.neighbour.mayBeReset = true
    await eventually(async () => {
      await admin`SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = ${slot()}`
      await admin`SELECT pg_drop_replication_slot(${slot()})`
    })
    await scene.sql`INSERT INTO items VALUES (5, 'while there was none', 1)`
    await scene.neighbour.seesTheNextChange()
    await scene.neighbour.hasTheRows()
    expect(scene.neighbour.resets).toEqual(['epoch'])
    expect(lines.join('\n')).toMatch(/A new log begins .*slot is gone/)
  })

  it('G11: a publication that is dropped begins a new log', async () => {
    scene.neighbour.mayBeReset = true
    await scene.sql.unsafe(`DROP PUBLICATION ${slot()}`)
    await scene.sql`INSERT INTO items VALUES (5, 'told by none', 1)`
    await logged(/A new log begins .*publication is gone/)
    await scene.neighbour.seesTheNextChange()
    await scene.neighbour.hasTheRows()
    expect(scene.neighbour.resets).toEqual(['epoch'])
  })

  it('G11, G12: a slot that the disk has no room for begins a new log', async () => {
    scene.neighbour.mayBeReset = true
    await scene.sql`CREATE TABLE bulk (text text)`
    await eventually(
      async () => {
        await scene.sql`INSERT INTO bulk SELECT repeat(md5(n::text), 60) FROM generate_series(1, 50000) n`
        await scene.sql`CHECKPOINT`
        const [row] = await admin`SELECT wal_status FROM pg_replication_slots WHERE slot_name = ${slot()}`
        expect(row?.['wal_status']).toBe('lost')
      },
      { timeoutMs: 60_000 },
    )
    await logged(/A new log begins/)
    await scene.neighbour.seesTheNextChange()
    await scene.neighbour.hasTheRows()
    expect(scene.neighbour.resets).toEqual(['epoch'])
  }, 90_000)
})

describe('a table', () => {
  it.each([
    [
      'without a declared column',
      'ALTER TABLE items DROP COLUMN title',
      'ALTER TABLE items ADD COLUMN title text',
      /lacks title/,
    ],
    [
      'with a declared column renamed',
      'ALTER TABLE items RENAME title TO name',
      'ALTER TABLE items RENAME name TO title',
      /lacks title/,
    ],
    [
      'with a declared column of another type',
      'ALTER TABLE items ALTER title TYPE varchar(99)',
      'SELECT 1',
      /type of a column .* changed/,
    ],
    [
      'that is renamed',
      'ALTER TABLE items RENAME TO things',
      'ALTER TABLE things RENAME TO items',
      /was renamed/,
    ],
  ])(
    'G11: %s stops its collection with a clear error, and no other; mended, it begins anew',
    async (_what, change, mend, error) => {
      const other = await scene.watch('notes')
      await scene.neighbour.seesTheNextChange()
      scene.neighbour.mayBeReset = true
      await scene.sql.unsafe(change)
      const table = change.includes('things') ? 'things' : 'items'
      await scene.sql.unsafe(`INSERT INTO ${table} (id, project_id) VALUES (77, 1)`)
      await logged(new RegExp(`Collection items stops: .*${error.source}`))
      await other.seesTheNextChange()
      expect(other.resets).toEqual([])
      other.mayBeReset = true
      await scene.sql.unsafe(mend)
      await logged(/A new log begins/)
      await scene.neighbour.seesTheNextChange()
      await scene.neighbour.hasTheRows()
      await other.hasTheRows()
      expect(new Set([...scene.neighbour.resets, ...other.resets])).toEqual(new Set(['epoch']))
    },
    60_000,
  )

  it('R1: that is truncated resets its own channels, and nobody else', async () => {
    const other = await scene.watch('notes')
    await scene.neighbour.seesTheNextChange()
    scene.neighbour.mayBeReset = true
    await scene.sql`TRUNCATE items`
    await scene.neighbour.seesTheNextChange()
    await scene.neighbour.hasTheRows()
    expect(scene.neighbour.resets).toEqual(['truncated'])
    await other.seesTheNextChange()
    expect(other.resets).toEqual([])
  })

  it('G11: whose replica identity becomes NOTHING still tells new rows; others Postgres itself refuses to change', async () => {
    await scene.sql`ALTER TABLE items REPLICA IDENTITY NOTHING`
    await scene.neighbour.seesTheNextChange()
    await expect(scene.sql`UPDATE items SET title = 'untold'`).rejects.toThrow(/replica identity/)
    await expect(scene.sql`DELETE FROM items`).rejects.toThrow(/replica identity/)
    await scene.neighbour.seesTheNextChange()
    await scene.neighbour.hasTheRows()
    expect(scene.neighbour.resets).toEqual([])
  })
})

describe('a row', () => {
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'P5: with the key %s is one like any other',
    async (key) => {
      const plain = Object.getOwnPropertyNames(Object.prototype).sort()
      const other = await scene.watch('notes')
      await scene.sql`INSERT INTO notes VALUES (${key}, 'new', 1)`
      await other.hasTheRows()
      await scene.sql`UPDATE notes SET title = 'changed'`
      await other.hasTheRows()
      await (await scene.watch('notes')).hasTheRows()
      await scene.sql`DELETE FROM notes WHERE id = ${key}`
      await other.hasTheRows()
      await other.seesTheNextChange()
      expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(plain)
    },
  )

  it('R1, G12: of 50 MB resets its channel, and others notice nothing', async () => {
    const victim = await scene.watch('items', 5)
    victim.mayBeReset = true
    await givesBackMemory(async () => {
      await scene.sql`INSERT INTO items VALUES (1, repeat('x', 50000000), 5)`
      await scene.neighbour.seesTheNextChange()
      await victim.hasTheRows(5)
      expect(victim.resets).toEqual(['too_large'])
      await scene.sql`DELETE FROM items WHERE id = 1`
      await victim.hasTheRows(5)
      // V8 keeps the last text that a pattern has matched, until the next.
      await scene.neighbour.seesTheNextChange()
    })
    await scene.neighbour.seesTheNextChange()
    expect(scene.neighbour.resets).toEqual([])
  }, 60_000)
})

describe('a transaction', () => {
  it('R1, G5, G12: of 1,000,000 rows resets its channel, and others notice nothing', async () => {
    const victim = await scene.watch('items', 6)
    victim.mayBeReset = true
    await givesBackMemory(async () => {
      const done = scene.sql`INSERT INTO items SELECT n, 'x', 6 FROM generate_series(1, 1000000) n`.execute()
      await scene.neighbour.seesTheNextChange()
      await done
      await scene.neighbour.seesTheNextChange()
      await eventually(() => expect(victim.resets).toEqual(['too_large']), { timeoutMs: 60_000 })
      await eventually(() => expect(victim.size).toBe(1_000_000), { timeoutMs: 60_000, everyMs: 50 })
      await scene.sql`DELETE FROM items WHERE project_id = 6`
      await victim.hasTheRows(6)
      await scene.neighbour.seesTheNextChange()
    })
    await scene.neighbour.seesTheNextChange()
    expect(scene.neighbour.resets).toEqual([])
  }, 150_000)
})
