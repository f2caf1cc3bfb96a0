import { LockstepError } from '@lockstep/protocol'
import { and, eq } from 'drizzle-orm'
import { createMiddleware } from 'hono/factory'
import type { Database } from '../database/connection.ts'
import { memberships } from '../database/tables.ts'
import type { Board, ProjectEnvironment } from '../environment.ts'
import { readId } from '../http/input.ts'

export async function isMember(db: Database, userId: number, projectId: number): Promise<boolean> {
  const rows = await db
    .select({ projectId: memberships.project_id })
    .from(memberships)
    .where(and(eq(memberships.user_id, userId), eq(memberships.project_id, projectId)))
  return rows.length > 0
}

/** Lets only members through; to others the project does not exist. */
export function membersOnly(board: Board) {
  return createMiddleware<ProjectEnvironment>(async (c, next) => {
    const projectId = readId(c.req.param('projectId'))
    if (!(await isMember(board.db, c.get('viewer').id, projectId))) throw new LockstepError('not_found')
    c.set('projectId', projectId)
    await next()
  })
}
