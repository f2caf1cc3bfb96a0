import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { LockstepError } from '@lockstep/protocol'
import { collection, createSyncServer, defineSync, type SyncServer } from '@lockstep/server'
import { createDatabase, eventually, type TestDatabase } from '@lockstep/testing'
import Backbone from 'backbone'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type Client, createClient, webSocketTransport } from '../index.ts'
import { syncCollection } from './index.ts'

interface Todo {
  readonly id: number
  readonly list_id: number
  readonly title: string
}

const sync = defineSync({
  channels: { 'list/:id': { authorize: () => true } },
  collections: {
    todos: collection<Todo>({
      table: 'todos',
      channel: 'list/:list_id',
      columns: ['id', 'list_id', 'title'],
    }),
  },
})

let database: TestDatabase
let sql: postgres.Sql
let server: SyncServer
let http: Server
let address: string
const clients: Client<typeof sync>[] = []
const requests: string[] = []

async function api(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url)
  const id = Number(pathname.split('/')[2])
  requests.push(`${request.method} ${pathname}`)
  return server.respond(request, async (tx) => {
    if (request.method === 'DELETE') return tx.sql`DELETE FROM todos WHERE id = ${id}`
    const { title = '' }: { title?: string } = await request.json()
    if (title === '') throw new LockstepError('bad_request', 'A todo needs a title.')
    if (request.method === 'POST') {
      const [todo] = await tx.sql`INSERT INTO todos (list_id, title) VALUES (1, ${title}) RETURNING *`
      return todo
    }
    return tx.sql`UPDATE todos SET title = ${title} WHERE id = ${id} RETURNING *`
  })
}

beforeAll(async () => {
  database = await createDatabase()
  sql = postgres(database.url, { onnotice: () => {} })
  await sql`CREATE TABLE todos (id serial PRIMARY KEY, list_id int, title text)`
  await sql`ALTER TABLE todos REPLICA IDENTITY FULL`
  await sql`INSERT INTO todos (list_id, title) VALUES (1, 'Buy milk')`
  server = await createSyncServer({
    sync,
    database: database.url,
    slot: database.name,
    authenticate: () => ({ id: 'alice' }),
  })
  http = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const headers = new Headers()
    for (const [name, value] of Object.entries(request.headers)) headers.set(name, String(value))
    const { method = 'GET' } = request
    const body = chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }
    const reply = await api(new Request(`${address}${request.url}`, { method, headers, ...body }))
    response.writeHead(reply.status, Object.fromEntries(reply.headers)).end(await reply.text())
  })
  server.attach(http)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  address = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
})

afterAll(async () => {
  for (const client of clients) client.close()
  await server?.close()
  http?.closeAllConnections()
  http?.close()
  await sql?.end({ timeout: 1 })
  await database?.drop()
})

async function todosOf(user: string): Promise<Backbone.Collection> {
  const page = await server.page({ id: user }, ['list/1'])
  const client = createClient<typeof sync>(
    { page: { ...page, url: address + page.url } },
    { transport: webSocketTransport(WebSocket) },
  )
  clients.push(client)
  const todos = new (Backbone.Collection.extend({ url: `${address}/todos` }))()
  syncCollection(todos, client.channel('list/1').todos)
  return todos
}

test('G2: what one Backbone collection saves is in the other, for one request each', async () => {
  const [alice, olivia] = [await todosOf('alice'), await todosOf('olivia')]
  expect(alice.pluck('title')).toEqual(['Buy milk'])
  const resets: unknown[] = []
  olivia.on('reset', (event) => resets.push(event))

  const created = alice.create({ title: 'Buy kale juice' })
  await eventually(() => expect(olivia.pluck('title')).toEqual(['Buy milk', 'Buy kale juice']))
  await eventually(() => expect(created.isNew()).toBe(false))
  created.save({ title: 'Buy tasty kale juice' })
  await eventually(() => expect(olivia.pluck('title')).toEqual(['Buy milk', 'Buy tasty kale juice']))
  created.destroy()
  await eventually(() => expect(olivia.pluck('title')).toEqual(['Buy milk']))
  expect(requests).toEqual(['POST /todos', `PUT /todos/${created.id}`, `DELETE /todos/${created.id}`])
  expect(resets).toEqual([])

  const refused: unknown[] = []
  alice.on('error', (_model, refusal) => refused.push(refusal))
  alice.at(0)?.save({ title: '' })
  await eventually(() => expect(refused).toMatchObject([{ status: 400, error: { code: 'bad_request' } }]))
  expect(alice.pluck('title')).toEqual(['Buy milk'])
})
