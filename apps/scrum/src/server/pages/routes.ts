import { and, asc, eq } from 'drizzle-orm'
import { type Context, Hono } from 'hono'
import type { Viewer } from '../../model/board.ts'
import { type Page, type ProjectPage, type Theme, themeCookie } from '../../model/page.ts'
import { memberships, sprints } from '../database/tables.ts'
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

  const showProject = async (
    c: Context,
    kind: ProjectPage['kind'],
    projectText: string,
    sprintText?: string,
  ): Promise<Response> => {
    const viewer = await viewerOf(db, c.req.raw)
    if (viewer === undefined) return toSignIn(c)
    const [projectId, sprintId] = [idIn(projectText), idIn(sprintText ?? '')]
    if (!(await isMember(db, viewer.id, projectId))) return showNothing(c, assets)
    if (sprintText !== undefined) {
      const own = and(eq(sprints.id, sprintId), eq(sprints.project_id, projectId))
      const found = await db.select({ id: sprints.id }).from(sprints).where(own)
      if (found.length === 0) return showNothing(c, assets)
    }
    const lockstep = await sync.page(syncUser(viewer), [`project/${projectId}`])
    const page = { kind, theme: themeOf(c), viewer, projectId, today: today(), lockstep }
    return showPage(c, assets, sprintText === undefined ? page : { ...page, sprintId })
  }

  routes.get('/projects/:projectId', (c) => showProject(c, 'backlog', c.req.param('projectId')))
  for (const kind of ['planning', 'sprint', 'impediments'] as const) {
    routes.get(`/projects/:projectId/${kind}`, (c) => showProject(c, kind, c.req.param('projectId')))
  }
  for (const kind of ['planning', 'sprint'] as const) {
    routes.get(`/projects/:projectId/${kind}/:sprintId`, (c) =>
      showProject(c, kind, c.req.param('projectId'), c.req.param('sprintId')),
    )
  }

  return routes
}

/** A row's number out of an address; 0, which no row has, for anything else. */
function idIn(text: string): number {
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : 0
}

function today(): string {
  return new Date().toISOString().slice(0, 10)
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
