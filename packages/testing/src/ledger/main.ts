import { createServer } from 'node:http'
import { createSyncServer } from '@lockstep/server'
import { ledger } from './definition.ts'
import { forgetConnected, recordSession } from './session-states.ts'

/**
 * A sync server in a process of its own, to be killed by tests. Reads DATABASE_URL, PORT and LIMITS (JSON)
 * and CALLBACKS (JSON) from the environment; with SESSIONS it records the states of sessions in the table of that name. Tells its parent `ready` over the channel, and answers each message with its status.
 */
const { DATABASE_URL = '', PORT = '0', LIMITS = '{}', CALLBACKS, SESSIONS } = process.env

const server = await createSyncServer({
  sync: ledger,
  database: DATABASE_URL,
  limits: JSON.parse(LIMITS),
  authenticate: (request) => {
    const user = request.headers.get('x-user')
    return user === null ? null : { id: user }
  },
  ...(CALLBACKS === undefined ? {} : { callbacks: JSON.parse(CALLBACKS) }),
  ...(SESSIONS === undefined ? {} : { onSession: (event) => recordSession(server.sql, SESSIONS, event) }),
})
if (SESSIONS !== undefined) await forgetConnected(server.sql, SESSIONS, server.firstNumber)
const http = createServer((_request, response) => {
  response.writeHead(404).end()
})
server.attach(http)
http.listen(Number(PORT), '127.0.0.1', () => {
  const address = http.address()
  process.send?.({ ready: typeof address === 'object' ? address?.port : undefined })
})
process.on('message', () => process.send?.({ status: server.status() }))
process.on('SIGTERM', async () => {
  await server.close()
  http.closeAllConnections()
  http.close()
  process.disconnect?.()
})
