import { createServer, type Server } from 'node:http'
import { createDatabase, eventually, type TestDatabase } from '@lockstep/testing'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { defineSync } from '../definition/define.ts'
import { answerNode } from '../http/node.ts'
import { silentLogger } from '../runtime/logger.ts'
import { nodeRuntime } from '../runtime/node.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { VirtualRuntime } from '../runtime/virtual.ts'
import { createSyncServer, type SyncServer } from '../server.ts'
import type { SessionEvent } from './event.ts'
import { ReservedNumbers } from './numbers.ts'

const sync = defineSync({ channels: { board: { authorize: () => true } }, collections: {} })

let database: TestDatabase
let sql: postgres.Sql
let server: SyncServer | undefined
let http: Server
let address = ''
const events: SessionEvent[] = []

beforeAll(async () => {
  database = await createDatabase()
  sql = postgres(database.url, { max: 2, onnotice: () => {} })
})
afterAll(async () => {
  await stop()
  await sql.end({ timeout: 5 })
  await database.drop()
})

async function start(runtime: Runtime): Promise<SyncServer> {
  const started = await createSyncServer({
    sync,
    database: database.url,
    slot: database.name,
    authenticate: () => null,
    logger: silentLogger,
    runtime,
    onSession: (event) => void events.push(event),
  })
  http = createServer((request, response) => {
    void answerNode(request, response, (asked) => started.handle(asked), silentLogger)
  })
  started.attach(http)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as { port: number } // it listens on TCP
  address = `127.0.0.1:${port}/lockstep`
  server = started
  return started
}

async function stop(): Promise<void> {
  await server?.close()
  server = undefined
  http.closeAllConnections()
  await new Promise((resolve) => http.close(resolve))
}

/** The fencing token of a lock, and the number of the subscribe, of one visit of a session. */
async function visit(token: string): Promise<{ token: number; number: number }> {
  const socket = new WebSocket(`ws://${address}`)
  const from = events.length
  let locked: number | undefined
  socket.on('message', (data) => {
    const message = JSON.parse(data.toString())
    if (message.type === 'locked') locked = message.token
  })
  await new Promise((resolve) => socket.once('open', resolve))
  socket.send(JSON.stringify({ type: 'hello', version: 1, token }))
  socket.send(JSON.stringify({ type: 'subscribe', id: 1, channel: 'board' }))
  await eventually(() => expect(events.slice(from).some(({ kind }) => kind === 'subscribe')).toBe(true))
  socket.send(JSON.stringify({ type: 'lock', id: 2, channel: 'board', resource: 'items/17' }))
  await eventually(() => expect(locked).toBeDefined())
  socket.terminate()
  await eventually(() => expect(events.at(-1)?.kind).toBe('disconnected'))
  return { token: locked ?? 0, number: events.at(-1)?.number ?? 0 }
}

test('K4, S5: tokens of locks and numbers of events rise over a restart with a clock set back an hour', async () => {
  const first = await start(nodeRuntime)
  const session = first.issueSession({ id: 'olivia' })
  const before = await visit(session.token)
  await stop()
  await start({ ...nodeRuntime, now: () => nodeRuntime.now() - 3_600_000 })
  const after = await visit(session.token)
  expect(after.token, 'the same resource').toBeGreaterThan(before.token)
  expect(after.number, 'the same session').toBeGreaterThan(before.number)
  await stop()
  await start(nodeRuntime)
  const later = await visit(session.token)
  expect(later.token).toBeGreaterThan(after.token)
  expect(later.number).toBeGreaterThan(after.number)
})

test('K4: what is reserved grows before it is used up, also after the database was away', async () => {
  const day = 86_400_000
  const runtime = new VirtualRuntime(1, Date.now() + 1_000 * day)
  const reserved = async (): Promise<number> => {
    const [row] = await sql<{ reserved: string }[]>`SELECT reserved::text FROM lockstep.numbers`
    return Number(row?.reserved)
  }
  const warned: string[] = []
  const numbers = await ReservedNumbers.open(sql, runtime, {
    ...silentLogger,
    warn: (message) => warned.push(message),
  })
  expect(await reserved()).toBe(runtime.now() + day)
  const begun = runtime.now()
  runtime.advance(day / 4)
  expect(await reserved()).toBe(begun + day)
  await sql`ALTER TABLE lockstep.numbers RENAME TO away`
  runtime.advance(day / 2)
  await eventually(() => expect(warned).toEqual([expect.stringContaining('42P01')]))
  await sql`ALTER TABLE lockstep.away RENAME TO numbers`
  await eventually(async () => {
    runtime.advance(60_000)
    expect(await reserved()).toBe(begun + 2 * day)
  })
  expect(numbers.rising.next(runtime.now())).toBe(runtime.now())
  numbers.close()
})
