import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDeepFolder } from '../embedded/deep-folder.ts'
import { isAlive, startOf } from '../embedded/processes.ts'
import { ConfigError, textOf } from './config-error.ts'

/** A server that runs on a data folder, as its file there tells it. */
export interface Instance {
  readonly pid: number
  /** Tells a process from a later one that was given the same number; empty where the system does not say. */
  readonly start: string
  /** Where it answers, with the mount path; undefined until it does. */
  readonly url?: string | undefined
}

export function pidFile(dataDir: string): string {
  return join(dataDir, 'lockstep.pid')
}

export function logFile(dataDir: string): string {
  return join(dataDir, 'lockstep.log')
}

/** The server that runs on the folder now; a file that a dead one left counts for nothing. */
export async function instanceOn(dataDir: string): Promise<Instance | undefined> {
  const text = await readFile(pidFile(dataDir), 'utf8').catch(() => '')
  const [pidText = '', start = '', url = ''] = text.split('\n')
  const pid = Number(pidText)
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return undefined
  if (start !== (await startOf(pid))) return undefined
  return { pid, start, ...(url === '' ? {} : { url }) }
}

/** @throws ConfigError where it cannot be made */
export async function makeFolder(dataDir: string): Promise<void> {
  try {
    // Open to read: an account that Postgres runs as has to get to what is inside.
    await makeDeepFolder(dataDir, 0o755)
  } catch (cause) {
    throw new ConfigError(
      `The folder ${dataDir} cannot be made: ${textOf(cause)}. Choose another with LOCKSTEP_DATA.`,
      {
        cause,
      },
    )
  }
}

/** Takes the folder for this process. @throws ConfigError where another server runs on it */
export async function takeFolder(dataDir: string): Promise<Claim> {
  await makeFolder(dataDir)
  const other = await instanceOn(dataDir)
  if (other !== undefined) {
    throw new ConfigError(
      `A server runs on ${dataDir} already (process ${other.pid}). End it with "lockstep stop", or choose another folder with LOCKSTEP_DATA.`,
    )
  }
  const file = pidFile(dataDir)
  await rm(file, { force: true })
  const own = `${process.pid}\n${await startOf(process.pid)}\n`
  try {
    await writeFile(file, own, { flag: 'wx' })
  } catch (cause) {
    throw new ConfigError(`${file} cannot be written: another server may be starting here.`, { cause })
  }
  return {
    ready: (url) => writeFile(file, `${own}${url}\n`),
    release: () => rm(file, { force: true }),
  }
}

export interface Claim {
  /** The server answers at this address. */
  ready(url: string): Promise<void>
  release(): Promise<void>
}
