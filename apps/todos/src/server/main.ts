import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { getRequestListener } from '@hono/node-server'
import { LockstepError } from '@lockstep/protocol'
import { assertDatabaseUrl, type Logger } from '@lockstep/server'
import { startEmbeddedPostgres } from '@lockstep/server/embedded'
import { createTodos } from './app.ts'
import { seededPassword } from './database/seed.ts'
import { defaultPort, readSettings, type Settings } from './settings.ts'

/** Where the embedded database lives: in the workspace's root, beside that of the Scrum board. */
const defaultDataDir = fileURLToPath(new URL('../../../../.lockstep-todos', import.meta.url))

/** How long stopping may take before the process just ends. */
const stopMsMax = 10_000

const logger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (message) => console.warn(message),
  error: (message) => console.error(message),
}

/** What is to be undone at the end, newest first. */
const undo: (() => Promise<void>)[] = []
let stopping: Promise<void> | undefined

process.on('SIGINT', () => void stop(0))
process.on('SIGTERM', () => void stop(0))

try {
  await start(readSettings(process.env))
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : String(error)}\n`)
  await stop(1)
}

async function start(settings: Settings): Promise<void> {
  if (settings.databaseUrl !== undefined) assertDatabaseUrl(settings.databaseUrl)
  const http = createServer(notYet)
  // Taken first: a port in use should not cost the start of a database.
  const port = await listen(http, settings.port)
  undo.push(() => new Promise((resolve) => http.close(() => resolve())))

  const databaseUrl = settings.databaseUrl ?? (await startDatabase(settings.dataDir ?? defaultDataDir))
  const { open, jsonp } = settings
  const todos = await createTodos({ databaseUrl, logger, open, jsonp })
  undo.push(async () => {
    await todos.close()
    http.closeAllConnections()
  })
  http.off('request', notYet)
  http.on(
    'request',
    getRequestListener((request, env) => todos.fetch(request, env)),
  )
  todos.attach(http)
  if (stopping === undefined) greet(port, settings)
}

/** Pages of an earlier run come back while this one still starts; they try again. */
function notYet(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(503, { 'Content-Type': 'application/json', 'Retry-After': '1', Connection: 'close' })
  response.end(JSON.stringify({ error: new LockstepError('restarting') }))
}

async function startDatabase(dataDir: string): Promise<string> {
  console.log(`Starting Postgres in ${dataDir} ...`)
  const postgres = await startEmbeddedPostgres({ dataDir, logger })
  undo.push(() => postgres.stop())
  return postgres.url
}

/** Resolves with the port: a free one where 0 was asked for. */
function listen(http: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') {
        const other = port === defaultPort ? 3001 : defaultPort
        reject(
          new Error(
            `Port ${port} is in use by another program. Stop that program, or choose another port: PORT=${other} npm run start:todos`,
          ),
        )
      } else if (error.code === 'EACCES') {
        reject(
          new Error(
            `Port ${port} needs more rights. Choose one from 1024 on: PORT=${defaultPort} npm run start:todos`,
          ),
        )
      } else reject(error)
    })
    http.listen(port, () => {
      const address = http.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

function greet(port: number, { open, jsonp }: Settings): void {
  const plain = !process.stdout.isTTY || process.env.NO_COLOR
  const bold = (text: string) => (plain ? text : `\u001b[1m${text}\u001b[22m`)
  const faint = (text: string) => (plain ? text : `\u001b[2m${text}\u001b[22m`)
  const opened = open.length === 0 ? '' : `\n  ${faint('open to everybody:')} ${open.join(', ')}`
  const polled = jsonp ? `\n  ${faint('callback-polling is on')}` : ''
  console.log(`
  ${bold('Lockstep Todos')} is ready at ${bold(`http://localhost:${port}`)}

  Open it in two browsers and sign in to each as one of
    ${bold('alice@example.com')}    ${faint('password:')} ${seededPassword}
    ${bold('olivia@example.com')}   ${faint('password:')} ${seededPassword}

  Bayeux, for Faye and CometD clients: http://localhost:${port}/bayeux${opened}${polled}

  ${faint('Ctrl-C stops everything.')}
`)
}

/** Ends everything that was started; a second call waits for the first. */
function stop(code: number): Promise<void> {
  stopping ??= (async () => {
    const late = setTimeout(() => process.exit(code || 1), stopMsMax)
    late.unref()
    process.exitCode = code
    for (const step of undo.reverse()) {
      try {
        await step()
      } catch (error) {
        console.error(error instanceof Error ? error.message : String(error))
        process.exitCode = 1
      }
    }
    process.exit()
  })()
  return stopping
}
