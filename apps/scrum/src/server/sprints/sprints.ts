import { LockstepError } from '@lockstep/protocol'
import { and, eq, inArray, isNull } from 'drizzle-orm'
import { type Sprint, sprintDaysMax } from '../../model/board.ts'
import { daysBetween } from '../../model/days.ts'
import { items, sprints } from '../database/tables.ts'
import { quote, tell, type Writing } from '../projects/writing.ts'
import type { NewSprint, SprintChange } from './routes.ts'

export async function createSprint(writing: Writing, wanted: NewSprint): Promise<Sprint> {
  const { db, projectId } = writing
  const { item_ids, ...fields } = wanted
  assertDays(fields)
  const [sprint] = await db
    .insert(sprints)
    .values({ ...fields, project_id: projectId })
    .returning()
  if (sprint === undefined) throw new LockstepError('internal')
  if (item_ids.length > 0) {
    // Only what still stands in the backlog: another sprint may have taken an item meanwhile.
    await db
      .update(items)
      .set({ sprint_id: sprint.id })
      .where(and(eq(items.project_id, projectId), isNull(items.sprint_id), inArray(items.id, item_ids)))
  }
  await tell(writing, 'sprints/create', { sprint: { ...sprint } }, `planned ${quote(sprint.name)}`, sprint.id)
  return sprint
}

export async function changeSprint(writing: Writing, id: number, change: SprintChange): Promise<Sprint> {
  const { db, projectId } = writing
  const own = and(eq(sprints.id, id), eq(sprints.project_id, projectId))
  const [old] = await db.select().from(sprints).where(own).for('no key update')
  if (old === undefined) throw new LockstepError('not_found', 'This sprint is gone.')
  const wanted: Sprint = {
    ...old,
    name: change.name ?? old.name,
    goal: change.goal ?? old.goal,
    from_date: change.from_date ?? old.from_date,
    to_date: change.to_date ?? old.to_date,
  }
  const { name, goal, from_date, to_date } = wanted
  if (name === old.name && goal === old.goal && from_date === old.from_date && to_date === old.to_date) {
    return old
  }
  assertDays(wanted)
  await db.update(sprints).set({ name, goal, from_date, to_date }).where(own)
  const notice = name === old.name ? `changed ${quote(name)}` : `renamed ${quote(old.name)} to ${quote(name)}`
  await tell(writing, 'sprints/update', { id, name, goal, from_date, to_date }, notice, id)
  return wanted
}

/** The sprint as it was; its items are in the backlog again. */
export async function destroySprint(writing: Writing, id: number): Promise<Sprint> {
  const { db, projectId } = writing
  const [sprint] = await db
    .delete(sprints)
    .where(and(eq(sprints.id, id), eq(sprints.project_id, projectId)))
    .returning()
  if (sprint === undefined) throw new LockstepError('not_found', 'This sprint is gone.')
  await tell(writing, 'sprints/destroy', { id, name: sprint.name }, `deleted ${quote(sprint.name)}`, id)
  return sprint
}

/**
 * Name of a sprint that an item is about to stand in; it stays until the transaction ends.
 * @throws LockstepError `not_found`
 */
export async function sprintName({ db, projectId }: Writing, id: number): Promise<string> {
  const [sprint] = await db
    .select({ name: sprints.name })
    .from(sprints)
    .where(and(eq(sprints.id, id), eq(sprints.project_id, projectId)))
    .for('key share')
  if (sprint === undefined) throw new LockstepError('not_found', 'This sprint is gone.')
  return sprint.name
}

function assertDays({ from_date, to_date }: { from_date: string; to_date: string }): void {
  const days = daysBetween(from_date, to_date) + 1
  if (days < 1) throw new LockstepError('bad_value', 'to_date: must not be before the first day')
  if (days > sprintDaysMax) {
    throw new LockstepError('bad_value', `to_date: a sprint is at most ${sprintDaysMax} days long`)
  }
}
