import { Hono } from 'hono'
import type * as v from 'valibot'
import { drizzleOn } from '../database/connection.ts'
import type { Board, ProjectEnvironment, ProjectRoutes } from '../environment.ts'
import type { Writing } from '../projects/writing.ts'
import { readBody, readId } from './input.ts'

/** A write whose body is all it needs to know. */
interface BodyWrite<Body extends v.GenericSchema> {
  readonly body: Body
  readonly run: (writing: Writing, body: v.InferOutput<Body>) => Promise<object>
  /** Largest body, in bytes, where it is not that of a text. */
  readonly bytesMax?: number
}

/** What becomes of a row that somebody creates, changes or destroys. Each gives the row it leaves or ends. */
interface RowWrites<New extends v.GenericSchema, Change extends v.GenericSchema> {
  readonly create?: BodyWrite<New>
  readonly change?: {
    readonly body: Change
    readonly run: (writing: Writing, id: number, body: v.InferOutput<Change>) => Promise<object>
  }
  readonly destroy?: (writing: Writing, id: number) => Promise<object>
}

/** POST, PATCH and DELETE for one kind of row inside a project: checked, in one transaction, idempotent. */
export function rowRoutes<New extends v.GenericSchema, Change extends v.GenericSchema>(
  board: Board,
  { create, change, destroy }: RowWrites<New, Change>,
): ProjectRoutes {
  const { sync } = board
  const routes = new Hono<ProjectEnvironment>()

  if (create !== undefined) postRoute(routes, board, '/', create)

  if (change !== undefined) {
    routes.patch('/:id', async (c) => {
      const id = readId(c.req.param('id'))
      const body = await readBody(c.req.raw, change.body)
      const { projectId, viewer } = c.var
      return await sync.respond(
        c.req.raw,
        (tx) => change.run({ db: drizzleOn(tx.sql), tx, projectId, viewer }, id, body),
        { body, user: viewer },
      )
    })
  }

  if (destroy !== undefined) {
    routes.delete('/:id', async (c) => {
      const id = readId(c.req.param('id'))
      const { projectId, viewer } = c.var
      return await sync.respond(
        c.req.raw,
        (tx) => destroy({ db: drizzleOn(tx.sql), tx, projectId, viewer }, id),
        { user: viewer },
      )
    })
  }

  return routes
}

/** One more POST, for what is not about one row. */
export function postRoute<Body extends v.GenericSchema>(
  routes: ProjectRoutes,
  { sync }: Board,
  path: string,
  write: BodyWrite<Body>,
): void {
  routes.post(path, async (c) => {
    const body = await readBody(c.req.raw, write.body, write.bytesMax)
    const { projectId, viewer } = c.var
    return await sync.respond(
      c.req.raw,
      (tx) => write.run({ db: drizzleOn(tx.sql), tx, projectId, viewer }, body),
      { status: 201, body, user: viewer },
    )
  })
}
