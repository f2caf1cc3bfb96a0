import { createSyncServer, type SyncServer, type SyncServerOptions } from '@lockstep/server'
import { engineOf } from '@lockstep/server/stages'
import postgres, { type Sql } from 'postgres'
import { createDatabase } from '../database.ts'
import type { FaultyServer } from '../faults/faults.ts'
import { Revocations } from '../faults/revocation.ts'
import { TestTime } from '../faults/time.ts'
import { type Fixtures, insertFixtures } from './fixtures.ts'
import { TestHttp } from './http.ts'
import { openPerson, type Person } from './person.ts'
import { assertReachable } from './reachable.ts'
import { Watch } from './watch.ts'

export interface TestServerOptions extends Omit<SyncServerOptions, 'database' | 'authenticate' | 'runtime'> {
  /** SQL that makes the tables. */
  readonly schema?: string
  /** Rows by table, inserted in the order given. */
  readonly fixtures?: Fixtures
  /** Default: the user whose id is in the cookie `user`. */
  readonly authenticate?: SyncServerOptions['authenticate']
  /** The application's own HTTP. Default: nothing is found. */
  readonly handler?: (request: Request, server: SyncServer) => Response | Promise<Response>
}

export interface RestartOptions {
  /** Connections are reset without a word first, as when the process is killed. Default: as an operator stops it. */
  readonly hard?: boolean
  /** Done while there is no server. */
  readonly meanwhile?: () => unknown
}

/** A sync server with a database of its own, and an HTTP server around it. */
export interface TestServer extends FaultyServer {
  /** `http://127.0.0.1:<port>` */
  readonly address: string
  /** Where the sync server is mounted. */
  readonly path: string
  readonly databaseUrl: string
  /** Another one after `restart`. */
  readonly sync: SyncServer
  readonly sql: Sql
  /** Knows the clients that `settled` waits for. */
  readonly watch: Watch
  /** The server's clock. */
  readonly time: TestTime
  /** @see Watch.settled */
  settled(): Promise<void>
  /** Inserts rows by table; gives them as they are in the database. */
  fixtures(rows: Fixtures): Promise<Record<string, Record<string, unknown>[]>>
  /** A user with a line of their own, for clients in this process. `user` is the id, by default the name. */
  person(name: string, options?: { readonly user?: string }): Promise<Person>
  /** Ends the sync server and starts another one, on the same database, at the same address. */
  restart(options?: RestartOptions): Promise<void>
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
    let running: Running | undefined
    const present = (): Running => {
      if (running === undefined)
        throw new Error('The test server is down: it is being restarted, or was closed.')
      return running
    }
    const watch: Watch = new Watch(() => present().sync.barrier())
    const time = new TestTime(() => (running === undefined ? new Promise(setImmediate) : watch.settled()))
    const revocations = new Revocations()
    const run = async (port: number): Promise<Running> => {
      const sync = await started(
        'the sync server',
        createSyncServer({
          setup: 'apply',
          ...rest,
          sync: revocations.over(rest.sync),
          authenticate,
          runtime: time,
          database: database.url,
        }),
      )
      const http = new TestHttp((request) => handler(request, sync))
      sync.attach(http.server)
      return { sync, http, port: await http.listen(port) }
    }
    const stop = async (): Promise<void> => {
      const stopped = running
      running = undefined
      if (stopped === undefined) return
      // WebSockets are not the HTTP server's to close: those that a test left open hold it up until `sync` ends them.
      const closed = stopped.http.close()
      await stopped.sync.close()
      await closed
    }
    running = await run(0)
    undo.push(stop)
    const { port } = running
    const address = `http://127.0.0.1:${port}`
    await assertReachable({ 'the HTTP server': address })
    const server: TestServer = {
      address,
      path: rest.path ?? '/lockstep',
      databaseUrl: database.url,
      get sync() {
        return present().sync
      },
      sql,
      watch,
      time,
      settled: () => watch.settled(),
      fixtures: (rows) => insertFixtures(sql, rows),
      async person(name, { user = name } = {}) {
        const person = await openPerson({ server, name, user })
        undo.push(() => person.close())
        return person
      },
      async restart({ hard = false, meanwhile } = {}) {
        if (hard) present().http.reset()
        await stop()
        await meanwhile?.()
        running = await run(port)
      },
      async expirePositions() {
        await present().sync.barrier()
        engineOf(present().sync).log.forget()
      },
      revoke(user, channel) {
        revocations.take(user, channel)
        return present().sync.reauthorize(user)
      },
      grant(user, channel) {
        revocations.give(user, channel)
        return present().sync.reauthorize(user)
      },
      close,
    }
    return server
  } catch (error) {
    await close()
    throw error
  }
}

interface Running {
  readonly sync: SyncServer
  readonly http: TestHttp
  readonly port: number
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
