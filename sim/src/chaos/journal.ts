import type { Sql } from 'postgres'
import type { Commit } from '../history/history.ts'

type Line = Pick<Commit, 'commit' | 'rooms'> & {
  readonly write: string | null
  readonly session: string | null
  readonly counter: NonNullable<Commit['counter']> | null
  readonly operation: NonNullable<Commit['operation']> | null
  readonly truncated: NonNullable<Commit['truncated']> | null
}

/** All that was committed, in an order that is the commit order of each room. */
export async function readJournal(sql: Sql): Promise<Commit[]> {
  // The time was taken while the rooms were locked, so it rises along the commits of each of them.
  const lines = await sql<Line[]>`
    SELECT commit, write, session, rooms, counter, operation, truncated FROM journal ORDER BY at, commit`
  return lines.map(({ commit, write, session, rooms, counter, operation, truncated }) => ({
    kind: 'commit',
    at: 0,
    commit,
    rooms,
    ...(write === null ? {} : { write }),
    ...(session === null ? {} : { session }),
    ...(counter === null ? {} : { counter }),
    ...(operation === null ? {} : { operation }),
    ...(truncated === null ? {} : { truncated }),
  }))
}
