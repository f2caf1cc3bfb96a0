import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { LockstepError } from '@lockstep/protocol'
import { startEmbeddedPostgres } from '../embedded/embedded.ts'
import type { Logger } from '../runtime/logger.ts'
import { nodeRuntime } from '../runtime/node.ts'
import { createSyncServer, type SyncServer } from '../server.ts'
import { ConfigError } from './config-error.ts'
import { takeFolder } from './instance.ts'
import type { ServeSettings } from './settings.ts'

/** How long requests in progress may take once everything else has ended, in ms. */
const lastRequestsMsMax = 5_000

/** A server that runs; `close` ends it. */
export interface Serving {
  /** With the mount path. */
  readonly url: string
  /** Answers `ready` with 503, waits, tells clients to come back, and ends what was started. Once. */
  close(): Promise<void>
}

/**
 * Starts a server as the settings say, and resolves when clients may come. What was started is ended again where
 * something later fails.
 * @throws ConfigError, SetupError with a message for the operator
 */
export async function serve(settings: ServeSettings, logger: Logger): Promise<Serving> {
  const undo: (() => Promise<unknown>)[] = []
  const undoAll = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) {
      await step().catch((error: unknown) => logger.error(`stopping: ${String(error)}`))
    }
  }
  try {
    const claim = await takeFolder(settings.dataDir)
    undo.push(() => claim.release())
    const http = createServer()
    const notYet = answerNotYet(settings.path)
    http.on('request', notYet)
    // Taken first: a port in use should not cost the start of a database.
    await listen(http, settings)
    undo.push(() => closeHttp(http))
    const database = settings.database ?? (await startDatabase(settings, logger, undo))
    const server = await createSyncServer(optionsOf(settings, database, logger)).catch((error: unknown) => {
      throw juggernautError(error, settings)
    })
    http.off('request', notYet)
    server.attach(http)
    undo.push(() => server.close())
    const url = `http://${hostText(settings.host)}:${(http.address() as AddressInfo).port}${settings.path}` // TCP
    await claim.ready(url)
    if (server.juggernautPort !== undefined) logger.info(`Juggernaut at port ${server.juggernautPort}`)
    let closing: Promise<void> | undefined
    return {
      url,
      close() {
        closing ??= drain(server, settings.drainMs).then(undoAll)
        return closing
      },
    }
  } catch (error) {
    await undoAll()
    throw error
  }
}

function optionsOf(
  { config, path, slot, publishSecrets, callbacks, juggernaut, database: own }: ServeSettings,
  database: string,
  logger: Logger,
): Parameters<typeof createSyncServer>[0] {
  const { port: _port, host: _host, drainMs: _drainMs, ...options } = config
  return {
    authenticate: () => null,
    // A database that we have made is ours to mend.
    setup: own === undefined ? 'apply' : 'check',
    ...options,
    database,
    path,
    logger,
    ...(slot === undefined ? {} : { slot }),
    ...(publishSecrets.length === 0
      ? {}
      : {
          publish: { ...config.publish, secret: publishSecrets },
          issue: { secret: publishSecrets },
        }),
    ...(callbacks === undefined ? {} : { callbacks }),
    ...(juggernaut === undefined ? {} : { juggernaut }),
  }
}

async function startDatabase(
  settings: ServeSettings,
  logger: Logger,
  undo: (() => Promise<unknown>)[],
): Promise<string> {
  const dataDir = join(settings.dataDir, 'postgres')
  logger.info(`no database was named: starting Postgres in ${dataDir}`)
  const postgres = await startEmbeddedPostgres({ dataDir, logger })
  undo.push(() => postgres.stop())
  return postgres.url
}

/** A host that reaches what listens at this address. */
function hostText(host: string | undefined): string {
  if (host === undefined || host === '0.0.0.0' || host === '::') return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}

/** Lets balancers notice that nobody is to be sent here any more. */
function drain(server: SyncServer, drainMs: number): Promise<void> {
  server.drain()
  return new Promise((resolve) => {
    if (drainMs > 0) nodeRuntime.timer(drainMs, resolve)
    else resolve()
  })
}

/** Clients of an earlier run come back while this one still starts; they try again. */
function answerNotYet(path: string): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const lives = request.url === `${path.replace(/\/+$/, '')}/live`
    response.writeHead(lives ? 200 : 503, {
      'content-type': 'application/json',
      connection: 'close',
      ...(lives ? {} : { 'retry-after': '1' }),
    })
    response.end(JSON.stringify(lives ? { status: 'live' } : { error: new LockstepError('restarting') }))
  }
}

function listen(http: Server, { port, host }: ServeSettings): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, port, host)))
    http.listen({ port, ...(host === undefined ? {} : { host }) }, resolve)
  })
}

/** The only port that a sync server listens at is Juggernaut's. */
function juggernautError(error: unknown, { juggernaut, host }: ServeSettings): unknown {
  const isPort = error instanceof Error && 'syscall' in error && error.syscall === 'listen'
  // The system's errors are such.
  return isPort && juggernaut !== undefined
    ? listenError(error as NodeJS.ErrnoException, juggernaut.port, host)
    : error
}

function listenError(error: NodeJS.ErrnoException, port: number, host: string | undefined): Error {
  const messages: Readonly<Record<string, string>> = {
    EADDRINUSE: `Port ${port} is in use by another program. End that program, or give another port.`,
    EACCES: `Port ${port} needs more rights. Give one from 1024 on.`,
    EADDRNOTAVAIL: `${host} is no address of this machine.`,
    ENOTFOUND: `${host} is no address of this machine.`,
  }
  return new ConfigError(messages[error.code ?? ''] ?? `Port ${port} cannot be used: ${error.message}`, {
    cause: error,
  })
}

/** Ends the connections once their requests are answered, or the time is over. */
function closeHttp(http: Server): Promise<void> {
  return new Promise((resolve) => {
    const late = nodeRuntime.timer(lastRequestsMsMax, () => http.closeAllConnections())
    http.close(() => {
      late.cancel()
      resolve()
    })
    http.closeIdleConnections()
  })
}
