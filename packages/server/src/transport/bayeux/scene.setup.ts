import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo, Socket } from 'node:net'
import { createDatabase, eventually } from '@lockstep/testing'
import postgres from 'postgres'
import { expect } from 'vitest'
import { defineSync } from '../../definition/define.ts'
import type { Limits } from '../../limits.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { createSyncServer, type SyncServer } from '../../server.ts'
import type { BayeuxOptions } from './bayeux.ts'

const require = createRequire(import.meta.url)

/** What the tests use of Faye's client, which has no types. */
export interface FayeClient {
  subscribe(channel: string | string[], listener: (data: Data) => void): FayeSubscription
  publish(channel: string, data: unknown): PromiseLike<unknown>
  connect(callback?: () => void): void
  disconnect(): PromiseLike<unknown> | undefined
  disable(transport: string): void
  addExtension(extension: object): void
  on(event: string, listener: () => void): void
}
export interface FayeSubscription extends PromiseLike<unknown> {
  cancel(): void
}
export type Data = Record<string, Record<string, Record<string, unknown>>>

export const Faye = require('faye') as { Client: new (url: string, options?: object) => FayeClient } // the package has no types

/** What the tests use of CometD's client. */
export interface CometDMessage {
  readonly channel: string
  readonly successful?: boolean
  readonly error?: string
  readonly data?: Data
  readonly ext?: Record<string, unknown>
}
export interface CometDClient {
  configure(options: object): void
  handshake(more: object, callback: (reply: CometDMessage) => void): void
  subscribe(
    channel: string,
    listener: (message: CometDMessage) => void,
    callback?: (reply: CometDMessage) => void,
  ): object
  unsubscribe(subscription: object, callback?: (reply: CometDMessage) => void): void
  publish(channel: string, data: unknown, callback?: (reply: CometDMessage) => void): void
  batch(run: () => void): void
  disconnect(callback?: (reply: CometDMessage) => void): void
  addListener(channel: string, listener: (message: CometDMessage) => void): object
  registerExtension(name: string, extension: object): boolean
  unregisterTransport(name: string): unknown
  getTransport(): { type: string } | null
}
;(require('cometd-nodejs-client') as { adapt(): void }).adapt() // gives Node what its client expects of a browser
const cometd = require('cometd') as Record<string, new () => unknown> // the names of its modules
export const newCometD = (): CometDClient => new (cometd.CometD as new () => CometDClient)() // as its documentation says
export const newAck = (): object => new (cometd.AckExtension as new () => object)() // likewise
export const newTimeSync = (): { getTimeOffset(): number } & object =>
  new (cometd.TimeSyncExtension as new () => { getTimeOffset(): number })() // likewise

/** Users who have lost their rights to projects. */
export const banned: Set<string | number> = new Set()

const sync = defineSync({
  channels: {
    'project/:project': {
      authorize: ({ user, params }) =>
        !banned.has(user.id) && (user.id === 'alice' || params.project === '1'),
    },
    all: { authorize: () => true },
    'hall/:hall': {
      authorize: ({ user, params }) => user.id === 'alice' || params.hall === '1',
      presence: true,
    },
  },
  collections: {
    items: { table: 'items', channel: 'project/:project_id', columns: ['id', 'title', 'project_id'] },
    tasks: { table: 'tasks', channel: 'project/:project_id', columns: ['id', 'title', 'project_id'] },
    todos: { table: 'todos', channel: 'all', columns: ['id', 'title'] },
  },
})

const secret = 'a secret of more than thirty-two characters'

export interface Scene {
  readonly sql: postgres.Sql
  readonly port: number
  readonly url: string
  readonly origin: string
  server(): SyncServer
  token(user?: string, channels?: string[]): string
  /** Posts messages and gives the replies. */
  post(messages: unknown, options?: { headers?: Record<string, string>; suffix?: string }): Promise<Answer>
  /** A handshake by hand: the client id. */
  shake(user?: string | null, more?: object): Promise<string>
  /** Everything committed so far has been handed to every client. */
  settled(): Promise<void>
  /** Cuts every TCP connection. */
  cut(): void
  /** Ends the server and starts another one at the same address. */
  restart(): Promise<void>
  close(): Promise<void>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly replies: Reply[]
}
export type Reply = Record<string, never> & {
  channel: string
  successful?: boolean
  error: string
  clientId: string
  advice: { reconnect: string; timeout: number; interval: number }
  data: Data
  ext: { lockstep: Record<string, string>; ack: number; timesync: Record<string, number> }
  supportedConnectionTypes: string[]
  subscription: unknown
  id: unknown
}

interface SceneSettings {
  /** Whose pages may come. */
  readonly origins?: readonly string[]
  /** Makes the application's page for an address. */
  page?(address: string): string
}

export async function startScene(
  options: BayeuxOptions = {},
  limits: Partial<Limits> = {},
  { origins = ['https://app.example.com'], page }: SceneSettings = {},
): Promise<Scene> {
  const database = await createDatabase()
  const sql = postgres(database.url, { max: 2, onnotice: () => {} })
  await sql`CREATE TABLE items (id int PRIMARY KEY, title text, project_id int NOT NULL)`
  await sql`CREATE TABLE tasks (id int PRIMARY KEY, title text, project_id int NOT NULL)`
  await sql`CREATE TABLE todos (id int PRIMARY KEY, title text)`
  await sql`ALTER TABLE items REPLICA IDENTITY FULL`
  await sql`ALTER TABLE tasks REPLICA IDENTITY FULL`
  await sql`ALTER TABLE todos REPLICA IDENTITY FULL`
  const start = (): Promise<SyncServer> =>
    createSyncServer({
      sync,
      secret,
      database: database.url,
      slot: database.name,
      logger: silentLogger,
      origins,
      authenticate: (request) => {
        const id = /user=(\w+)/.exec(request.headers.get('cookie') ?? '')?.[1]
        return id === undefined ? null : { id }
      },
      showUser: ({ id }) => ({ name: id }),
      limits,
      bayeux: options,
    })
  let server = await start()
  let http: Server
  const accepted = new Set<Socket>()
  const listen = async (port: number): Promise<number> => {
    http = createServer((incoming, outgoing) => {
      if (page === undefined) outgoing.writeHead(404).end()
      else outgoing.setHeader('content-type', 'text/html').end(page(incoming.url ?? ''))
    })
    http.on('connection', (socket: Socket) => {
      accepted.add(socket)
      socket.on('close', () => accepted.delete(socket))
    })
    server.attach(http)
    await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve))
    return (http.address() as AddressInfo).port // a server on a port has an address of this kind
  }
  const port = await listen(0)
  const origin = `http://127.0.0.1:${port}`
  const url = `${origin}/bayeux`
  const token = (user = 'alice', channels?: string[]): string =>
    server.issueSession({ id: user }, channels).token
  const post: Scene['post'] = async (messages, { headers = {}, suffix = '' } = {}) => {
    const response = await fetch(`${url}${suffix}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof messages === 'string' ? messages : JSON.stringify(messages),
    })
    const text = await response.text()
    let replies: Reply[] = []
    try {
      replies = JSON.parse(text) as Reply[] // the server's replies
    } catch {}
    return { status: response.status, headers: response.headers, text, replies }
  }
  return {
    sql,
    port,
    url,
    origin,
    server: () => server,
    token,
    post,
    async shake(user = 'alice', more = {}) {
      const ext = user === null ? {} : { lockstep: { token: token(user) } }
      const message = {
        channel: '/meta/handshake',
        version: '1.0',
        supportedConnectionTypes: ['long-polling'],
      }
      const { replies } = await post([{ ...message, ext, ...more }])
      return replies[0]?.clientId ?? ''
    },
    async settled() {
      await server.barrier()
    },
    cut() {
      for (const socket of accepted) socket.destroy()
    },
    async restart() {
      await server.close()
      for (const socket of accepted) socket.destroy()
      await new Promise((resolve) => http.close(resolve))
      server = await start()
      await listen(port)
    },
    async close() {
      await server.close()
      http.closeAllConnections()
      http.close()
      await sql.end({ timeout: 1 })
      await database.drop()
    },
  }
}

/** An extension that signs Faye in and goes on by position, as the documents show it. */
export function lockstepFor(token: () => string): object {
  const positions: Record<string, string> = {}
  let everywhere: string | undefined
  return {
    incoming(message: Reply, callback: (message: Reply) => void) {
      const position = message.ext?.lockstep?.position
      if (position !== undefined && message.channel === '/meta/connect') everywhere = position
      else if (position !== undefined) positions[message.channel] = position
      callback(message)
    },
    outgoing(message: Reply & { ext: object }, callback: (message: Reply) => void) {
      const lockstep: Record<string, unknown> = {}
      if (message.channel === '/meta/handshake') Object.assign(lockstep, { token: token(), resume: true })
      if (message.channel === '/meta/subscribe') {
        const asked = ([] as unknown[]).concat(message.subscription).map(String)
        const known = asked.flatMap((name) => {
          const position = positions[name] ?? everywhere
          return position === undefined ? [] : [[name, position]]
        })
        if (known.length > 0) lockstep.positions = Object.fromEntries(known)
      }
      if (Object.keys(lockstep).length > 0) Object.assign(message, { ext: { lockstep } })
      callback(message)
    },
  }
}

/** Waits until a list has so many entries, and gives them. */
export async function reach<T>(list: readonly T[], count: number): Promise<readonly T[]> {
  await eventually(() => expect(list.length, JSON.stringify(list)).toBeGreaterThanOrEqual(count))
  return list
}
