import { createServer } from 'node:http'
import {
  collection,
  createSyncServer,
  defineSync,
  type SyncServer,
  type SyncServerOptions,
} from '@lockstep/server'
import { createDatabase } from '@lockstep/testing'
import type { Sql } from 'postgres'
import { RawClient } from './raw-client.ts'

/** A small application on a real server and a real database, for tests that look at the wire. */
export interface Board {
  readonly server: SyncServer
  readonly sql: Sql
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** A connection that has said hello as a user, and asked for channels. */
  join(user: string, ...requests: object[]): RawClient
  raw(headers?: Readonly<Record<string, string>>): RawClient
  close(): Promise<void>
}

/** Who may see what: `olivia` as guest. Changed by tests of revocation. */
export const members = new Map<string, boolean | 'guest'>()

const sync = defineSync({
  channels: {
    'project/:id': { authorize: ({ user, params }) => members.get(`${user.id} ${params.id}`) ?? false },
    // Without rows; tells who is there.
    'hall/:id': {
      authorize: ({ user, params }) => members.get(`${user.id} ${params.id}`) ?? false,
      presence: true,
      broadcasts: ['member'],
    },
  },
  collections: {
    items: collection<{ id: number; title: string; cost?: string }>({
      table: 'items',
      channel: 'project/:project_id',
      columns: { member: ['id', 'title', 'cost'], guest: ['id', 'title'] },
    }),
  },
})

export async function startBoard(
  limits: NonNullable<SyncServerOptions['limits']> = {},
  options: Pick<SyncServerOptions, 'onSession' | 'bayeux' | 'showUser'> = {},
): Promise<Board> {
  members.clear()
  for (const key of ['alice 1', 'alice 2']) members.set(key, true)
  members.set('olivia 1', 'guest')
  const database = await createDatabase()
  const http = createServer((_request, response) => response.writeHead(404).end())
  const clients: RawClient[] = []
  const { default: postgres } = await import('postgres')
  const sql = postgres(database.url, { max: 4, onnotice: () => {} })
  await sql`CREATE TABLE items (id int PRIMARY KEY, project_id int, title text, cost numeric, note text)`
  await sql`ALTER TABLE items REPLICA IDENTITY FULL`
  await sql`INSERT INTO items VALUES (17, 1, 'Log in', 1.50, 'n'), (18, 1, 'Log out', null, 'n'), (30, 2, 'Pay', 9, 'n')`
  const server = await createSyncServer({
    sync,
    database: database.url,
    slot: database.name,
    authenticate: (request) => {
      const id = request.headers.get('x-user')
      return id === null ? null : { id }
    },
    limits,
    ...options,
  })
  server.attach(http)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const address = http.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const url = `http://127.0.0.1:${address.port}`
  const raw = (headers?: Readonly<Record<string, string>>): RawClient => {
    const client = new RawClient(`${url}/lockstep`, headers)
    clients.push(client)
    return client
  }
  return {
    server,
    sql,
    url,
    raw,
    join(user, ...requests) {
      const client = raw()
      client.send({ type: 'hello', version: 1, token: server.issueSession({ id: user }).token }, ...requests)
      return client
    },
    async close() {
      for (const client of clients) client.end()
      await server.close()
      http.closeAllConnections()
      http.close()
      await sql.end({ timeout: 1 })
      await database.drop()
    },
  }
}
