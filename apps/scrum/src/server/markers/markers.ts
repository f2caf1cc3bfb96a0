import { LockstepError } from '@lockstep/protocol'
import { and, asc, eq, isNull } from 'drizzle-orm'
import { figureText, type Marker, markersMax } from '../../model/board.ts'
import { distribute } from '../../model/distribute.ts'
import { items, planningMarkers, projects } from '../database/tables.ts'
import { tell, type Writing } from '../projects/writing.ts'
import type { Distribution, NewMarker, Replacement } from './routes.ts'

export async function createMarker(writing: Writing, { position }: NewMarker): Promise<Marker> {
  const { db, projectId } = writing
  await lockProject(writing)
  const own = await db
    .select({ id: planningMarkers.id })
    .from(planningMarkers)
    .where(eq(planningMarkers.project_id, projectId))
  if (own.length >= markersMax) {
    throw new LockstepError('bad_value', `position: a backlog has at most ${markersMax} markers`)
  }
  const [made] = await db.insert(planningMarkers).values({ project_id: projectId, position }).returning()
  if (made === undefined) throw new LockstepError('internal')
  await tell(writing, 'planning_markers/create', { id: made.id, position }, 'cut the backlog')
  return made
}

export async function changeMarker(writing: Writing, id: number, { position }: NewMarker): Promise<Marker> {
  const { db, projectId } = writing
  const [moved] = await db
    .update(planningMarkers)
    .set({ position })
    .where(and(eq(planningMarkers.id, id), eq(planningMarkers.project_id, projectId)))
    .returning()
  if (moved === undefined) throw new LockstepError('not_found', 'This marker is gone.')
  await tell(writing, 'planning_markers/update', { id, position }, 'moved a planning marker')
  return moved
}

/** The marker that is gone. */
export async function destroyMarker(writing: Writing, id: number): Promise<Marker> {
  const { db, projectId } = writing
  const [gone] = await db
    .delete(planningMarkers)
    .where(and(eq(planningMarkers.id, id), eq(planningMarkers.project_id, projectId)))
    .returning()
  if (gone === undefined) throw new LockstepError('not_found', 'This marker is gone.')
  await tell(writing, 'planning_markers/destroy', { id }, 'removed a planning marker')
  return gone
}

/** How many are gone. */
export async function destroyMarkers(writing: Writing): Promise<{ count: number }> {
  const { db, projectId } = writing
  await lockProject(writing)
  const gone = await db
    .delete(planningMarkers)
    .where(eq(planningMarkers.project_id, projectId))
    .returning({ id: planningMarkers.id })
  if (gone.length > 0) await tell(writing, 'planning_markers/destroy_all', {}, 'removed all planning markers')
  return { count: gone.length }
}

/** Cuts the backlog anew, into parts of one sprint's points. */
export async function distributeMarkers(
  writing: Writing,
  { velocity }: Distribution,
): Promise<{ count: number }> {
  const { db, projectId } = writing
  await lockProject(writing)
  const backlog = await db
    .select({ estimate: items.estimate, position: items.position })
    .from(items)
    .where(and(eq(items.project_id, projectId), isNull(items.sprint_id)))
    .orderBy(asc(items.position))
  const positions = distribute(backlog, velocity, markersMax)
  await replace(writing, positions)
  const notice = `cut the backlog into sprints of ${figureText(velocity)} points`
  await tell(writing, 'planning_markers/distribute', { velocity, count: positions.length }, notice)
  return { count: positions.length }
}

export async function replaceMarkers(
  writing: Writing,
  { positions }: Replacement,
): Promise<{ count: number }> {
  await lockProject(writing)
  await replace(writing, positions)
  const count = positions.length
  await tell(writing, 'planning_markers/distribute', { count }, 'put the planning markers back')
  return { count }
}

async function replace({ db, projectId }: Writing, positions: readonly string[]): Promise<void> {
  await db.delete(planningMarkers).where(eq(planningMarkers.project_id, projectId))
  const rows = positions.map((position) => ({ project_id: projectId, position }))
  if (rows.length > 0) await db.insert(planningMarkers).values(rows)
}

/** Whoever sets many markers or counts them is alone in it. */
async function lockProject({ db, projectId }: Writing): Promise<void> {
  await db.select({ id: projects.id }).from(projects).where(eq(projects.id, projectId)).for('no key update')
}
