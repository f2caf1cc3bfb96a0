import type { Server } from 'node:http'
import { LockstepError } from '@lockstep/protocol'
import {
  assertDatabaseUrl,
  connectionFault,
  createSyncServer,
  type Logger,
  type SyncServer,
} from '@lockstep/server'
import { type Context, Hono } from 'hono'
import { createMiddleware } from 'hono/factory'
import { HTTPException } from 'hono/http-exception'
import postgres from 'postgres'
import { migrate } from './database/migrate.ts'
import { seed } from './database/seed.ts'
import type { ApiEnvironment, Parts } from './environment.ts'
import { assertOwnOrigin } from './http/origin.ts'
import { secured } from './http/secured.ts'
import { listRoutes } from './lists/routes.ts'
import { type Assets, loadAssets, serveAssets } from './pages/assets.ts'
import { bayeuxMount, pageRoutes, showNothing, showProblem } from './pages/routes.ts'
import { viewerOf } from './sign-in/cookie-session.ts'
import { signInRoutes } from './sign-in/routes.ts'
import { todosSync } from './sync.ts'
import { todoRoutes } from './todos/routes.ts'

export interface TodosOptions {
  /** A Postgres with `wal_level=logical`; its tables are made and seeded where they are missing. */
  readonly databaseUrl: string
  readonly logger?: Logger
  /** Bayeux channels and globs that everybody may subscribe to and publish on. */
  readonly open?: readonly string[]
  /** Whether Bayeux answers callback-polling. */
  readonly jsonp?: boolean
}

export interface TodosApp {
  fetch(request: Request, env?: object): Response | Promise<Response>
  /** Takes Bayeux and the WebSocket upgrades of a server that serves `fetch`. */
  attach(server: Server): void
  readonly server: SyncServer
  /** Ends all connections and its use of the database. */
  close(): Promise<void>
}

/** Where the sync server is mounted. */
const syncPath = '/lockstep'

/** Connections for pages and authorisation; writes go through the sync server's. */
const readConnectionsMax = 5

/**
 * The whole application on one database, not listening anywhere yet.
 * @throws SetupError saying what is wrong with the database and what mends it
 */
export async function createTodos(options: TodosOptions): Promise<TodosApp> {
  const { databaseUrl, logger, open = [], jsonp = false } = options
  assertDatabaseUrl(databaseUrl)
  const assets = await loadAssets()
  const sql = postgres(databaseUrl, { max: readConnectionsMax, onnotice: () => {} })
  try {
    await migrate(sql)
    await seed(sql)
    const sync = await createSyncServer({
      sync: todosSync(sql),
      database: databaseUrl,
      path: syncPath,
      // The tables are this application's own.
      setup: 'apply',
      authenticate: async (request: Request) => {
        const viewer = await viewerOf(sql, request)
        return viewer === undefined ? null : { id: viewer.id }
      },
      bayeux: {
        mount: bayeuxMount,
        jsonp,
        open: Object.fromEntries(open.map((pattern) => [pattern, { subscribe: true, publish: true }])),
      },
      ...(logger !== undefined && { logger }),
    })
    const app = routesOf({ sql, sync }, assets, logger)
    return {
      fetch: (request, env) => app.fetch(request, env),
      attach: (server) => sync.attach(server),
      server: sync,
      close: async () => {
        await sync.close()
        await sql.end({ timeout: 5 })
      },
    }
  } catch (error) {
    await sql.end({ timeout: 1 })
    throw connectionFault(error, databaseUrl) ?? error
  }
}

function routesOf(parts: Parts, assets: Assets, logger: Logger | undefined): Hono {
  const app = new Hono()
  app.use(secured())
  app.use(async (c, next) => {
    assertOwnOrigin(c.req.raw)
    await next()
  })
  app.use('/assets/*', serveAssets('public, max-age=31536000, immutable'))
  app.use('/icon.svg', serveAssets('public, max-age=86400'))
  app.all(`${syncPath}/*`, async (c) => (await parts.sync.handle(c.req.raw)) ?? c.notFound())

  const api = new Hono<ApiEnvironment>()
  api.use(
    createMiddleware<ApiEnvironment>(async (c, next) => {
      const viewer = await viewerOf(parts.sql, c.req.raw)
      if (viewer === undefined) throw new LockstepError('unauthorized')
      c.set('viewer', viewer)
      await next()
    }),
  )
  api.route('/lists', listRoutes(parts))
  api.route('/lists/:listId/todos', todoRoutes(parts))
  app.route('/api', api)

  app.route('/', signInRoutes(parts.sql, assets))
  app.route('/', pageRoutes(parts, assets))

  app.notFound((c) => (isApi(c) ? errorReply(new LockstepError('not_found')) : showNothing(c, assets)))
  app.onError((error, c) => {
    const known = knownError(error)
    // The message of an unknown error may hold row data: its name and place are enough to find it.
    if (known.code === 'internal') logger?.error(`${c.req.method} ${c.req.routePath}: ${placeOf(error)}`)
    if (isApi(c)) return errorReply(known)
    if (known.http === 404) return showNothing(c, assets)
    return showProblem(c, assets, known.http < 500 ? 400 : 500, 'That did not work', known.message)
  })
  return app
}

function isApi(c: Context): boolean {
  return c.req.path.startsWith('/api/') || c.req.path.startsWith(`${syncPath}/`)
}

function knownError(error: Error): LockstepError {
  if (error instanceof LockstepError) return error
  if (error instanceof HTTPException && error.status < 500) return new LockstepError('bad_request')
  return new LockstepError('internal', undefined, { cause: error })
}

function errorReply(error: LockstepError): Response {
  return Response.json({ error }, { status: error.http, headers: { 'Cache-Control': 'no-store' } })
}

function placeOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? ` ${error.code}` : ''
  const place = /^\s+at .*$/m.exec(error.stack ?? '')?.[0].trim() ?? ''
  return `${error.name}${code} ${place}`
}
