import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { createClient, type Transport, webSocketTransport } from '@lockstep/client'
import { syncCollection } from '@lockstep/client/backbone'
import { collection, createSyncServer, defineSync, type User } from '@lockstep/server'
import { createDatabase, eventually } from '@lockstep/testing'
import Backbone from 'backbone'
import postgres from 'postgres'
import { WebSocket } from 'ws'
import { FayeSubscriber } from '../../docs/examples/coming-from-faye/faye-subscriber.js'
import { lockstepExtension } from '../../docs/examples/coming-from-faye/lockstep-extension.js'
import { type Statement, sqlTap } from './sql-tap.ts'
import { walWitness } from './wal.ts'

/** Faye has no types. */
interface FayeMessage {
  readonly channel: string
  readonly successful?: boolean
}
interface FayeClient {
  addExtension(extension: object): void
  disconnect(): void
}
const Faye = createRequire(import.meta.url)('faye') as { Client: new (url: string) => FayeClient }

interface Todo {
  readonly id: number
  readonly list_id: number
  readonly title: string
  readonly done: boolean
}

/** Everybody may read the list that this is about. */
const mayRead = (user: User, list: string | undefined): boolean => user.id !== '' && list === '1'

const sync = defineSync({
  channels: { 'list/:id': { authorize: ({ user, params }) => mayRead(user, params.id) } },
  collections: {
    todos: collection<Todo>({
      table: 'todos',
      channel: 'list/:list_id',
      columns: ['id', 'list_id', 'title', 'done'],
    }),
  },
})

/** Everything that was said about one change, as it was said. */
export interface Recorded {
  readonly request: { readonly line: string; readonly headers: Headers; readonly body: string }
  readonly response: { readonly line: string; readonly headers: Headers; readonly body: string }
  readonly statements: readonly Statement[]
  readonly wal: readonly object[]
  /** Text of each message, in order; first the connection's beginning, then what the change brought. */
  readonly olivia: { readonly sent: readonly string[]; readonly came: readonly string[] }
  readonly alice: { readonly sent: readonly string[]; readonly came: readonly string[] }
  readonly faye: { readonly sent: readonly object[]; readonly came: readonly FayeMessage[] }
  /** What the collections hold at the end. */
  readonly collections: {
    readonly alice: readonly object[]
    readonly olivia: readonly object[]
    readonly faye: readonly object[]
  }
  readonly sessions: { readonly alice: string; readonly olivia: string }
}

/** For machines that have much else to do. */
const patience = { timeoutMs: 60_000 }

/** Alice checks a todo off; Olivia has a native client, and a third page Faye's. */
export async function checkOff(): Promise<Recorded> {
  const undo: (() => unknown)[] = []
  try {
    return await run(undo)
  } finally {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step()
  }
}

async function run(undo: (() => unknown)[]): Promise<Recorded> {
  const database = await createDatabase()
  undo.push(() => database.drop())
  const sql = postgres(database.url, { max: 1, onnotice: () => {} })
  undo.push(() => sql.end({ timeout: 5 }))
  await sql`CREATE TABLE todos (id int PRIMARY KEY, list_id int, title text, done boolean NOT NULL DEFAULT false)`
  await sql`ALTER TABLE todos REPLICA IDENTITY FULL`
  await sql`INSERT INTO todos VALUES (17, 1, 'Buy some tasty kale juice')`

  const tap = await sqlTap(database.url)
  undo.push(() => tap.close())
  const server = await createSyncServer({
    sync,
    database: tap.url,
    slot: database.name,
    authenticate: () => ({ id: 'alice' }), // who saves; the others come with tokens
    bayeux: { timeoutMs: 120_000 },
  })
  undo.push(() => server.close())

  const http: { request?: Recorded['request']; response?: Recorded['response'] } = {}
  const web = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    const headers = new Headers(
      Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
    )
    const { method = '', url = '' } = incoming
    http.request = { line: `${method} ${url} HTTP/1.1`, headers, body }
    const request = new Request(`http://localhost${url}`, { method, headers, body })
    const id = url.split('/').at(-1) ?? ''
    const reply = await server.respond(request, async (tx) => {
      const { title, done } = await request.json()
      const [todo] = await tx.sql`
        UPDATE todos SET title = ${title}, done = ${done} WHERE id = ${id} RETURNING id, list_id, title, done`
      return todo
    })
    const text = await reply.text()
    http.response = { line: `HTTP/1.1 ${reply.status} OK`, headers: reply.headers, body: text }
    outgoing.writeHead(reply.status, Object.fromEntries(reply.headers)).end(text)
  })
  server.attach(web)
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  undo.push(() => web.close())
  undo.push(() => web.closeAllConnections())
  const address = `http://127.0.0.1:${(web.address() as AddressInfo).port}` // a server on a port has one of this kind

  // Something happened in this list before, and the log remembers it.
  await sql`INSERT INTO todos VALUES (18, 1, 'Get Cheeseburgers')`
  await server.barrier()

  const open = async (user: string) => {
    const page = await server.page({ id: user }, ['list/1'])
    const said = { sent: [] as string[], came: [] as string[] }
    const client = createClient<typeof sync>(
      { page: { ...page, url: address + page.url } },
      { transport: recording(webSocketTransport(WebSocket), said) },
    )
    undo.push(() => client.close())
    await eventually(() => {
      if (client.status.state !== 'live') throw new Error(`${user} is not live`)
    }, patience)
    return { client, said, todos: client.channel('list/1').todos }
  }
  const alice = await open('alice')
  const olivia = await open('olivia')
  const models = new (Backbone.Collection.extend({ url: `${address}/todos` }))()
  syncCollection(models, alice.todos)

  const faye = { sent: [] as object[], came: [] as FayeMessage[] }
  const fayeClient = new Faye.Client(`${address}/bayeux`)
  undo.push(() => fayeClient.disconnect())
  fayeClient.addExtension(lockstepExtension({ token: server.issueSession({ id: 'faye' }, ['list/1']).token }))
  fayeClient.addExtension({
    outgoing: keep(faye.sent),
    incoming: keep(faye.came),
  })
  const fayeModels = new Backbone.Collection()
  await new FayeSubscriber(fayeClient, fayeModels, '/sync/list/1/todos').subscription
  fayeModels.reset(olivia.todos.all() as unknown as object[]) // rows are objects

  const witness = await walWitness(sql, database.name)
  undo.push(() => witness.close())
  const before = tap.transactions.length
  const saved = new Promise((resolve, reject) => {
    models
      .get(17)
      ?.save(
        { done: true },
        { success: resolve, error: (_model: unknown, reason: unknown) => reject(reason) },
      )
  })
  await saved
  await eventually(() => {
    if (olivia.todos.get(17)?.done !== true) throw new Error('Olivia has not got it')
    if (fayeModels.get(17)?.get('done') !== true) throw new Error('Faye has not got it')
  }, patience)
  const { request, response } = http
  if (request === undefined || response === undefined) throw new Error('nothing was requested')
  const statements = tap.transactions
    .slice(before)
    .find((ran) => ran.some(({ text }) => /UPDATE todos/.test(text)))
  return {
    request,
    response,
    statements: statements ?? [],
    wal: await witness.read(),
    alice: alice.said,
    olivia: olivia.said,
    faye,
    collections: {
      alice: models.toJSON(),
      olivia: [...olivia.todos.all()],
      faye: fayeModels.toJSON(),
    },
    sessions: { alice: alice.client.sessionId, olivia: olivia.client.sessionId },
  }
}

/** The same transport, with its messages kept. */
function recording(plain: Transport, said: { sent: string[]; came: string[] }): Transport {
  return (url, events) => {
    const link = plain(url, {
      ...events,
      opened: () => events.opened(),
      closed: (code, reason) => events.closed(code, reason),
      message(text) {
        said.came.push(text)
        events.message(text)
      },
    })
    return {
      close: () => link.close(),
      send(text) {
        said.sent.push(text)
        link.send(text)
      },
    }
  }
}

/** A step of a Faye extension that keeps what passes, as it is now. */
function keep<M>(list: M[]): (message: M, callback: (message: M) => void) => void {
  return (message, callback) => {
    list.push(structuredClone(message))
    callback(message)
  }
}
