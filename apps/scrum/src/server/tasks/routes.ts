import { Hono } from 'hono'
import * as v from 'valibot'
import { summaryLengthMax } from '../../model/board.ts'
import { drizzleOn } from '../database/connection.ts'
import { placeFields } from '../database/place.ts'
import type { Board, ProjectEnvironment, ProjectRoutes } from '../environment.ts'
import { line, readBody, readId } from '../http/input.ts'
import { changeTask, createTask, destroyTask } from './tasks.ts'

const newTask = v.object({
  item_id: v.pipe(v.number('must be a number'), v.integer('must be an id'), v.minValue(1, 'must be an id')),
  summary: line(summaryLengthMax),
  done: v.optional(v.boolean('must be true or false'), false),
  ...placeFields,
})

const taskChange = v.object({
  summary: v.optional(line(summaryLengthMax)),
  done: v.optional(v.boolean('must be true or false')),
  ...placeFields,
})

export type NewTask = v.InferOutput<typeof newTask>
export type TaskChange = v.InferOutput<typeof taskChange>

export function taskRoutes({ sync }: Board): ProjectRoutes {
  const routes = new Hono<ProjectEnvironment>()

  routes.post('/', async (c) => {
    const body = await readBody(c.req.raw, newTask)
    const { projectId, viewer } = c.var
    return await sync.respond(
      c.req.raw,
      (tx) => createTask({ db: drizzleOn(tx.sql), tx, projectId, viewer }, body),
      { status: 201, body, user: viewer },
    )
  })

  routes.patch('/:id', async (c) => {
    const id = readId(c.req.param('id'))
    const body = await readBody(c.req.raw, taskChange)
    const { projectId, viewer } = c.var
    return await sync.respond(
      c.req.raw,
      (tx) => changeTask({ db: drizzleOn(tx.sql), tx, projectId, viewer }, id, body),
      { body, user: viewer },
    )
  })

  routes.delete('/:id', async (c) => {
    const id = readId(c.req.param('id'))
    const { projectId, viewer } = c.var
    return await sync.respond(
      c.req.raw,
      (tx) => destroyTask({ db: drizzleOn(tx.sql), tx, projectId, viewer }, id),
      { user: viewer },
    )
  })

  return routes
}
