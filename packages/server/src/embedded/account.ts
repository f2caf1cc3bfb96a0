import { SetupError } from '../fault/fault.ts'
import { run } from './run.ts'

/** The account that Postgres runs as where this process is root, which Postgres refuses to be. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

/** Undefined where this process is not root. Makes the account `postgres` where there is none. */
export async function postgresAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const found = await lookUp()
  if (found !== undefined) return found
  await run('groupadd', ['--system', 'postgres'])
  await run('useradd', ['--system', '--no-create-home', '--gid', 'postgres', 'postgres'])
  // Alpine and others have only adduser.
  if ((await lookUp()) === undefined) await run('adduser', ['-S', '-D', '-H', 'postgres'])
  const made = await lookUp()
  if (made !== undefined) return made
  throw new SetupError([
    {
      code: 'data_folder',
      message:
        'Postgres does not run as root, and an account named postgres could not be made. Start as another user, or set DATABASE_URL.',
    },
  ])
}

async function lookUp(): Promise<Account | undefined> {
  const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])])
  if (uid.code !== 0 || gid.code !== 0) return undefined
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
}
