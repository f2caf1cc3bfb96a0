import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { serveStatic } from '@hono/node-server/serve-static'
import { collection, createSyncServer, defineSync } from '@lockstep/server'
import { Hono } from 'hono'

export const sync = defineSync({
  channels: { 'list/:id': { authorize: ({ user }) => user.id === 'me' } },
  collections: {
    todos: collection<{ id: number; title: string }>({
      table: 'todos',
      channel: 'list/:list_id',
      columns: ['id', 'title'],
    }),
  },
})

const { DATABASE_URL = '', PORT = '3000' } = process.env
const lockstep = await createSyncServer({ sync, database: DATABASE_URL, authenticate: () => ({ id: 'me' }) })

const app = new Hono()
app.post('/api/list/:id/todos', (c) =>
  lockstep.respond(c.req.raw, async ({ sql }) => {
    const { title } = await c.req.json()
    await sql`INSERT INTO todos (list_id, title) VALUES (${c.req.param('id')}, ${title})`
  }),
)
app.use(serveStatic({ root: 'page' }))
const http = createServer(getRequestListener(app.fetch))
lockstep.attach(http)
http.listen(Number(PORT), () => console.log(`http://localhost:${PORT}`))
