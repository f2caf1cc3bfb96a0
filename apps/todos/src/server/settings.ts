export interface Settings {
  readonly port: number
  /** Undefined: Postgres is started in `dataDir`. */
  readonly databaseUrl: string | undefined
  readonly dataDir: string | undefined
  /** Bayeux channels and globs that everybody may subscribe to and publish on. */
  readonly open: readonly string[]
  /** Whether Bayeux answers callback-polling. */
  readonly jsonp: boolean
}

export const defaultPort = 3000

/** Reads the environment. @throws Error that says what is wrong and what would be right */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  return {
    port: readPort(env.PORT),
    databaseUrl: env.DATABASE_URL || undefined,
    dataDir: env.LOCKSTEP_DATA || undefined,
    open: readOpen(env.BAYEUX_OPEN),
    jsonp: readSwitch('BAYEUX_JSONP', env.BAYEUX_JSONP),
  }
}

function readPort(text: string | undefined): number {
  if (text === undefined || text === '') return defaultPort
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new Error(
    `PORT is "${text}", which is no port. Give a number from 1 to 65535, e.g. PORT=${defaultPort}.`,
  )
}

/** Segments as Bayeux has them; a glob at the end only. */
const patternForm = /^(?:\/[\w\-!~()$@]+)+(?:\/\*\*?)?$/
/** Channels with a meaning of their own. */
const taken = /^\/(?:meta|service|sync|operations)(?:\/|$)/

function readOpen(text: string | undefined): string[] {
  const patterns = (text ?? '').split(',').map((pattern) => pattern.trim())
  if (patterns.every((pattern) => pattern === '')) return []
  for (const pattern of patterns) {
    const example = 'Give channels or globs, separated by commas, e.g. BAYEUX_OPEN=/demo/**,/chat/*.'
    if (!patternForm.test(pattern)) {
      throw new Error(`BAYEUX_OPEN has "${pattern}", which is no Bayeux channel. ${example}`)
    }
    if (taken.test(pattern)) {
      throw new Error(
        `BAYEUX_OPEN has "${pattern}", but /meta, /service, /sync and /operations cannot be opened. ${example}`,
      )
    }
  }
  return patterns
}

function readSwitch(name: string, text: string | undefined): boolean {
  if (text === undefined || text === '' || text === '0') return false
  if (text === '1') return true
  throw new Error(`${name} is "${text}". Give 1 to turn it on, 0 or nothing to leave it off.`)
}
