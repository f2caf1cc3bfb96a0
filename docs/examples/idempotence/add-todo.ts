import type { SyncServer } from '@lockstep/server'

export const addTodo = (server: SyncServer, request: Request): Promise<Response> =>
  server.respond(request, async ({ sql }) => {
    const { title } = await request.json()
    const [todo] = await sql`INSERT INTO todos (title) VALUES (${title}) RETURNING id, title`
    return todo
  })
