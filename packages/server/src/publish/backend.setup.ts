import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ServerMessage, TransactionMessage } from '@lockstep/protocol'
import { createDatabase, eventually, type TestDatabase } from '@lockstep/testing'
import { expect } from 'vitest'
import { WebSocket } from 'ws'
import { defineSync } from '../definition/define.ts'
import { silentLogger } from '../runtime/logger.ts'
import { createSyncServer, type SyncServer, type SyncServerOptions } from '../server.ts'

export const secret = 'a-secret-that-a-Rails-application-has'
export const formerSecret = 'the-secret-that-it-had-before-this-one'

export const sync = defineSync({
  channels: {
    'sync/todos': { authorize: () => true },
    'project/:projectId': { authorize: () => true },
    closed: { authorize: () => true },
  },
  collections: {
    todos: { external: { id: 'integer', title: 'text', done: 'boolean' }, channel: 'sync/todos' },
    items: {
      external: { id: 'bigint', project_id: 'integer', title: 'text', tags: 'json' },
      channel: 'project/:project_id',
    },
    notes: {
      external: { a: 'text', b: 'integer', project_id: 'integer' },
      key: ['a', 'b'],
      channel: 'project/:project_id',
    },
    rows: { table: 'rows', channel: 'closed', columns: ['id'] },
  },
})

/** A sync server on a database of its own that a backend publishes to. */
export class Backend {
  readonly database: TestDatabase
  server: SyncServer
  #http: Server
  address: string

  private constructor(database: TestDatabase, server: SyncServer, http: Server, address: string) {
    this.database = database
    this.server = server
    this.#http = http
    this.address = address
  }

  static async start(
    prepare: (database: TestDatabase) => Promise<void>,
    options: Partial<SyncServerOptions> = {},
  ): Promise<Backend> {
    const database = await createDatabase()
    await prepare(database)
    const { server, http, address } = await serve(database, options)
    return new Backend(database, server, http, address)
  }

  async restart(options: Partial<SyncServerOptions> = {}): Promise<void> {
    await this.stop()
    const { server, http, address } = await serve(this.database, options)
    this.server = server
    this.#http = http
    this.address = address
  }

  async stop(): Promise<void> {
    await this.server.close()
    this.#http.closeAllConnections()
    await new Promise((resolve) => this.#http.close(resolve))
  }

  post(body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return fetch(`http://${this.address}/lockstep/publish`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}`, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
  }

  async publish(body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const response = await this.post(body, headers)
    const answer: unknown = await response.json()
    expect(response.status, JSON.stringify(answer)).toBe(200)
    return answer
  }

  async refusal(
    body: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ status: number; code: string }> {
    const response = await this.post(body, headers)
    // The shape of every refusal, by E1.
    const answer = (await response.json()) as { error?: { code: string } }
    return { status: response.status, code: answer.error?.code ?? '' }
  }

  async subscribe(channel: string, position?: string, own?: string): Promise<Follower> {
    await this.server.barrier()
    const follower = new Follower(`ws://${this.address}/lockstep`)
    await new Promise((resolve) => follower.socket.once('open', resolve))
    const token = own ?? this.server.issueSession({ id: 'alice' }).token
    follower.socket.send(JSON.stringify({ type: 'hello', version: 1, token }))
    const subscribe = { type: 'subscribe', id: 1, channel, ...(position === undefined ? {} : { position }) }
    follower.socket.send(JSON.stringify(subscribe))
    await eventually(() => expect(follower.inbox.some(({ type }) => type === 'live')).toBe(true))
    if (position === undefined) follower.transactions.splice(0) // a snapshot may be followed by a tail
    return follower
  }

  /** The rows of a collection as a snapshot has them, by key. */
  async rows(channel: string, collection: string): Promise<Record<string, Record<string, unknown>>> {
    const { collections } = await this.server.snapshot(channel, { id: 'alice' })
    return rowsOf(collections[collection])
  }
}

async function serve(
  database: TestDatabase,
  options: Partial<SyncServerOptions>,
): Promise<{ server: SyncServer; http: Server; address: string }> {
  const server = await createSyncServer({
    sync,
    database: database.url,
    slot: database.name,
    logger: silentLogger,
    authenticate: () => null,
    publish: { secret: [secret, formerSecret], channels: ['sync/todos', 'project/:id'] },
    ...options,
  })
  const http = createServer()
  server.attach(http)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  // A TCP server's address is an object.
  return { server, http, address: `127.0.0.1:${(http.address() as AddressInfo).port}` }
}

function rowsOf(
  part:
    | { columns: readonly string[]; key: readonly number[]; rows: readonly (readonly unknown[])[] }
    | undefined,
): Record<string, Record<string, unknown>> {
  const rows: Record<string, Record<string, unknown>> = {}
  for (const values of part?.rows ?? []) {
    const key = part?.key.map((column) => String(values[column])).join(',') ?? ''
    rows[key] = Object.fromEntries(part?.columns.map((name, i) => [name, values[i]]) ?? [])
  }
  return rows
}

/** A subscriber that applies what it is sent, by the rules of R3. */
export class Follower {
  readonly socket: WebSocket
  readonly inbox: ServerMessage[] = []
  readonly transactions: TransactionMessage[] = []
  position = ''
  collections: Record<string, Record<string, Record<string, unknown>>> = {}

  constructor(url: string) {
    this.socket = new WebSocket(url)
    this.socket.on('message', (data) => this.#take(JSON.parse(data.toString())))
    this.socket.on('error', () => {})
  }

  #take(message: ServerMessage): void {
    this.inbox.push(message)
    if (message.type === 'snapshot') {
      this.position = message.position
      for (const [name, part] of Object.entries(message.collections)) this.collections[name] = rowsOf(part)
    } else if (message.type === 'live') {
      this.position = message.position
    } else if (message.type === 'transaction') {
      this.position = message.position
      this.transactions.push(message)
      for (const [name, changes] of Object.entries(message.changes)) {
        this.collections[name] ??= {}
        const rows = this.collections[name]
        Object.assign(rows, structuredClone(changes.create))
        for (const [key, row] of Object.entries(changes.update ?? {})) {
          expect(rows, 'an update of a row that is there').toHaveProperty([key])
          Object.assign(rows[key] ?? {}, row)
        }
        for (const key of changes.destroy ?? []) delete rows[key]
      }
    }
  }

  close(): void {
    this.socket.terminate()
  }
}
