import type { Snapshot } from '@lockstep/protocol'
import { type Context, Hono } from 'hono'
import { html } from '../../markup/html.ts'
import { listPath } from '../../markup/list-link.ts'
import { listsPageMarkup } from '../../markup/lists-page.ts'
import { type FayeState, type ListsPage, type Variant, type Viewer, variants } from '../../model/page.ts'
import type { ListRow, TodoRow } from '../../model/rows.ts'
import type { Parts } from '../environment.ts'
import { viewerOf } from '../sign-in/cookie-session.ts'
import type { Assets } from './assets.ts'
import { type PageStatus, showDocument } from './document.ts'

/** Where Faye's own client is served from, and whose Bayeux server it speaks to. */
export const bayeuxMount = '/bayeux'

/** The pages, in both variants. Each has its rows, and the position up to which they are. */
export function pageRoutes(parts: Parts, assets: Assets): Hono {
  const routes = new Hono()

  routes.get('/', (c) => c.redirect('/native'))

  for (const variant of variants) {
    routes.get(`/${variant}`, async (c) => {
      const viewer = await viewerOf(parts.sql, c.req.raw)
      if (viewer === undefined) return toSignIn(c)
      const [first] = await parts.sql<{ id: number }[]>`
        select lists.id from todo_app.lists join todo_app.members using (team_id)
        where user_id = ${viewer.id} order by lists.id limit 1`
      if (first !== undefined) return c.redirect(listPath(variant, first.id))
      const [team] = await parts.sql<{ team_id: number }[]>`
        select team_id from todo_app.members where user_id = ${viewer.id} order by team_id limit 1`
      if (team === undefined) return showNothing(c, assets)
      return await showLists(c, { viewer, variant, teamId: team.team_id, listId: undefined })
    })

    routes.get(`/${variant}/lists/:listId`, async (c) => {
      const viewer = await viewerOf(parts.sql, c.req.raw)
      if (viewer === undefined) return toSignIn(c)
      const text = c.req.param('listId')
      const listId = /^[1-9]\d{0,8}$/.test(text) ? Number(text) : 0
      const [list] = await parts.sql<{ team_id: number }[]>`
        select lists.team_id from todo_app.lists join todo_app.members using (team_id)
        where lists.id = ${listId} and user_id = ${viewer.id}`
      if (list === undefined) return showNothing(c, assets)
      return await showLists(c, { viewer, variant, teamId: list.team_id, listId })
    })
  }

  async function showLists(c: Context, wanted: Wanted): Promise<Response> {
    const page = await pageOf(parts, wanted)
    const open = page.lists.find(({ id }) => id === page.listId)
    return showDocument(c, assets, {
      title: open?.name ?? 'Your lists',
      body: listsPageMarkup(page),
      // Faye's own client, as any application loads it.
      libraries: wanted.variant === 'faye' ? [`${bayeuxMount}/client.js`] : [],
      script: { address: assets.scripts[wanted.variant], data: page },
    })
  }

  return routes
}

interface Wanted {
  readonly viewer: Viewer
  readonly variant: Variant
  readonly teamId: number
  readonly listId: number | undefined
}

/** Rows of both channels, each at its position. */
async function pageOf({ sync }: Parts, { viewer, variant, teamId, listId }: Wanted): Promise<ListsPage> {
  const user = { id: viewer.id }
  const channels = [`team/${teamId}`, ...(listId === undefined ? [] : [`list/${listId}`])]
  const lockstep =
    variant === 'native'
      ? await sync.page(user, channels)
      : { snapshots: await Promise.all(channels.map((channel) => sync.snapshot(channel, user))) }
  const rows = {
    // The columns that the definition names are those of these types.
    lists: rowsOf(lockstep.snapshots, 'lists') as unknown as ListRow[],
    todos: rowsOf(lockstep.snapshots, 'todos') as unknown as TodoRow[],
  }
  const live =
    'session' in lockstep
      ? ({ variant: 'native', lockstep } as const)
      : ({ variant: 'faye', positions: positionsOf(lockstep.snapshots) } as const)
  return { viewer, teamId, listId, ...rows, live }
}

function rowsOf(snapshots: readonly Snapshot[], collection: string): Record<string, unknown>[] {
  return snapshots.flatMap(({ collections }) => {
    const { columns, rows } = collections[collection] ?? { columns: [], rows: [] }
    return rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i]])))
  })
}

function positionsOf(snapshots: readonly Snapshot[]): FayeState['positions'] {
  return Object.fromEntries(
    snapshots.flatMap(({ channel, position, collections }) =>
      Object.keys(collections).map((name) => [`/sync/${channel}/${name}`, position]),
    ),
  )
}

export function showNothing(c: Context, assets: Assets): Response {
  return showProblem(
    c,
    assets,
    404,
    'There is nothing here',
    'It may have been removed, or it belongs to others.',
  )
}

export function showProblem(
  c: Context,
  assets: Assets,
  status: PageStatus,
  title: string,
  text: string,
): Response {
  const body = html`<main class="door"><div class="door-card"><h1>${title}</h1><p class="door-lead">${text}</p><p><a class="button" href="/">To your lists</a></p></div></main>`
  return showDocument(c, assets, { title, body }, status)
}

function toSignIn(c: Context): Response {
  const next = c.req.path === '/' ? '' : `?next=${encodeURIComponent(c.req.path)}`
  return c.redirect(`/sign-in${next}`)
}
