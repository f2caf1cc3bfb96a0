import { LockstepError } from '@lockstep/protocol'
import { and, eq } from 'drizzle-orm'
import { hoursWords, type Task } from '../../model/board.ts'
import { placeIn, tasksOf } from '../database/place.ts'
import { items, tasks } from '../database/tables.ts'
import { assertMembers, memberName } from '../projects/membership.ts'
import { quote, tell, type Writing } from '../projects/writing.ts'
import type { NewTask, TaskChange } from './routes.ts'

export async function createTask(writing: Writing, wanted: NewTask): Promise<Task> {
  const { db, projectId } = writing
  const { item_id, summary, done, hours_left, user_id } = wanted
  const position = await placeIn(db, tasksOf(item_id, projectId), wanted)
  const sprintId = await sprintOf(writing, item_id)
  await assertMembers(writing, [user_id])
  const [task] = await db
    .insert(tasks)
    .values({ item_id, project_id: projectId, summary, done, hours_left, user_id, position })
    .returning()
  if (task === undefined) throw new LockstepError('internal')
  await tell(writing, 'tasks/create', { task: { ...task } }, `added the task ${quote(summary)}`, sprintId)
  return task
}

const fields = ['summary', 'user_id', 'hours_left', 'done', 'item_id', 'position'] as const

export async function changeTask(writing: Writing, id: number, change: TaskChange): Promise<Task> {
  const { db, projectId } = writing
  const own = and(eq(tasks.id, id), eq(tasks.project_id, projectId))
  const [seen] = await db.select({ itemId: tasks.item_id }).from(tasks).where(own)
  if (seen === undefined) throw new LockstepError('not_found', 'This task is gone.')
  const itemId = change.item_id ?? seen.itemId
  const moves = change.position !== undefined || change.after !== undefined || itemId !== seen.itemId
  const position = moves ? await placeIn(db, tasksOf(itemId, projectId), change, id) : undefined
  const sprintId = await sprintOf(writing, itemId)
  const [old] = await db.select().from(tasks).where(own).for('no key update')
  if (old === undefined) throw new LockstepError('not_found', 'This task is gone.')
  if (change.user_id !== undefined) await assertMembers(writing, [change.user_id])
  const { summary, done, hours_left, user_id } = change
  const wanted = {
    ...(summary !== undefined && { summary }),
    ...(done !== undefined && { done }),
    ...(hours_left !== undefined && { hours_left }),
    ...(user_id !== undefined && { user_id }),
    ...(position !== undefined && { item_id: itemId, position }),
  }
  const differs = Object.entries(wanted).some(([field, value]) => value !== old[field as keyof typeof wanted])
  if (!differs) return old
  // What is done has nothing left and the reverse: the database makes the one of the other.
  const [task] = await db.update(tasks).set(wanted).where(own).returning()
  if (task === undefined) throw new LockstepError('internal')
  const changed = fields.filter((field) => old[field] !== task[field])
  for (const field of changed) await tellChange(writing, field, task, changed, sprintId)
  return task
}

async function tellChange(
  writing: Writing,
  field: (typeof fields)[number],
  task: Task,
  changed: readonly (typeof fields)[number][],
  sprintId: number | null,
): Promise<void> {
  const { id, item_id, summary, done, hours_left, user_id, position } = task
  switch (field) {
    case 'summary': {
      const notice = `renamed a task to ${quote(summary)}`
      return await tell(writing, 'tasks/task_summary', { id, item_id, summary }, notice, sprintId)
    }
    case 'user_id': {
      const who = user_id === null ? 'nobody' : await memberName(writing, user_id)
      const envelope = { id, item_id, user_id }
      return await tell(writing, 'tasks/assign', envelope, `gave ${quote(summary)} to ${who}`, sprintId)
    }
    case 'hours_left': {
      // Finishing and reopening say more than the hours that come with them.
      if (changed.includes('done')) return
      const notice = `says of ${quote(summary)}: ${hoursWords(hours_left)}`
      return await tell(writing, 'tasks/task_estimate', { id, item_id, hours_left }, notice, sprintId)
    }
    case 'done': {
      const notice = done ? `finished ${quote(summary)}` : `reopened ${quote(summary)}`
      return await tell(writing, 'tasks/task_estimate', { id, item_id, hours_left, done }, notice, sprintId)
    }
    case 'item_id':
      return
    case 'position':
      return await tell(
        writing,
        'tasks/sort',
        { id, item_id, position },
        `moved the task ${quote(summary)}`,
        sprintId,
      )
  }
}

/** The task as it was. */
export async function destroyTask(writing: Writing, id: number): Promise<Task> {
  const { db, projectId } = writing
  const [task] = await db
    .delete(tasks)
    .where(and(eq(tasks.id, id), eq(tasks.project_id, projectId)))
    .returning()
  if (task === undefined) throw new LockstepError('not_found', 'This task is gone.')
  const { item_id, summary } = task
  const sprintId = await sprintOf(writing, item_id)
  await tell(
    writing,
    'tasks/destroy',
    { id, item_id, summary },
    `deleted the task ${quote(summary)}`,
    sprintId,
  )
  return task
}

/**
 * The sprint of the item that a task belongs to.
 * @throws LockstepError `not_found` where the item is gone
 */
async function sprintOf({ db, projectId }: Writing, itemId: number): Promise<number | null> {
  const [item] = await db
    .select({ sprintId: items.sprint_id })
    .from(items)
    .where(and(eq(items.id, itemId), eq(items.project_id, projectId)))
    .for('key share')
  if (item === undefined) throw new LockstepError('not_found', 'The item of this task is gone.')
  return item.sprintId
}
