import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { createDatabase } from '@lockstep/testing'
import postgres, { type Sql } from 'postgres'
import { createTodos, type TodosApp } from './app.ts'
import { seededPassword } from './database/seed.ts'

/** The whole application on a database of its own, called in process. */
export interface TodosInTest {
  readonly app: TodosApp
  readonly sql: Sql
  readonly databaseUrl: string
  /** Signs in by the form and gives what that browser would send from then on. */
  browser(email: string): Promise<Browser>
  /** Serves it on a free port; gives the address. */
  listen(): Promise<string>
  close(): Promise<void>
}

export interface Browser {
  readonly cookie: string
  get(path: string): Promise<Response>
  /** A request of the page's own script. */
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>
}

const origin = 'http://todos.test'

export async function startTodosInTest(): Promise<TodosInTest> {
  const database = await createDatabase()
  const app = await createTodos({ databaseUrl: database.url })
  const sql = postgres(database.url, { max: 2, onnotice: () => {} })
  const http = createServer(getRequestListener((request, env) => app.fetch(request, env)))
  app.attach(http)
  return {
    app,
    sql,
    databaseUrl: database.url,
    browser: async (email) => browserOf(app, await signIn(app, email)),
    listen: async () => {
      await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
      const address = http.address()
      if (address === null || typeof address === 'string') throw new Error('the server has no port')
      return `http://127.0.0.1:${address.port}`
    },
    close: async () => {
      await app.close()
      http.close()
      http.closeAllConnections()
      await sql.end({ timeout: 5 })
      await database.drop()
    },
  }
}

/** A form, sent as a browser sends it. */
export async function postForm(
  app: TodosApp,
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return await app.fetch(
    new Request(origin + path, {
      method: 'POST',
      headers: { host: 'todos.test', origin, 'sec-fetch-site': 'same-origin', ...headers },
      body: new URLSearchParams(fields),
    }),
  )
}

async function signIn(app: TodosApp, email: string): Promise<string> {
  const reply = await postForm(app, '/sign-in', { email, password: seededPassword, next: '/' })
  if (reply.status !== 303) throw new Error(`signing in was answered with ${reply.status}`)
  return (reply.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
}

function browserOf(app: TodosApp, cookie: string): Browser {
  return {
    cookie,
    get: async (path) => await app.fetch(new Request(origin + path, { headers: { cookie } })),
    send: async (method, path, body, headers = {}) =>
      await app.fetch(
        new Request(origin + path, {
          method,
          headers: {
            host: 'todos.test',
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
