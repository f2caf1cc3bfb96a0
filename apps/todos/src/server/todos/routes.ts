import { LockstepError } from '@lockstep/protocol'
import { type Context, Hono } from 'hono'
import { type TodoRow, titleLengthMax } from '../../model/rows.ts'
import type { ApiEnvironment, Parts } from '../environment.ts'
import { readBody, readFlag, readId, readLine } from '../http/input.ts'
import { ownList } from '../lists/routes.ts'

/** Adding, renaming, checking off and removing todos of one list. */
export function todoRoutes({ sync }: Parts): Hono<ApiEnvironment> {
  const routes = new Hono<ApiEnvironment>()

  routes.post('/', async (c) => {
    const listId = readId(c.req.param('listId'))
    const body = await readBody(c.req.raw)
    const user = c.get('viewer').id
    return await sync.respond(
      c.req.raw,
      async ({ sql }) => {
        await ownList(sql, listId, user)
        const title = readLine(body, 'title', 'The title', titleLengthMax)
        const done = body.done === undefined ? false : readFlag(body, 'done')
        const [todo] = await sql<TodoRow[]>`
          insert into todo_app.todos (list_id, title, done) values (${listId}, ${title}, ${done})
          returning id, list_id, title, done`
        return todo
      },
      { status: 201, body, user },
    )
  })

  const change = async (c: Context<ApiEnvironment>): Promise<Response> => {
    const listId = readId(c.req.param('listId'))
    const id = readId(c.req.param('id'))
    const body = await readBody(c.req.raw)
    const user = c.get('viewer').id
    return await sync.respond(
      c.req.raw,
      async ({ sql }) => {
        await ownList(sql, listId, user)
        const wanted = {
          ...('title' in body && { title: readLine(body, 'title', 'The title', titleLengthMax) }),
          ...('done' in body && { done: readFlag(body, 'done') }),
        }
        if (Object.keys(wanted).length === 0) {
          throw new LockstepError(
            'bad_request',
            'A todo has a title and is done or not; the body has neither.',
          )
        }
        const [todo] = await sql<TodoRow[]>`
          update todo_app.todos set ${sql(wanted)} where id = ${id} and list_id = ${listId}
          returning id, list_id, title, done`
        if (todo === undefined) throw gone()
        return todo
      },
      { body, user },
    )
  }
  routes.put('/:id', change)
  routes.patch('/:id', change)

  routes.delete('/:id', async (c) => {
    const listId = readId(c.req.param('listId'))
    const id = readId(c.req.param('id'))
    const user = c.get('viewer').id
    return await sync.respond(
      c.req.raw,
      async ({ sql }) => {
        await ownList(sql, listId, user)
        const [todo] = await sql<TodoRow[]>`
          delete from todo_app.todos where id = ${id} and list_id = ${listId}
          returning id, list_id, title, done`
        if (todo === undefined) throw gone()
        return todo
      },
      { user },
    )
  })

  return routes
}

function gone(): LockstepError {
  return new LockstepError('not_found', 'This todo is not there any more.')
}
