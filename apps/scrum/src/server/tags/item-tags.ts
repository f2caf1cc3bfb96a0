import { LockstepError } from '@lockstep/protocol'
import { and, eq } from 'drizzle-orm'
import { type ItemTag, tagsPerItemMax } from '../../model/board.ts'
import { items, itemTags, tags } from '../database/tables.ts'
import { quote, tell, type Writing } from '../projects/writing.ts'
import type { NewItemTag } from './routes.ts'
import { tagNamed } from './tags.ts'

/** Gives an item a tag by its name, which is made where there is none of that name yet. */
export async function attachTag(writing: Writing, { item_id, name }: NewItemTag): Promise<ItemTag> {
  const { db, projectId } = writing
  const [item] = await db
    .select({ userStory: items.user_story })
    .from(items)
    .where(and(eq(items.id, item_id), eq(items.project_id, projectId)))
    // One after the other, so that the bound holds.
    .for('no key update')
  if (item === undefined) throw new LockstepError('not_found', 'This item is gone.')
  const tag = await tagNamed(writing, name)
  const own = await db.select().from(itemTags).where(eq(itemTags.item_id, item_id))
  const known = own.find(({ tag_id }) => tag_id === tag.id)
  if (known !== undefined) return known
  if (own.length >= tagsPerItemMax) {
    throw new LockstepError('bad_value', `name: an item has at most ${tagsPerItemMax} tags`)
  }
  const [made] = await db
    .insert(itemTags)
    .values({ project_id: projectId, item_id, tag_id: tag.id })
    .returning()
  if (made === undefined) throw new LockstepError('internal')
  const envelope = { id: made.id, item_id, tag_id: tag.id }
  const notice = `tagged ${quote(item.userStory)} with ${quote(tag.name)}`
  await tell(writing, 'backlog_item_tags/create', envelope, notice)
  return made
}

/** What was taken off. */
export async function detachTag(writing: Writing, id: number): Promise<ItemTag> {
  const { db, projectId } = writing
  const [gone] = await db
    .delete(itemTags)
    .where(and(eq(itemTags.id, id), eq(itemTags.project_id, projectId)))
    .returning()
  if (gone === undefined) throw new LockstepError('not_found', 'The item has this tag no longer.')
  const { item_id, tag_id } = gone
  const [tag] = await db.select({ name: tags.name }).from(tags).where(eq(tags.id, tag_id))
  const notice = `took the tag ${quote(tag?.name ?? '')} off an item`
  await tell(writing, 'backlog_item_tags/destroy', { id, item_id, tag_id }, notice)
  return gone
}
