import { createHash } from 'node:crypto'
import { lchown, lstat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SetupError } from '../fault/fault.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Account } from './account.ts'
import { makeDeepFolder } from './deep-folder.ts'
import { run } from './run.ts'

/**
 * Makes the data folder for the account that Postgres runs as. Where that account cannot get to it (a
 * folder above it is closed, as /root often is), takes one below the system's temporary folder, always the
 * same for the same wish, and says so.
 */
export async function prepareFolder(
  wanted: string,
  account: Account | undefined,
  logger: Logger,
): Promise<string> {
  try {
    await make(wanted, account)
    if (account === undefined || (await reaches(wanted, account))) return wanted
    const name = createHash('sha256').update(wanted).digest('hex').slice(0, 12)
    const instead = join(tmpdir(), `lockstep-data-${name}`)
    await make(instead, account)
    if (await reaches(instead, account)) {
      logger.warn(`The account postgres cannot get to ${wanted}; the data are in ${instead} instead.`)
      return instead
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SetupError(
      [{ code: 'data_folder', message: `The data folder ${wanted} cannot be made: ${why}` }],
      { cause },
    )
  }
  throw new SetupError([
    {
      code: 'data_folder',
      message: `The account postgres cannot get to ${wanted} nor to ${tmpdir()}. Give another data folder.`,
    },
  ])
}

async function make(folder: string, account: Account | undefined): Promise<void> {
  await makeDeepFolder(folder, 0o700)
  if (account === undefined) return
  // Others may write to the temporary folder: never hand the target of their link to postgres.
  const { uid } = await lstat(folder)
  if (uid !== 0 && uid !== account.uid) throw new Error(`${folder} belongs to another user`)
  await lchown(folder, account.uid, account.gid)
}

async function reaches(folder: string, account: Account): Promise<boolean> {
  return (await run('test', ['-w', folder], account)).code === 0
}
