import type { Json } from '@lockstep/protocol'
import { Hono } from 'hono'
import type * as v from 'valibot'
import { drizzleOn } from '../database/connection.ts'
import type { Board, ProjectEnvironment, ProjectRoutes } from '../environment.ts'
import type { Writing } from '../projects/writing.ts'
import { readBody, readId } from './input.ts'

/** What becomes of a row that somebody creates, changes or destroys. Each gives the row it leaves or ends. */
interface RowWrites<New extends v.GenericSchema, Change extends v.GenericSchema> {
  readonly create?: {
    readonly body: New
    readonly run: (writing: Writing, body: v.InferOutput<New>) => Promise<object>
    /** Largest body, in bytes, where it is not that of a text. */
    readonly bytesMax?: number
  }
  readonly change?: {
    readonly body: Change
    readonly run: (writing: Writing, id: number, body: v.InferOutput<Change>) => Promise<object>
  }
  readonly destroy?: (writing: Writing, id: number) => Promise<object>
}

/** POST, PATCH and DELETE for one kind of row inside a project: checked, in one transaction, idempotent. */
export function rowRoutes<New extends v.GenericSchema, Change extends v.GenericSchema>(
  { sync }: Board,
  { create, change, destroy }: RowWrites<New, Change>,
): ProjectRoutes {
  const routes = new Hono<ProjectEnvironment>()

  if (create !== undefined) {
    routes.post('/', async (c) => {
      const body = await readBody(c.req.raw, create.body, create.bytesMax)
      const { projectId, viewer } = c.var
      return await sync.respond(
        c.req.raw,
        (tx) => create.run({ db: drizzleOn(tx.sql), tx, projectId, viewer }, body),
        { status: 201, body: body as Json, user: viewer },
      )
    })
  }

  if (change !== undefined) {
    routes.patch('/:id', async (c) => {
      const id = readId(c.req.param('id'))
      const body = await readBody(c.req.raw, change.body)
      const { projectId, viewer } = c.var
      return await sync.respond(
        c.req.raw,
        (tx) => change.run({ db: drizzleOn(tx.sql), tx, projectId, viewer }, id, body),
        { body: body as Json, user: viewer },
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
