import { LockstepError } from '@lockstep/protocol'
import { and, asc, desc, eq, gt, gte, ne, type SQL } from 'drizzle-orm'
import * as v from 'valibot'
import { isRank, rankBetween, rankLengthMax } from '../../model/rank.ts'
import type { Database } from './connection.ts'
import { items, projects, tasks } from './tables.ts'

/**
 * Where a row shall stand. A rank says it as its sender saw the list: it stays right whatever becomes of the
 * neighbours meanwhile, and is already what the sender's own screen shows. `after` is for callers that hold
 * no list: a row's id, or null for the top.
 */
export const placeFields = {
  position: v.optional(v.pipe(v.string('must be text'), v.check(isRank, 'is not a rank'))),
  after: v.optional(v.nullable(v.pipe(v.number('must be a number'), v.integer('must be an id')))),
}

export interface Place {
  readonly position?: string | undefined
  readonly after?: number | null | undefined
}

/** A list that is sorted by hand: all items of a project, or all tasks of an item. */
export interface List {
  readonly table: typeof items | typeof tasks
  readonly rows: SQL
  /** Whose row is locked while a place is sought. */
  readonly projectId: number
}

export function backlogOf(projectId: number): List {
  return { table: items, rows: eq(items.project_id, projectId), projectId }
}

export function tasksOf(itemId: number, projectId: number): List {
  return {
    table: tasks,
    rows: and(eq(tasks.item_id, itemId), eq(tasks.project_id, projectId)) ?? eq(tasks.item_id, itemId),
    projectId,
  }
}

/**
 * The rank for a place, different from all others in the list; the end of it where no place is named. Holds
 * the project's row until the transaction ends, so that two who drop into the same gap come out one after
 * the other.
 * @throws LockstepError `not_found` where the row to stand after is gone
 */
export async function placeIn(db: Database, list: List, place: Place, movingId = 0): Promise<string> {
  const { table } = list
  await db
    .select({ id: projects.id })
    .from(projects)
    .where(eq(projects.id, list.projectId))
    .for('no key update')
  const others = and(list.rows, ne(table.id, movingId))
  const next = async (condition: SQL, count: number): Promise<string[]> => {
    const rows = await db
      .select({ position: table.position })
      .from(table)
      .where(and(others, condition))
      .orderBy(asc(table.position))
      .limit(count)
    return rows.map((row) => row.position)
  }
  if (place.position !== undefined) {
    const [first, second] = await next(gte(table.position, place.position), 2)
    return fits(first === place.position ? rankBetween(first, second ?? null) : place.position)
  }
  if (place.after === null) {
    const [first] = await next(gte(table.position, ''), 1)
    return fits(rankBetween(null, first ?? null))
  }
  const [before] = await db
    .select({ position: table.position })
    .from(table)
    .where(place.after === undefined ? others : and(others, eq(table.id, place.after)))
    .orderBy(desc(table.position))
    .limit(1)
  if (place.after === undefined) return fits(rankBetween(before?.position ?? null, null))
  if (before === undefined) throw new LockstepError('not_found', 'The row to stand after is gone.')
  const [after] = await next(gt(table.position, before.position), 1)
  return fits(rankBetween(before.position, after ?? null))
}

function fits(rank: string): string {
  if (rank.length > rankLengthMax)
    throw new LockstepError('bad_value', 'position: there is no room left here')
  return rank
}
