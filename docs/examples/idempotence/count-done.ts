import type { Observer, SyncServer } from '@lockstep/server'

interface Todo {
  readonly id: number
  readonly done: boolean
}

export const countDone = (server: SyncServer): Promise<Observer> =>
  server.observe<Todo>(
    'todos',
    async (change, { position }) => {
      if (change.event !== 'update' || !change.row.done || change.before.done) return
      await server.sql.begin(async (sql) => {
        const first = await sql`
          INSERT INTO counted (position, todo) VALUES (${position}, ${change.key})
          ON CONFLICT DO NOTHING RETURNING todo`
        if (first.length > 0) await sql`UPDATE totals SET done = done + 1`
      })
    },
    { name: 'count-done' },
  )
