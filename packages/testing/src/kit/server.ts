import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSyncServer, type SyncServer, type SyncServerOptions } from '@lockstep/server'
import postgres, { type Sql } from 'postgres'
import { createDatabase } from '../database.ts'
import { type Fixtures, insertFixtures } from './fixtures.ts'
import { assertReachable } from './reachable.ts'
import { Watch } from './watch.ts'

export interface TestServerOptions extends Omit<SyncServerOptions, 'database' | 'authenticate'> {
  /** SQL that makes the tables. */
  readonly schema?: string
  /** Rows by table, inserted in the order given. */
  readonly fixtures?: Fixtures
  /** Default: the user whose id is in the cookie `user`. */
  readonly authenticate?: SyncServerOptions['authenticate']
  /** The application's own HTTP. Default: nothing is found. */
  readonly handler?: (request: Request, server: SyncServer) => Response | Promise<Response>
}

/** A sync server with a database of its own, and an HTTP server around it. */
export interface TestServer {
  /** `http://127.0.0.1:<port>` */
  readonly address: string
  readonly databaseUrl: string
  readonly sync: SyncServer
  readonly sql: Sql
  /** Knows the clients that `settled` waits for. */
  readonly watch: Watch
  /** @see Watch.settled */
  settled(): Promise<void>
  /** Inserts rows by table; gives them as they are in the database. */
  fixtures(rows: Fixtures): Promise<Record<string, Record<string, unknown>[]>>
  close(): Promise<void>
}

/**
 * Starts everything that a test of an application needs, on free ports, in the Postgres of the test run, which
 * is started where there is none.
 * @throws Error that names what could not be reached or started.
 */
export async function startTestServer(options: TestServerOptions): Promise<TestServer> {
  const { schema, fixtures = {}, authenticate = userOfCookie, handler = notFound, ...rest } = options
  const undo: (() => Promise<unknown>)[] = []
  const close = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step()
  }
  try {
    const database = await started('the test database', createDatabase())
    undo.push(() => database.drop())
    await assertReachable({ Postgres: database.url })
    const sql = postgres(database.url, { max: 2, onnotice: () => {} })
    undo.push(() => sql.end({ timeout: 5 }))
    if (schema !== undefined) await started('the schema', sql.unsafe(schema))
    await started('the fixtures', insertFixtures(sql, fixtures))
    const sync = await started(
      'the sync server',
      createSyncServer({ setup: 'apply', ...rest, authenticate, database: database.url }),
    )
    let httpClosed = Promise.resolve()
    // WebSockets are not the HTTP server's to close: those that a test left open hold it up until `sync` ends them.
    undo.push(() => httpClosed)
    undo.push(() => sync.close())
    const http = createServer((incoming, outgoing) => {
      answer(incoming, outgoing, (request) => handler(request, sync)).catch((error: unknown) => {
        console.error(`The test server's handler failed at ${incoming.method} ${incoming.url}:`, error)
        if (outgoing.headersSent) outgoing.destroy()
        else outgoing.writeHead(500, { 'content-type': 'text/plain' }).end('The handler failed.')
      })
    })
    sync.attach(http)
    await new Promise<void>((resolve, reject) => {
      http.once('error', reject)
      http.listen(0, '127.0.0.1', resolve)
    })
    undo.push(async () => {
      httpClosed = new Promise((resolve) => http.close(() => resolve()))
      http.closeAllConnections()
    })
    // What a listening HTTP server says of itself.
    const { port } = http.address() as AddressInfo
    const address = `http://127.0.0.1:${port}`
    await assertReachable({ 'the HTTP server': address })
    const watch = new Watch(() => sync.barrier())
    return {
      address,
      databaseUrl: database.url,
      sync,
      sql,
      watch,
      settled: () => watch.settled(),
      fixtures: (rows) => insertFixtures(sql, rows),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function started<T>(what: string, work: PromiseLike<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message || cause.name : String(cause)
    throw new Error(`The test server did not start, for ${what}: ${reason}`, { cause })
  }
}

function userOfCookie(request: Request): { id: string } | null {
  const id = /(?:^|;\s*)user=([^;]+)/.exec(request.headers.get('cookie') ?? '')?.[1]
  return id === undefined ? null : { id: decodeURIComponent(id) }
}

function notFound(): Response {
  return new Response('Not found.', { status: 404 })
}

/** Between Node's HTTP and the web's. */
async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handler: (request: Request) => Response | Promise<Response>,
): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  const headers = new Headers()
  for (const [name, value] of Object.entries(incoming.headers)) headers.set(name, String(value))
  const { method = 'GET', url = '/' } = incoming
  const body = chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }
  const reply = await handler(
    new Request(`http://${incoming.headers.host}${url}`, { method, headers, ...body }),
  )
  outgoing.writeHead(reply.status, Object.fromEntries(reply.headers))
  outgoing.end(Buffer.from(await reply.arrayBuffer()))
}
