import { createHash, randomBytes } from 'node:crypto'
import type { Sql } from 'postgres'
import type { Viewer } from '../../model/page.ts'

/** The signed-in browser: a random token in a cookie, its hash in the database. */

/** Named after the application: browsers send a host's cookies to all its ports. */
export const cookieName = 'todos_session'

/** How long a sign-in lasts. */
export const cookieLifetimeSeconds = 14 * 24 * 60 * 60

/** Opens a session and gives the cookie's value. */
export async function openSession(sql: Sql, userId: number): Promise<string> {
  const token = randomBytes(32).toString('base64url')
  await sql`delete from todo_app.sessions where expires_at < now()`
  await sql`
    insert into todo_app.sessions (token_hash, user_id, expires_at)
    values (${hashToken(token)}, ${userId}, now() + make_interval(secs => ${cookieLifetimeSeconds}))`
  return token
}

export async function closeSession(sql: Sql, token: string): Promise<void> {
  await sql`delete from todo_app.sessions where token_hash = ${hashToken(token)}`
}

/** Who the request's cookie belongs to. */
export async function viewerOf(sql: Sql, request: Request): Promise<Viewer | undefined> {
  const token = readToken(request)
  if (token === undefined) return undefined
  const [viewer] = await sql<Viewer[]>`
    select users.id, users.name, users.email
    from todo_app.sessions join todo_app.users on users.id = sessions.user_id
    where token_hash = ${hashToken(token)} and expires_at > now()`
  return viewer
}

export function readToken(request: Request): string | undefined {
  for (const part of (request.headers.get('cookie') ?? '').split(';')) {
    const equals = part.indexOf('=')
    if (equals < 0 || part.slice(0, equals).trim() !== cookieName) continue
    const value = part.slice(equals + 1).trim()
    return /^[\w-]{43}$/.test(value) ? value : undefined
  }
  return undefined
}

function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
