import {
  createDatabase,
  eventually,
  type LedgerServer,
  ledgerSchema,
  startLedgerServer,
  type TestDatabase,
} from '@lockstep/testing'
import postgres, { type Sql } from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type LedgerClient, ledgerClient } from './ledger-client.ts'
import { openLedger } from './ledger-writer.ts'

let database: TestDatabase
let sql: Sql
let server: LedgerServer
const clients: LedgerClient[] = []

beforeAll(async () => {
  database = await createDatabase()
  sql = postgres(database.url, { onnotice: () => {} })
  await sql.unsafe(ledgerSchema)
  await openLedger(sql)
  server = await startLedgerServer({ database: database.url })
})

afterAll(async () => {
  for (const client of clients) client.close()
  await server?.kill()
  await sql?.end()
  await database?.drop()
})

const base = (): string => `http://127.0.0.1:${server.port}/lockstep`

async function sessionOf(user: string, channels?: string[]): Promise<{ id: string; token: string }> {
  const response = await fetch(`${base()}/session`, {
    method: 'POST',
    headers: { 'x-user': user, 'content-type': 'application/json' },
    body: JSON.stringify({ channels }),
  })
  return response.json()
}

/** Says `messages` on a connection of its own and gives everything that came back. */
async function speak(token: string, ...messages: object[]): Promise<string> {
  const socket = new WebSocket(base().replace('http', 'ws'))
  let heard = ''
  socket.on('message', (data) => {
    heard += data.toString()
  })
  await new Promise((resolve) => socket.on('open', resolve))
  socket.send(JSON.stringify({ type: 'hello', version: 1, token }))
  for (const message of messages) socket.send(JSON.stringify(message))
  socket.send(JSON.stringify({ type: 'barrier', id: 999 }))
  await eventually(() => expect(heard).toMatch(/"id":999|unauthorized/))
  await sql`UPDATE totals SET version = version + 1 WHERE room = 'a'`
  socket.send(JSON.stringify({ type: 'barrier', id: 1000 }))
  await eventually(() =>
    expect(socket.readyState === WebSocket.CLOSED || heard.includes('"id":1000')).toBe(true),
  )
  socket.terminate()
  return heard
}

/** Words that stand in rows of room a and nowhere else. */
const rowWords = /totals|accounts|entries|balance/

describe('G9: whoever may not see a channel gets not a byte of it', () => {
  test('by page, snapshot and session', async () => {
    const outside = await fetch(`${base()}/snapshot/room/a`, { headers: { 'x-user': 'outsider' } })
    const missing = await fetch(`${base()}/snapshot/no/such/channel`, { headers: { 'x-user': 'outsider' } })
    expect(outside.status).toBe(404)
    expect(await outside.text()).toBe(await missing.text())
    expect((await fetch(`${base()}/snapshot/room/a`)).status).toBe(401)
    expect((await fetch(`${base()}/session`, { method: 'POST', body: '{}' })).status).toBe(415)
  })

  test('by subscribe, with a position or without', async () => {
    const inside = await fetch(`${base()}/snapshot/room/a`, { headers: { 'x-user': 'user1' } })
    const { position } = await inside.json()
    const { token } = await sessionOf('outsider')
    const heard = await speak(
      token,
      { type: 'subscribe', id: 1, channel: 'room/a' },
      { type: 'subscribe', id: 2, channel: 'room/b', position },
      { type: 'subscribe', id: 3, channel: 'owner/owner1' },
      { type: 'subscribe', id: 4, channel: 'room/nowhere/else' },
    )
    expect(heard.match(/no_channel/g)).toHaveLength(4)
    expect(heard).not.toMatch(rowWords)
  })

  test('by a session for other channels', async () => {
    const { token } = await sessionOf('user1', ['room/b'])
    const heard = await speak(token, { type: 'subscribe', id: 1, channel: 'room/a' })
    expect(heard).toContain('no_channel')
    expect(heard).not.toMatch(rowWords)
  })

  test('by a token that is forged, changed or cut', async () => {
    const { token } = await sessionOf('user1')
    const broken = [`${token.slice(0, -2)}AA`, token.slice(0, 40), `B${token.slice(1)}`, '', 'null']
    for (const text of broken) {
      const heard = await speak(text, { type: 'subscribe', id: 1, channel: 'room/a' })
      expect(heard).toContain('unauthorized')
      expect(heard).not.toMatch(rowWords)
    }
  })

  test('and a column that is not declared never leaves the server, for anyone', async () => {
    const { token } = await sessionOf('user1')
    const heard = await speak(token, { type: 'subscribe', id: 1, channel: 'room/a' })
    expect(heard).toMatch(rowWords)
    expect(heard).not.toContain('secret')
  })

  test('while a real client is told that there is no such channel, and goes on with its others', async () => {
    const client = ledgerClient('outsider', server.port)
    clients.push(client)
    const channel = client.channel('room/a')
    await expect(channel.ready).rejects.toThrow('refused')
    expect(channel.status).toMatchObject({ state: 'refused', error: { code: 'no_channel' } })
    expect(client.status.state).toBe('live')
  })
})
