import type { Sql } from 'postgres'
import { firstRanks } from '../../model/rank.ts'
import { hashPassword } from '../sign-in/password.ts'
import { drizzleOn } from './connection.ts'
import { bananaScrum, harbour, type SeededItem } from './seed-rows.ts'
import { plantSprints } from './seed-sprints.ts'
import { items, memberships, projects, tasks, users } from './tables.ts'

/** The password of all seeded people. */
export const seededPassword = 'password'

const people = [
  { email: 'alice@example.com', name: 'Alice', hue: 5 },
  { email: 'olivia@example.com', name: 'Olivia', hue: 1 },
  { email: 'bob@example.com', name: 'Bob', hue: 3 },
]

/** Fills an empty database, once: where there is any user, nothing is touched. */
export async function seed(sql: Sql): Promise<void> {
  const passwordHash = await hashPassword(seededPassword)
  await sql.begin(async (tx) => {
    await tx`lock table users in share row exclusive mode`
    const [known] = await tx`select 1 from users limit 1`
    if (known !== undefined) return
    const db = drizzleOn(tx)
    const made = await db
      .insert(users)
      .values(people.map((person) => ({ ...person, passwordHash })))
      .returning()
    const named = (name: string) => made.filter((user) => user.name === name)

    const plant = async (name: string, team: typeof made, rows: readonly SeededItem[]): Promise<number> => {
      const [project] = await db.insert(projects).values({ name }).returning()
      if (project === undefined) throw new Error('the project was not made')
      await db
        .insert(memberships)
        .values(
          team.map((user) => ({ project_id: project.id, user_id: user.id, name: user.name, hue: user.hue })),
        )
      const ranks = firstRanks(rows.length)
      for (const [i, row] of rows.entries()) {
        const [item] = await db
          .insert(items)
          .values({
            project_id: project.id,
            user_story: row.userStory,
            description: row.description ?? '',
            estimate: row.estimate,
            position: ranks[i] ?? '',
          })
          .returning()
        const summaries = row.tasks ?? []
        if (item === undefined || summaries.length === 0) continue
        const taskRanks = firstRanks(summaries.length)
        await db.insert(tasks).values(
          summaries.map((summary, j) => ({
            item_id: item.id,
            project_id: project.id,
            summary: summary.replace(/^\[x\] /, ''),
            done: summary.startsWith('[x] '),
            position: taskRanks[j] ?? '',
          })),
        )
      }
      return project.id
    }
    const team = [...named('Alice'), ...named('Olivia')]
    const projectId = await plant('Banana Scrum', team, bananaScrum)
    await plant('Harbour Office', named('Bob'), harbour)
    const ids = new Map(team.map(({ id, name }) => [name, id]))
    const [now] = await tx<{ today: string }[]>`select (now() at time zone 'utc')::date::text as today`
    await plantSprints(db, projectId, ids, now?.today ?? '')
  })
}
