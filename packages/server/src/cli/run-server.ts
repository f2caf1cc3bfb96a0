import type { Logger } from '../runtime/logger.ts'
import { nodeRuntime } from '../runtime/node.ts'
import { SetupError } from '../setup/setup.ts'
import { ConfigError, textOf } from './config-error.ts'
import { tellParent } from './daemon.ts'
import { type Serving, serve } from './serve.ts'
import type { ServeSettings } from './settings.ts'

/**
 * Runs a server until the process is told to end (SIGTERM, SIGINT), and gives the exit code. A second signal ends
 * it at once.
 */
export async function runServer(settings: () => Promise<ServeSettings>): Promise<0 | 1> {
  const logger = lineLogger()
  const told = signalled(logger)
  let serving: Serving
  try {
    serving = await serve(await settings(), logger)
  } catch (error) {
    // Others are faults of ours, whose place in the code is worth knowing.
    const isExpected = error instanceof ConfigError || error instanceof SetupError
    const message = isExpected || !(error instanceof Error) ? textOf(error) : (error.stack ?? error.message)
    console.error(message)
    tellParent({ kind: 'failed', message })
    return 1
  }
  logger.info(`ready at ${serving.url}`)
  tellParent({ kind: 'ready', url: serving.url })
  await told
  await serving.close()
  logger.info('stopped')
  return 0
}

function signalled(logger: Logger): Promise<void> {
  return new Promise((resolve) => {
    let again = false
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      process.on(name, () => {
        if (again) process.exit(1)
        again = true
        logger.info(`${name}: telling clients to come back`)
        resolve()
      })
    }
  })
}

/** One line for each word, with its time, on the standard output. */
function lineLogger(): Logger {
  const write =
    (level: string) =>
    (message: string): void =>
      console.log(`${new Date(nodeRuntime.now()).toISOString()} ${level} ${message}`)
  return { debug() {}, info: write('info'), warn: write('warn'), error: write('error') }
}
