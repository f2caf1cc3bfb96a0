import {
  createDatabase,
  cutProxy,
  eventually,
  type LedgerServer,
  ledgerSchema,
  startLedgerServer,
  type TestDatabase,
} from '@lockstep/testing'
import postgres, { type Sql } from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ledgerClient } from './ledger-client.ts'
import { openLedger } from './ledger-writer.ts'
import { Witness } from './witness.ts'

let database: TestDatabase
let sql: Sql
let server: LedgerServer

beforeAll(async () => {
  database = await createDatabase()
  sql = postgres(database.url, { onnotice: () => {} })
  await sql.unsafe(ledgerSchema)
  await openLedger(sql)
  // A small window, so that a slow client falls out of it; heartbeats far apart, so that it is not ended first.
  server = await startLedgerServer({
    database: database.url,
    limits: { logBytesMax: 200_000, heartbeatMs: 60_000, outboxBytesMax: 65_536 },
  })
})

afterAll(async () => {
  await server?.kill()
  await sql?.end()
  await database?.drop()
})

/** Some 6 MB of messages on room a, in commits of about 30 kB. */
async function flood(): Promise<void> {
  for (let i = 0; i < 200; i++) {
    await sql.begin(async (tx) => {
      await tx`INSERT INTO entries (room, amount) SELECT 'a', 1 FROM generate_series(1, 500)`
      await tx`DELETE FROM entries WHERE room = 'a' AND id IN (SELECT id FROM entries WHERE room = 'a' ORDER BY id LIMIT 450)`
      await tx`UPDATE totals SET version = version + 1,
        entries = (SELECT count(*) FROM entries WHERE room = 'a'), amount = (SELECT sum(amount) FROM entries WHERE room = 'a')
        WHERE room = 'a'`
    })
  }
}

test('G12: a client that stops reading costs nothing but a fresh snapshot; its neighbour misses nothing', async () => {
  const proxy = await cutProxy({ targetPort: server.port })
  const slow = ledgerClient('slow', proxy.port, { sessionPort: server.port })
  const brisk = ledgerClient('brisk', server.port)
  try {
    const slowWitness = new Witness(slow, ['a'], undefined)
    const briskWitness = new Witness(brisk, ['a'], undefined)
    await Promise.all([slowWitness.ready, briskWitness.ready])
    proxy.throttle(1_000)
    await flood()
    await eventually(async () => expect((await server.status()).behind).toBe(1), { timeoutMs: 20_000 })
    // What waits for the slow one is a cursor, not a queue: the log holds no more than its bound.
    expect((await server.status()).log.bytes).toBeLessThan(2_000_000)
    const entries = await sql`SELECT id::text, room, amount FROM entries WHERE room = 'a' ORDER BY entries.id`
    await eventually(() => expect(briskWitness.rows().entries).toEqual([...entries]), { timeoutMs: 20_000 })
    proxy.throttle(undefined)
    await eventually(() => expect(slowWitness.rows().entries).toEqual([...entries]), { timeoutMs: 30_000 })
    expect(slow.channel('room/a').status).toEqual({ state: 'live', reset: 'slow' })
    expect(brisk.channel('room/a').status).toEqual({ state: 'live' })
    expect(briskWitness.broken).toEqual([])
    expect(slowWitness.broken).toEqual([])
    expect((await server.status()).behind).toBe(0)
  } finally {
    slow.close()
    brisk.close()
    await proxy.close()
  }
}, 120_000)
