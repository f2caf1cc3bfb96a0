import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { getRequestListener } from '@hono/node-server'
import { LockstepError } from '@lockstep/protocol'
import type { Logger } from '@lockstep/server'
import { startEmbeddedPostgres } from '@lockstep/server/embedded'
import { administratorOf } from './administrator.ts'
import { createScrum } from './app.ts'
import { seededPassword } from './database/seed.ts'

/** Where the embedded database lives: in the workspace's root. */
const defaultDataDir = fileURLToPath(new URL('../../../../.lockstep', import.meta.url))
const defaultPort = 3000

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
  await start()
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : String(error)}\n`)
  await stop(1)
}

async function start(): Promise<void> {
  const port = readPort(process.env.PORT)
  if (process.env.REDIS_URL) {
    console.log('REDIS_URL is ignored for now: this version runs on one node and needs no Redis.')
  }
  const http = createServer(notYet)
  // Taken first: a port in use should not cost the start of a database.
  await listen(http, port)
  undo.push(() => new Promise((resolve) => http.close(() => resolve())))

  const databaseUrl = process.env.DATABASE_URL || (await startDatabase())
  const scrum = await createScrum({ databaseUrl, logger, administrator: administratorOf(process.env) })
  undo.push(async () => {
    await scrum.close()
    http.closeAllConnections()
  })
  http.off('request', notYet)
  http.on(
    'request',
    getRequestListener((request, env) => scrum.fetch(request, env)),
  )
  scrum.attach(http)
  if (stopping === undefined) greet(port)
}

/** Pages of an earlier run come back while this one still starts; they try again. */
function notYet(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(503, { 'Content-Type': 'application/json', 'Retry-After': '1', Connection: 'close' })
  response.end(JSON.stringify({ error: new LockstepError('restarting') }))
}

async function startDatabase(): Promise<string> {
  const dataDir = process.env.LOCKSTEP_DATA || defaultDataDir
  console.log(`Starting Postgres in ${dataDir} ...`)
  const postgres = await startEmbeddedPostgres({ dataDir, logger })
  undo.push(() => postgres.stop())
  return postgres.url
}

function readPort(text: string | undefined): number {
  if (text === undefined || text === '') return defaultPort
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new Error(
    `PORT is "${text}", which is no port. Give a number from 1 to 65535, e.g. PORT=${defaultPort}.`,
  )
}

function listen(http: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') {
        const other = port === defaultPort ? 3001 : defaultPort
        reject(
          new Error(
            `Port ${port} is in use by another program. Stop that program, or choose another port: PORT=${other} npm start`,
          ),
        )
      } else if (error.code === 'EACCES') {
        reject(
          new Error(`Port ${port} needs more rights. Choose one from 1024 on: PORT=${defaultPort} npm start`),
        )
      } else reject(error)
    })
    http.listen(port, resolve)
  })
}

function greet(port: number): void {
  const plain = !process.stdout.isTTY || process.env.NO_COLOR
  const bold = (text: string) => (plain ? text : `\u001b[1m${text}\u001b[22m`)
  const faint = (text: string) => (plain ? text : `\u001b[2m${text}\u001b[22m`)
  const administrator = administratorOf(process.env)
  const inspector =
    administrator === undefined
      ? ''
      : `  What happens to each change: ${bold(`http://localhost:${port}/inspector`)}, signed in as ${administrator}.\n\n`
  console.log(`
  ${bold('Lockstep Scrum')} is ready at ${bold(`http://localhost:${port}`)}

  Open it in two browsers and sign in to each as one of
    ${bold('alice@example.com')}    ${faint('password:')} ${seededPassword}
    ${bold('olivia@example.com')}   ${faint('password:')} ${seededPassword}

${inspector}  ${faint('Ctrl-C stops everything.')}
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
