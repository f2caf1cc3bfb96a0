import type { CommandDef } from 'citty'
import { defineCommand } from 'citty'
import { prepareCallbacks } from '../callback/store.ts'
import { prepareObservers } from '../observe/positions.ts'
import { prepareExternal } from '../publish/tables.ts'
import { nodeRuntime } from '../runtime/node.ts'
import { prepareNumbers } from '../session/numbers.ts'
import { loadSecret } from '../session/secret.ts'
import { applySetup, checkSetup, SetupError, type SetupOptions, type SetupReport } from '../setup/setup.ts'
import { connect } from '../source/connect.ts'
import { slotNameOf } from '../source/slot.ts'
import { prepareWrites } from '../write/tables.ts'
import { loadSync } from './config.ts'
import { ConfigError } from './config-error.ts'
import { refuseUnknown } from './flags.ts'
import { reportText } from './report.ts'
import { serve, start, status, stop } from './server-commands.ts'

const settings = {
  config: {
    type: 'string',
    required: true,
    description: 'Module that exports the sync definition: .ts, .js, .mjs or .json',
  },
  export: { type: 'string', default: 'sync', description: 'Name of that export' },
  database: { type: 'string', description: 'URL of the database; default: DATABASE_URL' },
  slot: {
    type: 'string',
    description: "Name of the replication slot and publication; default: lockstep_ and the database's name",
  },
} as const

interface Given {
  readonly config: string
  readonly export: string
  readonly database?: string | undefined
  readonly slot?: string | undefined
}

/** `lockstep doctor`: looks at the database and changes nothing. */
const doctor = command(
  'doctor',
  'Say what keeps Lockstep from running on a database, and the SQL that mends it',
  checkSetup,
)

/** `lockstep setup`: mends what it may, and makes everything that a server needs. */
const setup = command(
  'setup',
  'Make what Lockstep needs in a database, and mend what can be mended',
  async (options) => {
    await prepareExternal(options.url, options.collections).catch((error: unknown) => {
      if (!(error instanceof SetupError)) throw error // else what follows tells it too
    })
    const report = await applySetup(options)
    if (report.faults.length > 0) return report
    // With these made, the server itself needs no right to create anything.
    const sql = connect(options.url, { max: 1, applicationName: 'lockstep setup' })
    try {
      await prepareWrites(sql)
      await prepareObservers(sql)
      await prepareCallbacks(sql)
      await loadSecret(sql, nodeRuntime)
      await prepareNumbers(sql)
    } finally {
      await sql.end({ timeout: 1 })
    }
    return report
  },
)

export const lockstep: CommandDef = defineCommand({
  meta: { name: 'lockstep', description: 'Keeps every client in step with a Postgres database' },
  subCommands: { serve, start, stop, status, doctor, setup },
})

function command(
  name: string,
  description: string,
  run: (options: SetupOptions) => Promise<SetupReport>,
): CommandDef<typeof settings> {
  return defineCommand({
    meta: { name, description },
    args: settings,
    run: async ({ args }) => {
      process.exitCode = await report(args, run)
    },
  })
}

/** The exit code: 0 when all is well, 1 for faults and for settings that cannot be used. */
async function report(given: Given, run: (options: SetupOptions) => Promise<SetupReport>): Promise<0 | 1> {
  try {
    refuseUnknown(given, settings)
    const url = given.database ?? process.env.DATABASE_URL
    if (url === undefined || url === '')
      throw new ConfigError('Name the database: --database or DATABASE_URL.')
    const { collections, fingerprint } = await loadSync(given.config, given.export)
    const slot = given.slot ?? slotNameOf(url)
    const result = await run({ url, collections, fingerprint, slot })
    console.log(reportText(result))
    return result.faults.length === 0 ? 0 : 1
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(error.message)
    return 1
  }
}
