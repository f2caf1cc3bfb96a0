import { asc, eq } from 'drizzle-orm'
import { type Context, Hono } from 'hono'
import type { Viewer } from '../../model/board.ts'
import { type Page, type Theme, themeCookie } from '../../model/page.ts'
import { memberships } from '../database/tables.ts'
import type { Board } from '../environment.ts'
import { isMember } from '../projects/membership.ts'
import { readCookie, viewerOf } from '../sign-in/cookie-session.ts'
import type { Assets } from './assets.ts'
import { documentOf } from './document.ts'

/** Where the sync server is mounted. */
export const syncPath = '/lockstep'

/** The pages. Each is its rows at an exact position, and a session that goes on from there. */
export function pageRoutes(board: Board, assets: Assets): Hono {
  const routes = new Hono()
  const { db, sync } = board

  routes.get('/', async (c) => {
    const viewer = await viewerOf(db, c.req.raw)
    if (viewer === undefined) return toSignIn(c)
    const rows = await db
      .select({ projectId: memberships.project_id })
      .from(memberships)
      .where(eq(memberships.user_id, viewer.id))
      .orderBy(asc(memberships.project_id))
    const user = syncUser(viewer)
    const channels = [`user/${viewer.id}`, ...rows.map((row) => `summary/${row.projectId}`)]
    const snapshots = await Promise.all(channels.map((channel) => sync.snapshot(channel, user)))
    // Not `page`: its session is for the page's channels only, and here one may be let into a project later.
    const lockstep = { url: syncPath, session: sync.issueSession(user), snapshots }
    return showPage(c, assets, { kind: 'projects', theme: themeOf(c), viewer, lockstep })
  })

  routes.get('/projects/:projectId', async (c) => {
    const viewer = await viewerOf(db, c.req.raw)
    if (viewer === undefined) return toSignIn(c)
    const text = c.req.param('projectId')
    const projectId = /^[1-9]\d{0,8}$/.test(text) ? Number(text) : 0
    if (!(await isMember(db, viewer.id, projectId))) return showNothing(c, assets)
    const lockstep = await sync.page(syncUser(viewer), [`project/${projectId}`])
    return showPage(c, assets, { kind: 'backlog', theme: themeOf(c), viewer, projectId, lockstep })
  })

  return routes
}

/** The viewer as the sync server knows users. */
export function syncUser(viewer: Viewer): { readonly id: number } {
  return { id: viewer.id }
}

export function showPage(
  c: Context,
  assets: Assets,
  page: Page,
  status: 200 | 400 | 401 | 404 | 429 | 500 = 200,
): Response {
  // A page carries a session's token: it is for one reader, once.
  c.header('Cache-Control', 'no-store')
  return c.html(documentOf(assets, page), status)
}

export function showNothing(c: Context, assets: Assets): Response {
  const text = 'It may have been moved or deleted, or it belongs to a team that you are not in.'
  return showPage(
    c,
    assets,
    { kind: 'problem', theme: themeOf(c), title: 'There is nothing here', text },
    404,
  )
}

export function themeOf(c: Context): Theme {
  const value = readCookie(c.req.raw, themeCookie, /^(light|dark)$/)
  return value === 'light' || value === 'dark' ? value : 'system'
}

function toSignIn(c: Context): Response {
  const { pathname } = new URL(c.req.url)
  return c.redirect(pathname === '/' ? '/sign-in' : `/sign-in?next=${encodeURIComponent(pathname)}`)
}
