import { LockstepError } from '@lockstep/protocol'
import { and, eq } from 'drizzle-orm'
import { estimateWords, type Item, type Task } from '../../model/board.ts'
import { firstRanks } from '../../model/rank.ts'
import { backlogOf, placeIn } from '../database/place.ts'
import { items, itemTags, tasks } from '../database/tables.ts'
import { bringBackToItem, keepOfItem } from '../projects/kept.ts'
import { assertMembers } from '../projects/membership.ts'
import { quote, tell, type Writing } from '../projects/writing.ts'
import { sprintName } from '../sprints/sprints.ts'
import { tagNamed } from '../tags/tags.ts'
import type { ItemChange, NewItem } from './routes.ts'

/** The item, and the tasks that came with it. */
export async function createItem(writing: Writing, wanted: NewItem): Promise<Item & { tasks: Task[] }> {
  const { db, projectId } = writing
  const position = await placeIn(db, backlogOf(projectId), wanted)
  const { user_story, description, estimate, sprint_id } = wanted
  if (sprint_id !== null) await sprintName(writing, sprint_id)
  await assertMembers(
    writing,
    wanted.tasks.map((task) => task.user_id),
  )
  const [item] = await db
    .insert(items)
    .values({ project_id: projectId, user_story, description, estimate, position, sprint_id })
    .returning()
  if (item === undefined) throw new LockstepError('internal')
  const ranks = firstRanks(wanted.tasks.length)
  const rows = wanted.tasks.map((task, i) => ({
    ...task,
    item_id: item.id,
    project_id: projectId,
    position: ranks[i] ?? '',
  }))
  const made = rows.length === 0 ? [] : await db.insert(tasks).values(rows).returning()
  for (const name of wanted.tags) {
    const tag = await tagNamed(writing, name)
    const link = { project_id: projectId, item_id: item.id, tag_id: tag.id }
    await db.insert(itemTags).values(link).onConflictDoNothing()
  }
  if (wanted.restores !== undefined) await bringBackToItem(writing, wanted.restores, item.id)
  await tell(writing, 'items/create', { item: { ...item } }, `added ${quote(user_story)}`, sprint_id)
  return { ...item, tasks: made }
}

const fields = ['user_story', 'description', 'estimate', 'sprint_id', 'position'] as const

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
    sprint_id: change.sprint_id === undefined ? old.sprint_id : change.sprint_id,
    position: position ?? old.position,
  }
  const changed = fields.filter((field) => old[field] !== wanted[field])
  if (changed.length === 0) return old
  const { user_story, description, estimate, sprint_id } = wanted
  const sprint =
    changed.includes('sprint_id') && sprint_id !== null ? await sprintName(writing, sprint_id) : undefined
  await db
    .update(items)
    .set({ user_story, description, estimate, sprint_id, position: wanted.position })
    .where(own)
  for (const field of changed) {
    // Where an item goes to another list, its place there is part of that.
    if (field === 'position' && changed.includes('sprint_id')) continue
    await tellChange(writing, field, old, wanted, sprint)
  }
  return wanted
}

async function tellChange(
  writing: Writing,
  field: (typeof fields)[number],
  old: Item,
  item: Item,
  sprint: string | undefined,
): Promise<void> {
  const { id, sprint_id, position } = item
  switch (field) {
    case 'user_story': {
      const notice = `renamed ${quote(old.user_story)} to ${quote(item.user_story)}`
      return await tell(
        writing,
        'items/backlog_item_user_story',
        { id, user_story: item.user_story },
        notice,
        sprint_id,
      )
    }
    case 'description': {
      const notice = `described ${quote(item.user_story)}`
      return await tell(writing, 'items/backlog_item_description', { id }, notice, sprint_id)
    }
    case 'estimate': {
      const notice = `estimated ${quote(item.user_story)}: ${estimateWords(item.estimate)}`
      const envelope = { id, estimate: item.estimate }
      return await tell(writing, 'items/backlog_item_estimate', envelope, notice, sprint_id)
    }
    case 'sprint_id': {
      if (sprint_id === null) {
        const notice = `took ${quote(item.user_story)} back to the backlog`
        const envelope = { id, position }
        return await tell(writing, 'sprints/remove_item_from_sprint', envelope, notice, old.sprint_id)
      }
      if (old.sprint_id !== null) {
        // The page of the sprint that it leaves shows nothing of the one that it comes to.
        const notice = `took ${quote(item.user_story)} out of this sprint`
        await tell(writing, 'sprints/remove_item_from_sprint', { id, position }, notice, old.sprint_id)
      }
      const notice = `put ${quote(item.user_story)} into ${quote(sprint ?? '')}`
      const envelope = { id, sprint_id, position }
      return await tell(writing, 'sprints/assign_item_to_sprint', envelope, notice, sprint_id)
    }
    case 'position': {
      const operation = sprint_id === null ? 'items/sort' : 'sprints/sort'
      return await tell(writing, operation, { id, position }, `moved ${quote(item.user_story)}`, sprint_id)
    }
  }
}

/** The item as it was. */
export async function destroyItem(writing: Writing, id: number): Promise<Item> {
  const { db, projectId } = writing
  await keepOfItem(writing, id)
  const [item] = await db
    .delete(items)
    .where(and(eq(items.id, id), eq(items.project_id, projectId)))
    .returning()
  if (item === undefined) throw new LockstepError('not_found', 'This item is gone.')
  const { user_story, sprint_id } = item
  await tell(writing, 'items/destroy', { id, user_story }, `deleted ${quote(user_story)}`, sprint_id)
  return item
}
