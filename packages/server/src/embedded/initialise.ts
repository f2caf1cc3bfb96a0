import { randomBytes } from 'node:crypto'
import { chown, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SetupError } from '../fault/fault.ts'
import type { Account } from './account.ts'
import { commandOf, isAlive } from './processes.ts'
import { run } from './run.ts'

/** Makes the cluster where there is none. @returns the password of its superuser. */
export async function initialise(
  initdb: string,
  major: string,
  dataDir: string,
  account: Account | undefined,
): Promise<string> {
  const passwordFile = join(dataDir, 'lockstep.password')
  // Beside the folder, because initdb wants that empty.
  const unfinished = `${dataDir}.unfinished`
  const wasInterrupted = await clearUnfinished(dataDir, unfinished)
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
  // Somebody else's files would be refused by initdb, and must not be cleared away later.
  if ((await readdir(dataDir)).length === 0) await writeFile(unfinished, `${process.pid}\n`)
  // Always of the same name, so that an interrupted start leaves none behind for good.
  const waiting = `${dataDir}.password`
  await rm(waiting, { force: true })
  await writeFile(waiting, `${password}\n`, { mode: 0o600 })
  try {
    if (account !== undefined) await chown(waiting, account.uid, account.gid)
    const deadline = performance.now() + (wasInterrupted ? leftoverMsMax : 0)
    for (;;) {
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
      if (result.code === 0) break
      if (performance.now() > deadline)
        throw new SetupError([
          {
            code: 'data_folder',
            message: `Postgres could not make its data folder ${dataDir}: ${result.stderr.trim() || `exit code ${result.code}`}`,
          },
        ])
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 })
    await rm(unfinished, { force: true })
  } finally {
    await rm(waiting, { force: true })
  }
  return password
}

/** How long what an interrupted initdb left running may take to end; until then it can undo our work. */
const leftoverMsMax = 10_000

/**
 * Empties a folder whose making was interrupted: nothing was ever stored in it.
 * @returns whether it was one
 * @throws SetupError `data_folder` while another process still makes it
 */
async function clearUnfinished(dataDir: string, unfinished: string): Promise<boolean> {
  const text = await readText(unfinished)
  if (text === undefined) return false
  const maker = Number(text)
  if (maker > 0 && maker !== process.pid && isAlive(maker) && /node/.test(await commandOf(maker)))
    throw new SetupError([
      {
        code: 'data_folder',
        message: `The data folder ${dataDir} is in use by process ${maker}. End that process, or give another data folder.`,
      },
    ])
  for (const name of await readdir(dataDir).catch(() => []))
    await rm(join(dataDir, name), { recursive: true, force: true })
  await rm(unfinished, { force: true })
  return true
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch {
    return undefined
  }
}
