import { LockstepError } from '@lockstep/protocol'
import { type Context, Hono } from 'hono'
import type { TransactionSql } from 'postgres'
import { type ListRow, nameLengthMax } from '../../model/rows.ts'
import type { ApiEnvironment, Parts } from '../environment.ts'
import { type Fields, readBody, readId, readLine, unprocessable } from '../http/input.ts'

/** Creating, renaming and removing lists, as Backbone's `sync` asks for it. */
export function listRoutes({ sync }: Parts): Hono<ApiEnvironment> {
  const routes = new Hono<ApiEnvironment>()

  routes.post('/', async (c) => {
    const body = await readBody(c.req.raw)
    const user = c.get('viewer').id
    return await sync.respond(
      c.req.raw,
      async ({ sql }) => {
        const teamId = typeof body.team_id === 'number' ? body.team_id : 0
        const teams = await sql`
          select 1 from todo_app.members where team_id = ${teamId} and user_id = ${user}`
        if (teams.length === 0) throw new LockstepError('not_found', 'This team is not there.')
        const name = await freeName(sql, body, { teamId, listId: 0 })
        const [list] = await sql<ListRow[]>`
          insert into todo_app.lists (team_id, name) values (${teamId}, ${name})
          returning id, team_id, name, open, total`
        return list
      },
      { status: 201, body, user },
    )
  })

  const change = async (c: Context<ApiEnvironment>): Promise<Response> => {
    const listId = readId(c.req.param('listId'))
    const body = await readBody(c.req.raw)
    const user = c.get('viewer').id
    return await sync.respond(
      c.req.raw,
      async ({ sql }) => {
        const { team_id: teamId } = await ownList(sql, listId, user)
        const name = await freeName(sql, body, { teamId, listId })
        const [list] = await sql<ListRow[]>`
          update todo_app.lists set name = ${name} where id = ${listId}
          returning id, team_id, name, open, total`
        return list
      },
      { body, user },
    )
  }
  // Backbone sends PUT for the whole model, PATCH for the attributes that it was told to save.
  routes.put('/:listId', change)
  routes.patch('/:listId', change)

  routes.delete('/:listId', async (c) => {
    const listId = readId(c.req.param('listId'))
    const user = c.get('viewer').id
    return await sync.respond(
      c.req.raw,
      async ({ sql }) => {
        await ownList(sql, listId, user)
        const [list] = await sql<ListRow[]>`
          delete from todo_app.lists where id = ${listId} returning id, team_id, name, open, total`
        return list
      },
      { user },
    )
  })

  return routes
}

/** A list of one of the user's teams, held until the transaction ends. @throws LockstepError `not_found` */
export async function ownList(
  sql: TransactionSql,
  listId: number,
  userId: number,
): Promise<{ team_id: number }> {
  const [list] = await sql<{ team_id: number }[]>`
    select lists.team_id from todo_app.lists join todo_app.members using (team_id)
    where lists.id = ${listId} and user_id = ${userId}
    for key share of lists`
  if (list === undefined) throw new LockstepError('not_found', 'This list is not there any more.')
  return list
}

/** Says so nicely; that there are no two lists of one name, the database's index sees to. */
async function freeName(
  sql: TransactionSql,
  body: Fields,
  of: { readonly teamId: number; readonly listId: number },
): Promise<string> {
  const name = readLine(body, 'name', 'The name', nameLengthMax)
  const others = await sql`
    select 1 from todo_app.lists
    where team_id = ${of.teamId} and lower(name) = lower(${name}) and id <> ${of.listId}`
  if (others.length > 0) throw unprocessable('name', 'There is a list of this name already.')
  return name
}
