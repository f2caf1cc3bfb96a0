import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { createClient, type WebSocketClass, webSocketTransport } from '@lockstep/client'
import { createSyncServer, type SyncServer } from '@lockstep/server'
import {
  createDatabase,
  eventually,
  type LedgerRows,
  ledger,
  ledgerSchema,
  type TestDatabase,
} from '@lockstep/testing'
import postgres, { type Sql } from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { openLedger, rooms, seeded, writeOnce } from './ledger-writer.ts'

const require = createRequire(import.meta.url)
;(require('cometd-nodejs-client') as { adapt(): void }).adapt() // gives Node what its client expects of a browser

/** A message of Bayeux, as both clients give it. */
interface Told {
  readonly channel: string
  readonly data: {
    readonly create?: Record<string, Row>
    readonly update?: Record<string, Row>
    readonly destroy?: Record<string, object>
  }
  readonly ext: { readonly lockstep: { readonly position: string; readonly reset?: string } }
}
type Row = Record<string, unknown>

interface Faye {
  subscribe(channel: string, listener: () => void): PromiseLike<unknown>
  addExtension(extension: object): void
  disable(carrier: string): void
  disconnect(): void
}
interface CometD {
  configure(options: object): void
  unregisterTransport(name: string): void
  handshake(more: object, callback: (reply: { successful: boolean }) => void): void
  subscribe(
    channel: string,
    listener: (message: Told) => void,
    callback: (reply: { successful: boolean }) => void,
  ): void
  disconnect(): void
}

const FayeClient = (require('faye') as { Client: new (url: string) => Faye }).Client // the packages have no types
const CometDClient = (require('cometd') as { CometD: new () => CometD }).CometD

const collections = ['accounts', 'entries', 'totals'] as const

let database: TestDatabase
let sql: Sql
let server: SyncServer
let http: Server
let origin: string

beforeAll(async () => {
  database = await createDatabase()
  sql = postgres(database.url, { max: 8, onnotice: () => {} })
  await sql.unsafe(ledgerSchema)
  server = await createSyncServer({
    sync: ledger,
    database: database.url,
    setup: 'apply',
    authenticate: () => ({ id: 'user1' }),
    bayeux: {},
  })
  http = createServer()
  server.attach(http)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}` // it listens on a port
})

afterAll(async () => {
  await server?.close()
  http?.closeAllConnections()
  http?.close()
  await sql?.end()
  await database?.drop()
})

const token = (): string => server.issueSession({ id: 'user1' }).token

async function fayeWitness(disabled: readonly string[]): Promise<{ told: Told[]; close(): void }> {
  const told: Told[] = []
  const client = new FayeClient(`${origin}/bayeux`)
  for (const carrier of disabled) client.disable(carrier)
  client.addExtension({
    outgoing(message: { channel: string; ext?: object }, callback: (message: object) => void) {
      if (message.channel === '/meta/handshake') message.ext = { lockstep: { token: token() } }
      callback(message)
    },
    incoming(message: Told, callback: (message: object) => void) {
      if (message.channel.startsWith('/sync/')) told.push(message)
      callback(message)
    },
  })
  for (const room of rooms) await client.subscribe(`/sync/room/${room}/*`, () => {})
  return { told, close: () => client.disconnect() }
}

async function cometdWitness(unwanted: string): Promise<{ told: Told[]; close(): void }> {
  const told: Told[] = []
  const client = new CometDClient()
  client.unregisterTransport(unwanted)
  client.configure({ url: `${origin}/bayeux`, logLevel: 'error' })
  await new Promise<void>((resolve) => {
    client.handshake({ ext: { lockstep: { token: token() } } }, () => resolve())
  })
  for (const room of rooms) {
    for (const name of collections) {
      const reply = await new Promise<{ successful: boolean }>((resolve) => {
        client.subscribe(`/sync/room/${room}/${name}`, (message) => told.push(message), resolve)
      })
      expect(reply.successful).toBe(true)
    }
  }
  return { told, close: () => client.disconnect() }
}

/** What is left of rows after all that was told, by collection and key; a room's row leaves and comes. */
function rowsOf(told: readonly Told[]): Record<string, Map<string, Row>> {
  const rows = new Map<string, Map<string, Row>>() // by Bayeux channel
  for (const { channel, data } of told) {
    const own = rows.get(channel) ?? new Map<string, Row>()
    rows.set(channel, own)
    for (const [key, row] of Object.entries(data.create ?? {})) own.set(key, row)
    for (const [key, row] of Object.entries(data.update ?? {})) own.set(key, { ...own.get(key), ...row })
    for (const key of Object.keys(data.destroy ?? {})) own.delete(key)
  }
  return Object.fromEntries(
    collections.map((name) => [
      name,
      new Map([...rows].filter(([channel]) => channel.endsWith(`/${name}`)).flatMap(([, own]) => [...own])),
    ]),
  )
}

/** By channel, what was told in which order. */
function orderOf(told: readonly Told[]): Record<string, unknown[]> {
  const order: Record<string, unknown[]> = {}
  for (const { channel, data, ext } of told) {
    order[channel] ??= []
    order[channel].push([ext.lockstep.position, data])
  }
  return order
}

describe('Y5, G1, G4: one database seen by a native, a Faye and a CometD client', () => {
  test.each([3, 14, 159])(
    'Y5, G1, G3, G4: the same rows, in the same order (seed %i)',
    async (seed) => {
      await sql`TRUNCATE accounts, entries, totals`
      await server.barrier()
      const native = createClient<{ readonly $rows?: LedgerRows }>(
        { url: `${origin}/lockstep`, session: server.issueSession({ id: 'user1' }) },
        // Structurally a browser's WebSocket; only its event types differ in name.
        { transport: webSocketTransport(WebSocket as unknown as WebSocketClass) },
      )
      const witnesses = await Promise.all([
        fayeWitness([]),
        fayeWitness(['websocket']),
        cometdWitness('long-polling'),
        cometdWitness('websocket'),
      ])
      try {
        await Promise.all(rooms.map((room) => native.channel(`room/${room}`).ready))
        await openLedger(sql)
        const writers = [1, 2, 3].map(async (writer) => {
          const pick = seeded(seed * 10 + writer)
          for (let i = 0; i < 60; i++) await writeOnce(sql, pick)
        })
        await Promise.all(writers)
        const [accounts, entries, totals] = await Promise.all([
          sql`SELECT id, room, owner, balance FROM accounts ORDER BY id`,
          sql`SELECT id::text, room, amount FROM entries ORDER BY entries.id`,
          sql`SELECT room, entries, amount, version FROM totals ORDER BY room`,
        ])
        const expected = {
          accounts: new Map(accounts.map((row) => [String(row['id']), { ...row }])),
          entries: new Map(entries.map((row) => [String(row['id']), { ...row }])),
          totals: new Map(totals.map((row) => [String(row['room']), { ...row }])),
        }
        for (const { told } of witnesses) {
          await eventually(() => expect(rowsOf(told)).toEqual(expected), { timeoutMs: 30_000 })
          expect(told.filter(({ ext }) => ext.lockstep.reset !== undefined)).toEqual([])
        }
        await eventually(
          () => {
            for (const name of collections) {
              const all = rooms.flatMap((room) => [...native.channel(`room/${room}`).collection(name).all()])
              expect(all.length).toBe(expected[name].size)
              for (const row of all) {
                const key = 'id' in row ? String(row.id) : row.room
                expect(row).toEqual(expected[name].get(key))
              }
            }
          },
          { timeoutMs: 30_000 },
        )
        const [first, ...others] = witnesses.map(({ told }) => orderOf(told))
        for (const other of others) expect(other).toEqual(first)
        for (const list of Object.values(first ?? {})) {
          const lsns = list.map((told) =>
            Number.parseInt(String((told as [string])[0]).split('.')[1] ?? '', 16),
          ) // as made above
          expect(lsns).toEqual(lsns.toSorted((a, b) => a - b))
          expect(new Set(lsns).size).toBe(lsns.length)
        }
      } finally {
        native.close()
        for (const witness of witnesses) witness.close()
      }
    },
    120_000,
  )
})
