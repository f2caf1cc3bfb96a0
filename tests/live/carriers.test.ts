import { automaticTransport, createClient, platformRuntime, type WebSocketClass } from '@lockstep/client'
import {
  createDatabase,
  eventually,
  type LedgerRows,
  type LedgerServer,
  ledgerSchema,
  startLedgerServer,
  type TestDatabase,
} from '@lockstep/testing'
import postgres, { type Sql } from 'postgres'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { LedgerClient } from './ledger-client.ts'
import { openLedger, rooms, seeded, totalBalance, writeOnce } from './ledger-writer.ts'
import { MeddlingProxy } from './meddling-proxy.ts'
import { Witness } from './witness.ts'

let database: TestDatabase
let sql: Sql
let server: LedgerServer
let proxy: MeddlingProxy
let client: LedgerClient | undefined

beforeEach(async () => {
  database = await createDatabase()
  sql = postgres(database.url, { max: 8, onnotice: () => {} })
  await sql.unsafe(ledgerSchema)
  await openLedger(sql)
  server = await startLedgerServer({ database: database.url, limits: { heartbeatMs: 1_000 } })
  proxy = await MeddlingProxy.start(server.port)
})

afterEach(async () => {
  client?.close()
  proxy.close()
  await server.kill()
  await sql.end()
  await database.drop()
})

/** A client as applications make it, but for the WebSocket that Node 20 has not. */
function automaticClient(): LedgerClient {
  const made = createClient<{ readonly $rows?: LedgerRows }>(
    { url: `http://127.0.0.1:${proxy.port}/lockstep` },
    {
      // Structurally a browser's WebSocket; only its event types differ in name.
      transport: automaticTransport(platformRuntime, WebSocket as unknown as WebSocketClass),
      renew: async () => {
        const reply = await fetch(`http://127.0.0.1:${server.port}/lockstep/session`, {
          method: 'POST',
          headers: { 'x-user': 'user1', 'content-type': 'application/json' },
          body: '{}',
        })
        return reply.json()
      },
    },
  )
  client = made
  return made
}

async function carriedBy(made: LedgerClient, carrier: string | undefined, timeoutMs = 20_000): Promise<void> {
  await eventually(
    () => {
      expect(made.status.state).toBe('live')
      const { status } = made
      expect('fallback' in status ? status.fallback?.carrier : undefined).toBe(carrier)
    },
    { timeoutMs },
  )
}

async function expectConverged(witness: Witness): Promise<void> {
  const [accounts, entries, totals] = await Promise.all([
    sql`SELECT id, room, owner, balance FROM accounts ORDER BY id`,
    sql`SELECT id::text, room, amount FROM entries ORDER BY entries.id`,
    sql`SELECT room, entries, amount, version FROM totals ORDER BY room`,
  ])
  await eventually(
    () =>
      expect(witness.rows()).toEqual({ accounts: [...accounts], entries: [...entries], totals: [...totals] }),
    { timeoutMs: 20_000 },
  )
  expect(witness.broken).toEqual([])
}

test('C5: a proxy that refuses upgrades: the client works over an event stream, and says so', async () => {
  proxy.refusesUpgrades = true
  const made = automaticClient()
  const witness = new Witness(made, rooms, totalBalance)
  await witness.ready
  await carriedBy(made, 'event-stream')
  expect(made.status).toEqual({
    state: 'live',
    fallback: { carrier: 'event-stream', reason: 'No WebSocket came through.' },
  })
  const pick = seeded(11)
  for (let i = 0; i < 100; i++) await writeOnce(sql, pick)
  await expectConverged(witness)
  expect(proxy.asked.filter((path) => path.includes('?') || path.length > 30)).toEqual([])
}, 60_000)

test('C5: a proxy that also keeps event streams back: over long-polling', async () => {
  proxy.refusesUpgrades = true
  proxy.keepsStreams = true
  const made = automaticClient()
  const witness = new Witness(made, rooms, totalBalance)
  await witness.ready
  await carriedBy(made, 'long-polling')
  expect(made.status).toMatchObject({
    fallback: { reason: 'Neither a WebSocket nor an event stream came through.' },
  })
  const pick = seeded(12)
  for (let i = 0; i < 100; i++) await writeOnce(sql, pick)
  await expectConverged(witness)
}, 60_000)

test('C5, G1, G3, G5: carriers that change under way lose and double nothing', async () => {
  const made = automaticClient()
  const witness = new Witness(made, rooms, totalBalance)
  await witness.ready
  await carriedBy(made, undefined)
  let running = true
  const writers = [1, 2, 3].map(async (seed) => {
    const pick = seeded(seed)
    while (running) {
      await writeOnce(sql, pick)
      await new Promise((resolve) => setTimeout(resolve, pick(40)))
    }
  })
  proxy.refusesUpgrades = true
  proxy.cut()
  await carriedBy(made, 'event-stream')
  proxy.keepsStreams = true
  proxy.cut()
  await carriedBy(made, 'long-polling')
  proxy.refusesUpgrades = false
  await carriedBy(made, undefined, 40_000)
  running = false
  await Promise.all(writers)
  await expectConverged(witness)
  expect(witness.resets).toBeLessThanOrEqual(rooms.length * 3) // the first snapshots alone
  expect((await server.status()).resets, 'every change of carriers went on where the last one stood').toBe(0)
}, 120_000)
