import { LockstepError } from '@lockstep/protocol'
import { Hono } from 'hono'
import * as v from 'valibot'
import { projectNameLengthMax } from '../../model/board.ts'
import { drizzleOn } from '../database/connection.ts'
import { memberships, projects } from '../database/tables.ts'
import type { ApiEnvironment, Board } from '../environment.ts'
import { line, readBody } from '../http/input.ts'

const newProject = v.object({ name: line(projectNameLengthMax) })

export function projectRoutes({ sync }: Board): Hono<ApiEnvironment> {
  const routes = new Hono<ApiEnvironment>()

  // Who creates a project is its first member.
  routes.post('/', async (c) => {
    const body = await readBody(c.req.raw, newProject)
    const { id: user_id, name, hue } = c.get('viewer')
    return await sync.respond(
      c.req.raw,
      async (tx) => {
        const db = drizzleOn(tx.sql)
        const [project] = await db.insert(projects).values({ name: body.name }).returning()
        if (project === undefined) throw new LockstepError('internal')
        await db.insert(memberships).values({ project_id: project.id, user_id, name, hue })
        return project
      },
      { status: 201, body, user: user_id },
    )
  })

  return routes
}
