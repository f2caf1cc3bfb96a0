import { eq, sql } from 'drizzle-orm'
import { addDays } from '../../model/days.ts'
import { rankBetween } from '../../model/rank.ts'
import type { Database } from './connection.ts'
import { bananaImpediments, bananaSprints, type SeededSprint } from './seed-rows.ts'
import { comments, impediments, items, sprints, tasks } from './tables.ts'

/** Past and running sprints, and what is in the way, of a planted project. `today` is day 0 of theirs. */
export async function plantSprints(
  db: Database,
  projectId: number,
  team: ReadonlyMap<string, number>,
  today: string,
): Promise<void> {
  const [last] = await db
    .select({ position: sql<string | null>`max(${items.position})` })
    .from(items)
    .where(eq(items.project_id, projectId))
  let rank = last?.position ?? null
  const nextRank = (): string => {
    rank = rankBetween(rank, null)
    return rank
  }
  for (const sprint of bananaSprints) await plantSprint(db, projectId, team, today, sprint, nextRank)
  for (const { comments: said, ...row } of bananaImpediments) {
    const [made] = await db
      .insert(impediments)
      .values({ ...row, project_id: projectId })
      .returning({ id: impediments.id })
    if (made === undefined) throw new Error('the impediment was not made')
    for (const [name, text] of said) {
      const user_id = team.get(name) ?? null
      await db.insert(comments).values({ project_id: projectId, impediment_id: made.id, user_id, text })
    }
  }
}

async function plantSprint(
  db: Database,
  projectId: number,
  team: ReadonlyMap<string, number>,
  today: string,
  { name, goal, firstDay, lastDay, items: rows, past }: SeededSprint,
  nextRank: () => string,
): Promise<void> {
  const [sprint] = await db
    .insert(sprints)
    .values({
      project_id: projectId,
      name,
      goal,
      from_date: addDays(today, firstDay),
      to_date: addDays(today, lastDay),
    })
    .returning({ id: sprints.id })
  if (sprint === undefined) throw new Error('the sprint was not made')
  for (const { userStory, description = '', estimate, tasks: list } of rows) {
    const [item] = await db
      .insert(items)
      .values({
        project_id: projectId,
        sprint_id: sprint.id,
        user_story: userStory,
        description,
        estimate,
        position: nextRank(),
      })
      .returning({ id: items.id })
    if (item === undefined) throw new Error('the item was not made')
    let position: string | null = null
    for (const [summary, hours_left, who] of list) {
      position = rankBetween(position, null)
      await db.insert(tasks).values({
        item_id: item.id,
        project_id: projectId,
        summary,
        hours_left,
        user_id: who === undefined ? null : (team.get(who) ?? null),
        position,
      })
    }
  }
  const points = rows.reduce((sum, { estimate }) => sum + estimate, 0)
  for (const [day, hours, pointsDone, itemsDone] of past) {
    await db.execute(sql`
      insert into sprint_days (sprint_id, project_id, day, hours_left, points, points_done, items, items_done)
      values (${sprint.id}, ${projectId}, ${addDays(today, day)}, ${hours}, ${points}, ${pointsDone},
        ${rows.length}, ${itemsDone})`)
  }
}
