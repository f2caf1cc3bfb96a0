import { LockstepError } from '@lockstep/protocol'
import { and, eq } from 'drizzle-orm'
import type { Comment } from '../../model/board.ts'
import { comments, impediments, items } from '../database/tables.ts'
import { quote, tell, type Writing } from '../projects/writing.ts'
import type { NewComment } from './routes.ts'

/** The comment; its writer is who sends it. */
export async function createComment(writing: Writing, wanted: NewComment): Promise<Comment> {
  const { db, projectId, viewer } = writing
  const { item_id, impediment_id } = wanted
  const about = await aboutWhat(writing, wanted)
  const [comment] = await db
    .insert(comments)
    .values({ ...wanted, project_id: projectId, user_id: viewer.id })
    .returning()
  if (comment === undefined) throw new LockstepError('internal')
  const { id } = comment
  if (item_id !== null) {
    await tell(writing, 'comments/create', { id, item_id }, `commented on ${quote(about)}`)
  } else {
    await tell(writing, 'impediments/create_comment', { id, impediment_id }, `commented on ${quote(about)}`)
  }
  return comment
}

/** @throws LockstepError `not_found` */
async function aboutWhat({ db, projectId }: Writing, wanted: NewComment): Promise<string> {
  const [row] =
    wanted.item_id !== null
      ? await db
          .select({ name: items.user_story })
          .from(items)
          .where(and(eq(items.id, wanted.item_id), eq(items.project_id, projectId)))
          .for('key share')
      : await db
          .select({ name: impediments.summary })
          .from(impediments)
          .where(and(eq(impediments.id, wanted.impediment_id ?? 0), eq(impediments.project_id, projectId)))
          .for('key share')
  if (row === undefined) throw new LockstepError('not_found', 'What this is about is gone.')
  return row.name
}
