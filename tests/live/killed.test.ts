import {
  createDatabase,
  eventually,
  freePort,
  type LedgerServer,
  ledgerSchema,
  sessionStatesSchema,
  startLedgerServer,
  type TestDatabase,
} from '@lockstep/testing'
import postgres, { type Sql } from 'postgres'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Application, callbackSecret } from '../../packages/server/src/callback/application.setup.ts'
import { type LedgerClient, ledgerClient } from './ledger-client.ts'
import { openLedger } from './ledger-writer.ts'

/** A server process that is killed with sessions connected, and the one after it. */
let database: TestDatabase
let sql: Sql
let server: LedgerServer | undefined
let port: number
const clients: LedgerClient[] = []
const limits = { logoutMs: 3_000 }

beforeEach(async () => {
  database = await createDatabase()
  sql = postgres(database.url, { onnotice: () => {} })
  await sql.unsafe(ledgerSchema)
  await openLedger(sql)
  port = await freePort()
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await server?.stop()
  await sql.end()
  await database.drop()
})

/** A page in room a. */
async function come(user: string): Promise<LedgerClient> {
  const client = ledgerClient(user, port)
  clients.push(client)
  await client.channel('room/a').ready
  return client
}

describe('after a server was killed', () => {
  test('A3, S6: the next one tells the backend, which was down meanwhile, and its last word is right', async () => {
    const application = new Application()
    await application.up()
    try {
      const callbacks = { url: application.url, secret: callbackSecret, limits: { retryMs: 50 } }
      server = await startLedgerServer({ database: database.url, port, limits, callbacks })
      const [gone, stays] = [await come('user1'), await come('user2')]
      const [goneId, staysId] = [gone.sessionId, stays.sessionId]
      await application.down()
      await server.kill()
      gone.close()
      server = await startLedgerServer({ database: database.url, port, limits, callbacks })
      await application.up()
      await eventually(
        () => {
          expect(application.kinds(goneId)).toEqual(['subscribe', 'disconnected', 'logged_out'])
          expect(application.states.get(goneId)).toBe('logged_out')
          expect(application.states.get(staysId)).toBe('subscribe')
        },
        { timeoutMs: 30_000 },
      )
      expect(application.kinds(staysId).slice(0, 2)).toEqual(['subscribe', 'disconnected'])
      const numbers = application.calls.flatMap((call) => (call.session === staysId ? [call.number] : []))
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    } finally {
      await application.down()
    }
  }, 60_000)

  test('S6: who records what onSession says puts it right with firstNumber, also where sessions come back at once', async () => {
    await sql.unsafe(sessionStatesSchema('session_states'))
    const kinds = async (): Promise<Record<string, string>> => {
      const rows = await sql<{ session: string; kind: string }[]>`SELECT session, kind FROM session_states`
      return Object.fromEntries(rows.map(({ session, kind }) => [session, kind]))
    }
    const start = (): Promise<LedgerServer> =>
      startLedgerServer({ database: database.url, port, limits, sessions: 'session_states' })
    server = await start()
    const [gone, stays] = [await come('user1'), await come('user2')]
    const [goneId, staysId] = [gone.sessionId, stays.sessionId]
    expect(await kinds()).toEqual({ [goneId]: 'subscribe', [staysId]: 'subscribe' })
    await server.kill()
    gone.close()
    expect(await kinds(), 'who is killed says nothing').toMatchObject({ [goneId]: 'subscribe' })
    server = await start()
    expect(await kinds()).toMatchObject({ [goneId]: 'disconnected' })
    await eventually(async () => expect((await kinds())[staysId]).toBe('subscribe'), { timeoutMs: 20_000 })
    expect((await kinds())[goneId]).toBe('disconnected')
  }, 60_000)
})
