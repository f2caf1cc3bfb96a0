import { collection, defineSync } from '@lockstep/server'
import type { Sql } from 'postgres'
import type { ListRow, TodoRow } from '../model/rows.ts'

/** Who may see what. Only the columns named here leave the server, over whichever protocol. */
export function todosSync(sql: Sql) {
  return defineSync({
    channels: {
      'team/:teamId': {
        authorize: async ({ user, params }) => {
          const id = idIn(params.teamId)
          const rows = await sql`
            select 1 from todo_app.members where team_id = ${id} and user_id = ${Number(user.id)}`
          return rows.length > 0
        },
      },
      'list/:listId': {
        authorize: async ({ user, params }) => {
          const id = idIn(params.listId)
          const rows = await sql`
            select 1 from todo_app.lists join todo_app.members using (team_id)
            where lists.id = ${id} and user_id = ${Number(user.id)}`
          return rows.length > 0
        },
      },
    },
    collections: {
      lists: collection<ListRow>({
        table: 'todo_app.lists',
        channel: 'team/:team_id',
        columns: ['id', 'team_id', 'name', 'open', 'total'],
      }),
      todos: collection<TodoRow>({
        table: 'todo_app.todos',
        channel: 'list/:list_id',
        columns: ['id', 'list_id', 'title', 'done'],
      }),
    },
  })
}

export type TodosSync = ReturnType<typeof todosSync>

/** 0, which no row has, for what is no id. */
function idIn(text: string | undefined): number {
  return text !== undefined && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : 0
}
