import { LockstepError } from '@lockstep/protocol'
import { and, eq } from 'drizzle-orm'
import type { Impediment } from '../../model/board.ts'
import { impediments } from '../database/tables.ts'
import { bringBackToImpediment, keepOfImpediment } from '../projects/kept.ts'
import { quote, tell, type Writing } from '../projects/writing.ts'
import type { ImpedimentChange, NewImpediment } from './routes.ts'

export async function createImpediment(writing: Writing, wanted: NewImpediment): Promise<Impediment> {
  const { db, projectId } = writing
  const { restores, ...fields } = wanted
  const [impediment] = await db
    .insert(impediments)
    .values({ ...fields, project_id: projectId })
    .returning()
  if (impediment === undefined) throw new LockstepError('internal')
  if (restores !== undefined) await bringBackToImpediment(writing, restores, impediment.id)
  const { id, summary } = impediment
  await tell(writing, 'impediments/create', { id, summary }, `is held up by ${quote(summary)}`)
  return impediment
}

export async function changeImpediment(
  writing: Writing,
  id: number,
  change: ImpedimentChange,
): Promise<Impediment> {
  const { db, projectId } = writing
  const own = and(eq(impediments.id, id), eq(impediments.project_id, projectId))
  const [old] = await db.select().from(impediments).where(own).for('no key update')
  if (old === undefined) throw new LockstepError('not_found', 'This impediment is gone.')
  const summary = change.summary ?? old.summary
  const description = change.description ?? old.description
  const open = change.open ?? old.open
  if (summary === old.summary && description === old.description && open === old.open) return old
  await db.update(impediments).set({ summary, description, open }).where(own)
  if (summary !== old.summary) {
    const notice = `renamed an impediment to ${quote(summary)}`
    await tell(writing, 'impediments/impediment_summary', { id, summary }, notice)
  }
  if (description !== old.description) {
    await tell(writing, 'impediments/impediment_description', { id }, `described ${quote(summary)}`)
  }
  if (open !== old.open) {
    await tell(
      writing,
      'impediments/status',
      { id, open },
      `${open ? 'reopened' : 'removed the impediment'} ${quote(summary)}`,
    )
  }
  return { ...old, summary, description, open }
}

/** The impediment as it was. */
export async function destroyImpediment(writing: Writing, id: number): Promise<Impediment> {
  const { db, projectId } = writing
  await keepOfImpediment(writing, id)
  const [impediment] = await db
    .delete(impediments)
    .where(and(eq(impediments.id, id), eq(impediments.project_id, projectId)))
    .returning()
  if (impediment === undefined) throw new LockstepError('not_found', 'This impediment is gone.')
  const { summary } = impediment
  await tell(writing, 'impediments/destroy', { id, summary }, `deleted the impediment ${quote(summary)}`)
  return impediment
}
