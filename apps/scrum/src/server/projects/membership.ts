import { LockstepError } from '@lockstep/protocol'
import { and, eq, inArray } from 'drizzle-orm'
import { createMiddleware } from 'hono/factory'
import type { Database } from '../database/connection.ts'
import { memberships } from '../database/tables.ts'
import type { Board, ProjectEnvironment } from '../environment.ts'
import { readId } from '../http/input.ts'
import type { Writing } from './writing.ts'

export async function isMember(db: Database, userId: number, projectId: number): Promise<boolean> {
  const rows = await db
    .select({ projectId: memberships.project_id })
    .from(memberships)
    .where(and(eq(memberships.user_id, userId), eq(memberships.project_id, projectId)))
  return rows.length > 0
}

/**
 * Whether work can be given to these people; null is nobody.
 * @throws LockstepError `bad_value` where somebody is not in the team, or does not exist
 */
export async function assertMembers(
  { db, projectId }: Writing,
  userIds: readonly (number | null)[],
): Promise<void> {
  const wanted = [...new Set(userIds.filter((id) => id !== null))]
  if (wanted.length === 0) return
  const found = await db
    .select({ id: memberships.user_id })
    .from(memberships)
    .where(and(eq(memberships.project_id, projectId), inArray(memberships.user_id, wanted)))
  if (found.length < wanted.length) throw new LockstepError('bad_value', 'user_id: is not in this team')
}

export async function memberName({ db, projectId }: Writing, userId: number): Promise<string> {
  const [member] = await db
    .select({ name: memberships.name })
    .from(memberships)
    .where(and(eq(memberships.project_id, projectId), eq(memberships.user_id, userId)))
  return member?.name ?? 'somebody'
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
