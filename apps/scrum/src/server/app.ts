import type { Server } from 'node:http'
import { LockstepError } from '@lockstep/protocol'
import {
  assertDatabaseUrl,
  connectionFault,
  createSyncServer,
  type Logger,
  type SessionHook,
  type SyncServer,
} from '@lockstep/server'
import { type Context, Hono } from 'hono'
import { createMiddleware } from 'hono/factory'
import { HTTPException } from 'hono/http-exception'
import postgres from 'postgres'
import { attachmentRoutes } from './attachments/routes.ts'
import { commentRoutes } from './comments/routes.ts'
import { drizzleOn } from './database/connection.ts'
import { migrate } from './database/migrate.ts'
import { seed } from './database/seed.ts'
import type { ApiEnvironment, Board, ProjectEnvironment } from './environment.ts'
import { assertOwnOrigin } from './http/origin.ts'
import { secured } from './http/secured.ts'
import { impedimentRoutes } from './impediments/routes.ts'
import { itemRoutes } from './items/routes.ts'
import { markerRoutes } from './markers/routes.ts'
import { type Assets, loadAssets, serveAssets } from './pages/assets.ts'
import { pageRoutes, showNothing, showPage, syncPath, syncUser, themeOf } from './pages/routes.ts'
import { membersOnly } from './projects/membership.ts'
import { projectRoutes } from './projects/routes.ts'
import { viewerOf } from './sign-in/cookie-session.ts'
import { signInRoutes } from './sign-in/routes.ts'
import { sprintRoutes } from './sprints/routes.ts'
import { boardSync } from './sync.ts'
import { itemTagRoutes, tagRoutes } from './tags/routes.ts'
import { taskRoutes } from './tasks/routes.ts'

export interface ScrumOptions {
  /** A Postgres with `wal_level=logical`; its tables are made and seeded where they are missing. */
  readonly databaseUrl: string
  /** Key of the sessions' tokens; without it every start makes a new one. */
  readonly secret?: string
  readonly logger?: Logger
  /** Replication slot, where several boards share one Postgres. */
  readonly slot?: string
  /** E-mail address of who may see the inspector. Default: there is none. */
  readonly administrator?: string | undefined
  readonly limits?: Parameters<typeof createSyncServer>[0]['limits']
  /** Hears of each session's life. */
  readonly onSession?: SessionHook
}

export interface Scrum {
  fetch(request: Request, env?: object): Response | Promise<Response>
  /** Takes the WebSocket upgrades of a server that serves `fetch`. */
  attach(server: Server): void
  readonly server: SyncServer
  /** Ends all connections and its use of the database. */
  close(): Promise<void>
}

/** Pages that a database connection of its own renders; writes go through the sync server's. */
const readConnectionsMax = 5

/**
 * The whole application on one database, not listening anywhere yet.
 * @throws SetupError saying what is wrong with the database and what mends it
 */
export async function createScrum(options: ScrumOptions): Promise<Scrum> {
  assertDatabaseUrl(options.databaseUrl)
  const assets = await loadAssets()
  const sql = postgres(options.databaseUrl, { max: readConnectionsMax, onnotice: () => {} })
  try {
    await migrate(sql)
    await seed(sql)
    const db = drizzleOn(sql)
    const { secret, logger, slot, limits, administrator, onSession } = options
    const isAdministrator = async (request: Request): Promise<boolean> =>
      administrator !== undefined && (await viewerOf(db, request))?.email === administrator
    const sync = await createSyncServer({
      sync: boardSync(db),
      database: options.databaseUrl,
      path: syncPath,
      // The tables are this application's own.
      setup: 'apply',
      authenticate: async (request: Request) => {
        const viewer = await viewerOf(db, request)
        return viewer === undefined ? null : syncUser(viewer)
      },
      // Pages know the team by its rows: a name more would be one that may be out of date.
      showUser: ({ id }) => ({ user_id: id }),
      ...(secret !== undefined && { secret }),
      ...(logger !== undefined && { logger }),
      ...(slot !== undefined && { slot }),
      ...(limits !== undefined && { limits }),
      ...(onSession !== undefined && { onSession }),
      ...(administrator !== undefined && { inspector: { allow: isAdministrator } }),
    })
    const app = routesOf({ db, sync }, assets, { logger, isAdministrator })
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
    throw connectionFault(error, options.databaseUrl) ?? error
  }
}

interface Around {
  readonly logger: Logger | undefined
  isAdministrator(request: Request): Promise<boolean>
}

function routesOf(board: Board, assets: Assets, { logger, isAdministrator }: Around): Hono {
  const app = new Hono()
  app.use(secured())
  app.use(async (c, next) => {
    assertOwnOrigin(c.req.raw)
    await next()
  })
  app.use('/assets/*', serveAssets('public, max-age=31536000, immutable'))
  app.use('/icon.svg', serveAssets('public, max-age=86400'))
  app.get('/inspector', async (c) => {
    const isAllowed = await isAdministrator(c.req.raw)
    return isAllowed ? c.redirect(`${syncPath}/inspector`) : showNothing(c, assets)
  })
  app.all(`${syncPath}/*`, async (c) => (await board.sync.handle(c.req.raw)) ?? c.notFound())

  const api = new Hono<ApiEnvironment>()
  api.use(
    createMiddleware<ApiEnvironment>(async (c, next) => {
      const viewer = await viewerOf(board.db, c.req.raw)
      if (viewer === undefined) throw new LockstepError('unauthorized')
      c.set('viewer', viewer)
      await next()
    }),
  )
  api.route('/projects', projectRoutes(board))
  const project = new Hono<ProjectEnvironment>()
  project.use(membersOnly(board))
  project.route('/items', itemRoutes(board))
  project.route('/tasks', taskRoutes(board))
  project.route('/sprints', sprintRoutes(board))
  project.route('/impediments', impedimentRoutes(board))
  project.route('/comments', commentRoutes(board))
  project.route('/tags', tagRoutes(board))
  project.route('/item_tags', itemTagRoutes(board))
  project.route('/attachments', attachmentRoutes(board))
  project.route('/markers', markerRoutes(board))
  api.route('/projects/:projectId', project)
  app.route('/api', api)

  app.route('/', signInRoutes(board, assets))
  app.route('/', pageRoutes(board, assets))

  app.notFound((c) => (isApi(c) ? errorReply(new LockstepError('not_found')) : showNothing(c, assets)))
  app.onError((error, c) => {
    const known = knownError(error)
    // The message of an unknown error may hold row data: its name and place are enough to find it.
    if (known.code === 'internal') logger?.error(`${c.req.method} ${c.req.routePath}: ${placeOf(error)}`)
    if (isApi(c)) return errorReply(known)
    const title = known.http === 404 ? 'There is nothing here' : 'That did not work'
    const status = known.http === 404 ? 404 : known.http < 500 ? 400 : 500
    return showPage(c, assets, { kind: 'problem', theme: themeOf(c), title, text: known.message }, status)
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
