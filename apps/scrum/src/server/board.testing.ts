import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { createDatabase } from '@lockstep/testing'
import postgres, { type Sql } from 'postgres'
import { createScrum, type Scrum, type ScrumOptions } from './app.ts'
import { seededPassword } from './database/seed.ts'

/** The whole application on a database of its own, called in process. */
export interface BoardInTest {
  readonly scrum: Scrum
  readonly sql: Sql
  readonly databaseUrl: string
  /** Signs in by the form and gives what that browser would send from then on. */
  browser(email?: string): Promise<Browser>
  /** Serves it on a free port; gives the address, for real browsers. */
  listen(): Promise<string>
  close(): Promise<void>
}

export interface Browser {
  readonly cookie: string
  get(path: string): Promise<Response>
  /** A request of the page's own script. */
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>
}

const origin = 'http://board.test'

export async function startBoard(options: Omit<ScrumOptions, 'databaseUrl'> = {}): Promise<BoardInTest> {
  const database = await createDatabase()
  const scrum = await createScrum({ databaseUrl: database.url, ...options })
  const sql = postgres(database.url, { max: 2, onnotice: () => {} })
  const http = createServer(getRequestListener((request, env) => scrum.fetch(request, env)))
  scrum.attach(http)
  return {
    scrum,
    sql,
    databaseUrl: database.url,
    browser: async (email) => browserOf(scrum, email === undefined ? '' : await signIn(scrum, email)),
    listen: async () => {
      await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
      const address = http.address()
      if (address === null || typeof address === 'string') throw new Error('the server has no port')
      return `http://127.0.0.1:${address.port}`
    },
    close: async () => {
      await scrum.close()
      http.close()
      http.closeAllConnections()
      await sql.end({ timeout: 5 })
      await database.drop()
    },
  }
}

/** The sign-in form, sent as a browser sends it. */
export async function postForm(
  scrum: Scrum,
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return await scrum.fetch(
    new Request(origin + path, {
      method: 'POST',
      headers: { host: 'board.test', origin, 'sec-fetch-site': 'same-origin', ...headers },
      body: new URLSearchParams(fields),
    }),
  )
}

async function signIn(scrum: Scrum, email: string): Promise<string> {
  const reply = await postForm(scrum, '/sign-in', { email, password: seededPassword, next: '/' })
  if (reply.status !== 303) throw new Error(`signing in was answered with ${reply.status}`)
  return (reply.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
}

function browserOf(scrum: Scrum, cookie: string): Browser {
  return {
    cookie,
    get: async (path) => await scrum.fetch(new Request(origin + path, { headers: { cookie } })),
    send: async (method, path, body, headers = {}) =>
      await scrum.fetch(
        new Request(origin + path, {
          method,
          headers: {
            host: 'board.test',
            origin,
            'sec-fetch-site': 'same-origin',
            cookie,
            ...(body !== undefined && { 'content-type': 'application/json' }),
            ...headers,
          },
          ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        }),
      ),
  }
}
