import { LockstepError } from '@lockstep/protocol'
import { and, eq, inArray, sql } from 'drizzle-orm'
import type { Tag } from '../../model/board.ts'
import { items, itemTags, tags } from '../database/tables.ts'
import { quote, tell, type Writing } from '../projects/writing.ts'
import type { NewTag, TagChange } from './routes.ts'

/** The tag of that name, also where there was one already. */
export async function createTag(writing: Writing, { name, item_ids }: NewTag): Promise<Tag> {
  const { db, projectId } = writing
  const tag = await tagNamed(writing, name)
  if (item_ids.length > 0) {
    const found = await db
      .select({ id: items.id })
      .from(items)
      .where(and(eq(items.project_id, projectId), inArray(items.id, item_ids)))
    const rows = found.map(({ id }) => ({ project_id: projectId, item_id: id, tag_id: tag.id }))
    if (rows.length > 0) await db.insert(itemTags).values(rows).onConflictDoNothing()
  }
  return tag
}

/** The tag of that name; made, and told of, where there was none. */
export async function tagNamed(writing: Writing, name: string): Promise<Tag> {
  const { db, projectId } = writing
  const [made] = await db
    .insert(tags)
    .values({ project_id: projectId, name })
    .onConflictDoNothing()
    .returning()
  if (made !== undefined) {
    await tell(writing, 'tags/create', { tag: { ...made } }, `made the tag ${quote(name)}`)
    return made
  }
  const [known] = await db
    .select()
    .from(tags)
    .where(and(eq(tags.project_id, projectId), sql`lower(${tags.name}) = lower(${name})`))
  if (known === undefined) throw new LockstepError('unavailable')
  return known
}

export async function changeTag(writing: Writing, id: number, { name }: TagChange): Promise<Tag> {
  const { db, projectId } = writing
  const own = and(eq(tags.id, id), eq(tags.project_id, projectId))
  const [old] = await db.select().from(tags).where(own).for('no key update')
  if (old === undefined) throw new LockstepError('not_found', 'This tag is gone.')
  if (old.name === name) return old
  const [same] = await db
    .select({ id: tags.id })
    .from(tags)
    .where(and(eq(tags.project_id, projectId), sql`lower(${tags.name}) = lower(${name})`))
  if (same !== undefined && same.id !== id) {
    throw new LockstepError('bad_value', 'name: is the name of another tag')
  }
  await db.update(tags).set({ name }).where(own)
  await tell(writing, 'tags/update', { id, name }, `renamed the tag ${quote(old.name)} to ${quote(name)}`)
  return { ...old, name }
}

/** The tag as it was; it is gone from all items. */
export async function destroyTag(writing: Writing, id: number): Promise<Tag> {
  const { db, projectId } = writing
  const [tag] = await db
    .delete(tags)
    .where(and(eq(tags.id, id), eq(tags.project_id, projectId)))
    .returning()
  if (tag === undefined) throw new LockstepError('not_found', 'This tag is gone.')
  await tell(writing, 'tags/destroy', { id, name: tag.name }, `deleted the tag ${quote(tag.name)}`)
  return tag
}
