import type { Sql } from 'postgres'
import { hashPassword } from '../sign-in/password.ts'

/** The password of all seeded people. */
export const seededPassword = 'password'

interface SeededTeam {
  readonly name: string
  readonly people: readonly string[]
  /** List to its todos; one that begins with `[x] ` is done. */
  readonly lists: Readonly<Record<string, readonly string[]>>
}

const teams: readonly SeededTeam[] = [
  {
    name: 'Household',
    people: ['Alice', 'Olivia'],
    lists: {
      Groceries: [
        'Get Cheeseburgers',
        'Buy some tasty kale juice',
        '[x] Eggs, a dozen',
        'Bread from the place on the corner',
      ],
      'Weekend at the lake': [
        '[x] Ask Marta about the cabin key',
        'Borrow the big tent',
        'Find the other paddle',
        'Look up trains on Sunday evening',
      ],
      'Things to mend': ['Dripping kitchen tap', 'Back wheel of the blue bicycle'],
    },
  },
  {
    name: 'Harbour office',
    people: ['Bob'],
    lists: { 'Quay inspection': ['Count the bollards', 'Repaint mark 14'] },
  },
]

/** Fills an empty database, once: where there is any user, nothing is touched. */
export async function seed(sql: Sql): Promise<void> {
  const hash = await hashPassword(seededPassword)
  await sql.begin(async (tx) => {
    await tx`lock table todo_app.users in share row exclusive mode`
    const [known] = await tx`select 1 from todo_app.users limit 1`
    if (known !== undefined) return
    for (const { name, people, lists } of teams) {
      const [team] = await tx`insert into todo_app.teams (name) values (${name}) returning id`
      for (const person of people) {
        const email = `${person.toLowerCase()}@example.com`
        const [user] = await tx`
          insert into todo_app.users (email, name, password_hash) values (${email}, ${person}, ${hash})
          returning id`
        await tx`insert into todo_app.members (team_id, user_id) values (${team?.id}, ${user?.id})`
      }
      for (const [list, titles] of Object.entries(lists)) {
        const [made] = await tx`
          insert into todo_app.lists (team_id, name) values (${team?.id}, ${list}) returning id`
        const rows = titles.map((title) => ({
          list_id: made?.id,
          title: title.replace(/^\[x\] /, ''),
          done: title.startsWith('[x] '),
        }))
        await tx`insert into todo_app.todos ${tx(rows)}`
      }
    }
  })
}
