import { LockstepError } from '@lockstep/protocol'
import { and, eq } from 'drizzle-orm'
import type { Task } from '../../model/board.ts'
import { placeIn, tasksOf } from '../database/place.ts'
import { items, tasks } from '../database/tables.ts'
import { quote, tell, type Writing } from '../projects/writing.ts'
import type { NewTask, TaskChange } from './routes.ts'

export async function createTask(writing: Writing, wanted: NewTask): Promise<Task> {
  const { db, projectId } = writing
  const { item_id, summary, done } = wanted
  const position = await placeIn(db, tasksOf(item_id, projectId), wanted)
  const [item] = await db
    .select({ id: items.id })
    .from(items)
    .where(and(eq(items.id, item_id), eq(items.project_id, projectId)))
    .for('key share')
  if (item === undefined) throw new LockstepError('not_found', 'The item of this task is gone.')
  const [task] = await db
    .insert(tasks)
    .values({ item_id, project_id: projectId, summary, done, position })
    .returning()
  if (task === undefined) throw new LockstepError('internal')
  await tell(writing, 'tasks/create', { task: { ...task } }, `added the task ${quote(summary)}`)
  return task
}

export async function changeTask(writing: Writing, id: number, change: TaskChange): Promise<Task> {
  const { db, projectId } = writing
  const own = and(eq(tasks.id, id), eq(tasks.project_id, projectId))
  const [seen] = await db.select({ itemId: tasks.item_id }).from(tasks).where(own)
  if (seen === undefined) throw new LockstepError('not_found', 'This task is gone.')
  const moves = change.position !== undefined || change.after !== undefined
  const position = moves ? await placeIn(db, tasksOf(seen.itemId, projectId), change, id) : undefined
  const [old] = await db.select().from(tasks).where(own).for('no key update')
  if (old === undefined) throw new LockstepError('not_found', 'This task is gone.')
  const task: Task = {
    ...old,
    summary: change.summary ?? old.summary,
    done: change.done ?? old.done,
    position: position ?? old.position,
  }
  const { item_id, summary, done } = task
  if (summary === old.summary && done === old.done && task.position === old.position) return old
  await db.update(tasks).set({ summary, done, position: task.position }).where(own)
  if (summary !== old.summary) {
    await tell(writing, 'tasks/task_summary', { id, item_id, summary }, `renamed a task to ${quote(summary)}`)
  }
  if (done !== old.done) {
    const notice = done ? `finished ${quote(summary)}` : `reopened ${quote(summary)}`
    await tell(writing, 'tasks/task_done', { id, item_id, done }, notice)
  }
  if (task.position !== old.position) {
    await tell(
      writing,
      'tasks/sort',
      { id, item_id, position: task.position },
      `moved the task ${quote(summary)}`,
    )
  }
  return task
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
  await tell(writing, 'tasks/destroy', { id, item_id, summary }, `deleted the task ${quote(summary)}`)
  return task
}
