import { LockstepError } from '@lockstep/protocol'
import { and, eq } from 'drizzle-orm'
import { estimateWords, type Item, type Task } from '../../model/board.ts'
import { firstRanks } from '../../model/rank.ts'
import { backlogOf, placeIn } from '../database/place.ts'
import { items, tasks } from '../database/tables.ts'
import { quote, tell, type Writing } from '../projects/writing.ts'
import type { ItemChange, NewItem } from './routes.ts'

/** The item, and the tasks that came with it. */
export async function createItem(writing: Writing, wanted: NewItem): Promise<Item & { tasks: Task[] }> {
  const { db, projectId } = writing
  const position = await placeIn(db, backlogOf(projectId), wanted)
  const { user_story, description, estimate } = wanted
  const [item] = await db
    .insert(items)
    .values({ project_id: projectId, user_story, description, estimate, position })
    .returning()
  if (item === undefined) throw new LockstepError('internal')
  const ranks = firstRanks(wanted.tasks.length)
  const rows = wanted.tasks.map((task, i) => ({
    item_id: item.id,
    project_id: projectId,
    summary: task.summary,
    done: task.done,
    position: ranks[i] ?? '',
  }))
  const made = rows.length === 0 ? [] : await db.insert(tasks).values(rows).returning()
  await tell(writing, 'items/create', { item: { ...item } }, `added ${quote(user_story)}`)
  return { ...item, tasks: made }
}

export async function changeItem(writing: Writing, id: number, change: ItemChange): Promise<Item> {
  const { db, projectId } = writing
  const own = and(eq(items.id, id), eq(items.project_id, projectId))
  // The project's row is taken before the item's, in the order of createItem: else two writers wait in a ring.
  const moves = change.position !== undefined || change.after !== undefined
  const position = moves ? await placeIn(db, backlogOf(projectId), change, id) : undefined
  const [old] = await db.select().from(items).where(own).for('no key update')
  if (old === undefined) throw new LockstepError('not_found', 'This item is gone.')
  const wanted: Item = {
    ...old,
    user_story: change.user_story ?? old.user_story,
    description: change.description ?? old.description,
    estimate: change.estimate === undefined ? old.estimate : change.estimate,
    position: position ?? old.position,
  }
  const changed = (['user_story', 'description', 'estimate', 'position'] as const).filter(
    (field) => old[field] !== wanted[field],
  )
  if (changed.length === 0) return old
  const { user_story, description, estimate } = wanted
  await db.update(items).set({ user_story, description, estimate, position: wanted.position }).where(own)
  for (const field of changed) await tellChange(writing, field, old, wanted)
  return wanted
}

async function tellChange(
  writing: Writing,
  field: 'user_story' | 'description' | 'estimate' | 'position',
  old: Item,
  item: Item,
): Promise<void> {
  const { id } = item
  switch (field) {
    case 'user_story': {
      const notice = `renamed ${quote(old.user_story)} to ${quote(item.user_story)}`
      return await tell(writing, 'items/backlog_item_user_story', { id, user_story: item.user_story }, notice)
    }
    case 'description': {
      const notice = `described ${quote(item.user_story)}`
      return await tell(writing, 'items/backlog_item_description', { id }, notice)
    }
    case 'estimate': {
      const notice = `estimated ${quote(item.user_story)}: ${estimateWords(item.estimate)}`
      return await tell(writing, 'items/backlog_item_estimate', { id, estimate: item.estimate }, notice)
    }
    case 'position': {
      const notice = `moved ${quote(item.user_story)}`
      return await tell(writing, 'items/sort', { id, position: item.position }, notice)
    }
  }
}

/** The item as it was. */
export async function destroyItem(writing: Writing, id: number): Promise<Item> {
  const { db, projectId } = writing
  const [item] = await db
    .delete(items)
    .where(and(eq(items.id, id), eq(items.project_id, projectId)))
    .returning()
  if (item === undefined) throw new LockstepError('not_found', 'This item is gone.')
  await tell(
    writing,
    'items/destroy',
    { id, user_story: item.user_story },
    `deleted ${quote(item.user_story)}`,
  )
  return item
}
