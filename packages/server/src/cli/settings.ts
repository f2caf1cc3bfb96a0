import { resolve } from 'node:path'
import type { CallbackOptions } from '../callback/callback.ts'
import type { JuggernautOptions } from '../transport/juggernaut/juggernaut.ts'
import { ConfigError } from './config-error.ts'
import type { LockstepConfig } from './lockstep-config.ts'

/** Flags of `serve` and `start`, as the command line gives them. */
export interface ServeFlags {
  readonly database?: string | undefined
  readonly port?: string | undefined
  readonly host?: string | undefined
  readonly path?: string | undefined
  readonly slot?: string | undefined
  readonly data?: string | undefined
  readonly 'publish-secret'?: string | undefined
  readonly 'juggernaut-port'?: string | undefined
  readonly callbacks?: string | undefined
  readonly 'callback-method'?: string | undefined
  readonly 'callback-secret'?: string | undefined
}

/** What a server is started with: flags, then the environment, then the config, then the default. */
export interface ServeSettings {
  readonly config: LockstepConfig
  /** Undefined: the embedded Postgres. */
  readonly database: string | undefined
  readonly port: number
  readonly host: string | undefined
  readonly path: string
  readonly slot: string | undefined
  readonly dataDir: string
  readonly drainMs: number
  /** Secrets of backends that publish. */
  readonly publishSecrets: readonly string[]
  readonly callbacks: CallbackOptions | undefined
  readonly juggernaut: JuggernautOptions | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

export const portDefault = 4000

/** @throws ConfigError */
export function settingsOf(
  flags: ServeFlags,
  environment: Environment,
  config: LockstepConfig,
): ServeSettings {
  const path = first(flags.path, config.path) ?? '/lockstep'
  if (!/^\/[^?#]*$/.test(path)) throw new ConfigError(`--path is "${path}"; it begins with "/".`)
  const host = first(flags.host, config.host)
  const publishSecrets = secretsOf(flags, environment, config)
  const callbacks = callbacksOf(flags, environment, config, publishSecrets)
  return {
    config,
    database: first(flags.database, environment.DATABASE_URL, config.database),
    port: portOf('--port', first(flags.port, environment.PORT)) ?? config.port ?? portDefault,
    host,
    path,
    slot: first(flags.slot, config.slot),
    dataDir: dataDirOf(flags, environment),
    drainMs: config.drainMs ?? 0,
    publishSecrets,
    callbacks,
    juggernaut: juggernautOf(flags, environment, config, { host, hasCallbacks: callbacks !== undefined }),
  }
}

/** The folder in which `start`, `stop` and `status` meet. */
export function dataDirOf(flags: Pick<ServeFlags, 'data'>, environment: Environment): string {
  return resolve(first(flags.data, environment.LOCKSTEP_DATA) ?? '.lockstep')
}

function secretsOf(flags: ServeFlags, environment: Environment, config: LockstepConfig): readonly string[] {
  const named = first(flags['publish-secret'], environment.LOCKSTEP_PUBLISH_SECRET)
  // Several, so that a new one can take an old one's place: the flag and the variable hold them between commas.
  if (named !== undefined) return named.split(',')
  const { secret = [] } = config.publish ?? {}
  return typeof secret === 'string' ? [secret] : secret
}

/** A backend that publishes has a secret already: without another, callbacks are signed with the first of those. */
function callbacksOf(
  flags: ServeFlags,
  environment: Environment,
  config: LockstepConfig,
  publishSecrets: readonly string[],
): CallbackOptions | undefined {
  const url = first(flags.callbacks, environment.LOCKSTEP_CALLBACKS, config.callbacks?.url)
  if (url === undefined) return undefined
  const method = first(flags['callback-method'], config.callbacks?.method) ?? 'GET'
  if (method !== 'GET' && method !== 'POST') {
    throw new ConfigError(`--callback-method is "${method}"; it is GET or POST.`)
  }
  const named = first(flags['callback-secret'], environment.LOCKSTEP_CALLBACK_SECRET)
  const secret = named?.split(',') ?? config.callbacks?.secret ?? publishSecrets
  if (secret.length === 0) {
    throw new ConfigError(
      'Callbacks are signed: give a secret in LOCKSTEP_CALLBACK_SECRET or LOCKSTEP_PUBLISH_SECRET.',
    )
  }
  return { ...config.callbacks, url, method, secret }
}

/** Where a backend is asked about each subscribe, it decides about sessions of its own too. */
function juggernautOf(
  flags: ServeFlags,
  environment: Environment,
  config: LockstepConfig,
  { host, hasCallbacks }: { readonly host: string | undefined; readonly hasCallbacks: boolean },
): JuggernautOptions | undefined {
  const named = first(flags['juggernaut-port'], environment.LOCKSTEP_JUGGERNAUT_PORT)
  const port = portOf('--juggernaut-port', named) ?? config.juggernaut?.port
  if (port === undefined) return undefined
  return { openSessions: hasCallbacks, ...(host === undefined ? {} : { host }), ...config.juggernaut, port }
}

function portOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw new ConfigError(`${name} is "${text}", which is no port: give a number from 0 to 65535.`)
}

/** The first that is given; an empty text is nothing. */
function first(...values: readonly (string | undefined)[]): string | undefined {
  return values.find((value) => value !== undefined && value !== '')
}
