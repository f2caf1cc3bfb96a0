import { createServer } from 'node:http'
import { createSyncServer, defineSync } from '@lockstep/server'

const { DATABASE_URL = '', RAILS_URL = '', PUBLISH_SECRET = '', PORT = '9292' } = process.env

const sync = defineSync({
  channels: {
    'sync/todos': { authorize: ({ user }) => user.reads === 'todos' },
  },
  collections: {
    todos: {
      channel: 'sync/todos',
      external: {
        id: 'integer',
        title: 'text',
        created_at: 'timestamp with time zone',
        updated_at: 'timestamp with time zone',
      },
    },
  },
})

const lockstep = await createSyncServer({
  sync,
  database: DATABASE_URL,
  // Who is it? The Rails application knows, by its own cookie.
  authenticate: async (request) => {
    const cookie = request.headers.get('cookie') ?? ''
    const reply = await fetch(`${RAILS_URL}/whoami`, { headers: { cookie } })
    return reply.ok ? await reply.json() : null
  },
  publish: { secret: PUBLISH_SECRET },
  bayeux: { mount: '/faye' },
})
const http = createServer((_request, response) => response.writeHead(404).end())
lockstep.attach(http)
http.listen(Number(PORT))
