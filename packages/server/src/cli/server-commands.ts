import type { ArgsDef, CommandDef } from 'citty'
import { defineCommand } from 'citty'
import { loadConfig } from './config.ts'
import { ConfigError } from './config-error.ts'
import { startDaemon, stopInstance } from './daemon.ts'
import { refuseUnknown } from './flags.ts'
import { instanceOn, logFile } from './instance.ts'
import { runServer } from './run-server.ts'
import { dataDirOf, type ServeFlags, type ServeSettings, settingsOf } from './settings.ts'

const data = {
  type: 'string',
  description:
    'Folder of the embedded Postgres, the log and the process id; default: LOCKSTEP_DATA, else .lockstep',
} as const

const serveFlags = {
  config: {
    type: 'string',
    description:
      'Module that exports the sync definition, or a whole config; default: lockstep.config.{ts,mts,js,mjs,json}',
  },
  export: { type: 'string', default: 'sync', description: 'Name of the definition in it' },
  database: {
    type: 'string',
    description: 'URL of the database; default: DATABASE_URL, else a Postgres of its own',
  },
  port: { type: 'string', description: 'Default: PORT, else 4000' },
  host: { type: 'string', description: 'Address to listen at; default: all of this machine' },
  path: { type: 'string', description: 'Where it is mounted; default: /lockstep' },
  slot: { type: 'string', description: 'Name of the replication slot and publication' },
  data,
  'juggernaut-port': { type: 'string', description: 'Serves Juggernaut over TCP there; default: not at all' },
  callbacks: {
    type: 'string',
    description: "Address of the backend's callbacks, such as http://localhost:3000/juggernaut",
  },
  'callback-method': { type: 'string', description: 'GET (default) or POST' },
  'callback-secret': {
    type: 'string',
    description:
      'Signs callbacks; better in LOCKSTEP_CALLBACK_SECRET; default: the first secret of publishers',
  },
  'publish-secret': {
    type: 'string',
    description:
      'Secret of backends that publish; better in LOCKSTEP_PUBLISH_SECRET, which nobody else can read',
  },
} as const

interface Given extends ServeFlags {
  readonly config?: string | undefined
  readonly export: string
}

/** Flags that may hold a secret, and the variables that carry them to a process of its own. */
const secretFlags: Readonly<Record<string, string>> = {
  database: 'DATABASE_URL',
  'publish-secret': 'LOCKSTEP_PUBLISH_SECRET',
  'callback-secret': 'LOCKSTEP_CALLBACK_SECRET',
}

/** `lockstep serve`: runs here until it is told to end. */
export const serve: CommandDef = command('serve', 'Run a server', serveFlags, (given) =>
  runServer(() => settingsFor(given)),
)

/** `lockstep start`: the same, or in the background. */
export const start: CommandDef = command(
  'start',
  'Run a server, with --daemon in the background',
  {
    ...serveFlags,
    daemon: { type: 'boolean', description: 'Give the terminal back once the server is ready' },
  } as const,
  async ({ daemon, ...given }) => {
    if (daemon !== true) return runServer(() => settingsFor(given))
    const { dataDir } = await settingsFor(given)
    const { pid, url } = await startDaemon({ dataDir, ...childOf(given, dataDir) })
    console.log(`Running at ${url} as process ${pid}. Log: ${logFile(dataDir)}`)
    return 0
  },
)

/** `lockstep stop`: tells it to end, and waits. */
export const stop: CommandDef = command(
  'stop',
  'End the server that runs on the folder',
  { data },
  async (given) => {
    const instance = await stopInstance(dataDirOf(given, process.env))
    console.log(instance === undefined ? 'Nothing runs here.' : `Process ${instance.pid} has ended.`)
    return 0
  },
)

/** `lockstep status`: 0 where it runs and is ready. */
export const status: CommandDef = command(
  'status',
  'Say whether a server runs on the folder, and is ready',
  { data },
  async (given) => {
    const instance = await instanceOn(dataDirOf(given, process.env))
    if (instance === undefined) {
      console.log('Nothing runs here.')
      return 1
    }
    const ready = await readiness(instance.url)
    console.log(`Process ${instance.pid} at ${instance.url ?? 'no address yet'}: ${ready}.`)
    return ready === 'ready' ? 0 : 1
  },
)

/** What `GET /ready` says; a server that does not answer has no readiness. */
async function readiness(url: string | undefined): Promise<string> {
  if (url === undefined) return 'starting'
  try {
    const response = await fetch(`${url}/ready`)
    const body: unknown = await response.json()
    const isTold = typeof body === 'object' && body !== null && 'status' in body
    return isTold ? String(body.status) : 'starting'
  } catch {
    return 'no answer'
  }
}

async function settingsFor(given: Given): Promise<ServeSettings> {
  return settingsOf(given, process.env, await loadConfig(given.config, given.export))
}

function childOf(given: Given, dataDir: string): { args: string[]; secrets: Record<string, string> } {
  const args = ['serve']
  const secrets: Record<string, string> = {}
  const values = new Map<string, unknown>(Object.entries({ ...given, data: dataDir }))
  for (const name of Object.keys(serveFlags)) {
    const value = values.get(name)
    const variable = secretFlags[name]
    if (typeof value !== 'string') continue
    if (variable === undefined) args.push(`--${name}=${value}`)
    else secrets[variable] = value
  }
  return { args, secrets }
}

function command<A extends ArgsDef>(
  name: string,
  description: string,
  args: A,
  run: (given: Parsed<A>) => Promise<0 | 1>,
): CommandDef {
  const definition = defineCommand({
    meta: { name, description },
    args,
    run: async (context) => {
      try {
        refuseUnknown(context.args, args)
        process.exitCode = await run(context.args as unknown as Parsed<A>) // parsed by these very args
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error
        console.error(error.message)
        process.exitCode = 1
      }
    },
  })
  // Commands of any arguments stand side by side.
  return definition as unknown as CommandDef
}

/** What citty makes of arguments, as far as these commands have any. */
type Parsed<A extends ArgsDef> = {
  readonly [K in keyof A]: A[K] extends { readonly type: 'boolean' }
    ? boolean | undefined
    : A[K] extends { readonly default: string }
      ? string
      : string | undefined
}
