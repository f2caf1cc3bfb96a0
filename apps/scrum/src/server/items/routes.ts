import { Hono } from 'hono'
import * as v from 'valibot'
import {
  descriptionLengthMax,
  estimateMax,
  summaryLengthMax,
  tasksPerCreateMax,
  userStoryLengthMax,
} from '../../model/board.ts'
import { drizzleOn } from '../database/connection.ts'
import { placeFields } from '../database/place.ts'
import type { Board, ProjectEnvironment, ProjectRoutes } from '../environment.ts'
import { line, prose, readBody, readId } from '../http/input.ts'
import { changeItem, createItem, destroyItem } from './items.ts'

const userStory = line(userStoryLengthMax)
const description = prose(descriptionLengthMax)
const estimate = v.nullable(
  v.pipe(
    v.number('must be a number or null'),
    v.minValue(0, 'must not be negative'),
    v.maxValue(estimateMax, `must not be above ${estimateMax}`),
  ),
)

const newItem = v.object({
  user_story: userStory,
  description: v.optional(description, ''),
  estimate: v.optional(estimate, null),
  // An item that was deleted comes back with its tasks in one request.
  tasks: v.optional(
    v.pipe(
      v.array(v.object({ summary: line(summaryLengthMax), done: v.optional(v.boolean(), false) })),
      v.maxLength(tasksPerCreateMax, `must not be more than ${tasksPerCreateMax}`),
    ),
    [],
  ),
  ...placeFields,
})

const itemChange = v.object({
  user_story: v.optional(userStory),
  description: v.optional(description),
  estimate: v.optional(estimate),
  ...placeFields,
})

export type NewItem = v.InferOutput<typeof newItem>
export type ItemChange = v.InferOutput<typeof itemChange>

export function itemRoutes({ sync }: Board): ProjectRoutes {
  const routes = new Hono<ProjectEnvironment>()

  routes.post('/', async (c) => {
    const body = await readBody(c.req.raw, newItem)
    const { projectId, viewer } = c.var
    return await sync.respond(
      c.req.raw,
      (tx) => createItem({ db: drizzleOn(tx.sql), tx, projectId, viewer }, body),
      { status: 201, body, user: viewer },
    )
  })

  routes.patch('/:id', async (c) => {
    const id = readId(c.req.param('id'))
    const body = await readBody(c.req.raw, itemChange)
    const { projectId, viewer } = c.var
    return await sync.respond(
      c.req.raw,
      (tx) => changeItem({ db: drizzleOn(tx.sql), tx, projectId, viewer }, id, body),
      { body, user: viewer },
    )
  })

  routes.delete('/:id', async (c) => {
    const id = readId(c.req.param('id'))
    const { projectId, viewer } = c.var
    return await sync.respond(
      c.req.raw,
      (tx) => destroyItem({ db: drizzleOn(tx.sql), tx, projectId, viewer }, id),
      { user: viewer },
    )
  })

  return routes
}
