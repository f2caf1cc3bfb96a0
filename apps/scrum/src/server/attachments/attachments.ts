import { LockstepError } from '@lockstep/protocol'
import { and, eq } from 'drizzle-orm'
import { type Attachment, attachmentBytesMax } from '../../model/board.ts'
import type { Database } from '../database/connection.ts'
import { attachmentContents, attachments, items } from '../database/tables.ts'
import { bringBackAttachment, keepAttachment } from '../projects/kept.ts'
import { quote, tell, type Writing } from '../projects/writing.ts'
import type { NewAttachment, RestoredAttachment } from './routes.ts'

/** The attachment without what is in it. */
export async function createAttachment(writing: Writing, wanted: NewAttachment): Promise<Attachment> {
  const { db, projectId, viewer } = writing
  const { item_id, name } = wanted
  const content = Buffer.from(wanted.content, 'base64')
  if (content.byteLength > attachmentBytesMax) throw new LockstepError('too_large')
  const [item] = await db
    .select({ userStory: items.user_story })
    .from(items)
    .where(and(eq(items.id, item_id), eq(items.project_id, projectId)))
    .for('key share')
  if (item === undefined) throw new LockstepError('not_found', 'This item is gone.')
  const [made] = await db
    .insert(attachments)
    .values({ project_id: projectId, item_id, user_id: viewer.id, name, size: content.byteLength })
    .returning()
  if (made === undefined) throw new LockstepError('internal')
  await db.insert(attachmentContents).values({ attachment_id: made.id, content })
  const { id, size } = made
  const notice = `attached ${quote(name)} to ${quote(item.userStory)}`
  await tell(writing, 'attachments/create', { id, item_id, name, size }, notice)
  return made
}

/** A deleted attachment as it was, under a new number. */
export async function restoreAttachment(
  writing: Writing,
  { restores }: RestoredAttachment,
): Promise<Attachment> {
  const id = await bringBackAttachment(writing, restores)
  if (id === undefined) throw new LockstepError('not_found', 'This attachment is gone.')
  const [made] = await writing.db.select().from(attachments).where(eq(attachments.id, id))
  if (made === undefined) throw new LockstepError('internal')
  const { item_id, name, size } = made
  const envelope = { id, item_id, name, size }
  await tell(writing, 'attachments/create', envelope, `brought back the attachment ${quote(name)}`)
  return made
}

/** The attachment that is gone; it can be brought back for a while. */
export async function destroyAttachment(writing: Writing, id: number): Promise<Attachment> {
  const { db, projectId } = writing
  await keepAttachment(writing, id)
  const [gone] = await db
    .delete(attachments)
    .where(and(eq(attachments.id, id), eq(attachments.project_id, projectId)))
    .returning()
  if (gone === undefined) throw new LockstepError('not_found', 'This attachment is gone.')
  const { item_id, name } = gone
  await tell(writing, 'attachments/destroy', { id, item_id, name }, `deleted the attachment ${quote(name)}`)
  return gone
}

export async function readAttachment(
  db: Database,
  projectId: number,
  id: number,
): Promise<{ readonly name: string; readonly content: Buffer } | undefined> {
  const [found] = await db
    .select({ name: attachments.name, content: attachmentContents.content })
    .from(attachments)
    .innerJoin(attachmentContents, eq(attachmentContents.attachment_id, attachments.id))
    .where(and(eq(attachments.id, id), eq(attachments.project_id, projectId)))
  return found
}
