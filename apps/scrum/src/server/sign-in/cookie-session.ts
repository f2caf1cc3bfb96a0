import { createHash, randomBytes } from 'node:crypto'
import { and, eq, gt, lt, sql } from 'drizzle-orm'
import type { Viewer } from '../../model/board.ts'
import type { Database } from '../database/connection.ts'
import { sessions, users } from '../database/tables.ts'

/** The signed-in browser: a random token in a cookie, its hash in the database. */

export const cookieName = 'scrum_session'

/** How long a sign-in lasts. */
export const cookieLifetimeSeconds = 14 * 24 * 60 * 60

/** Opens a session and gives the cookie's value. */
export async function openSession(db: Database, userId: number): Promise<string> {
  const token = randomBytes(32).toString('base64url')
  await db.delete(sessions).where(lt(sessions.expiresAt, sql`now()`))
  await db.insert(sessions).values({
    tokenHash: hashToken(token),
    userId,
    expiresAt: sql`now() + make_interval(secs => ${cookieLifetimeSeconds})`,
  })
  return token
}

export async function closeSession(db: Database, token: string): Promise<void> {
  await db.delete(sessions).where(eq(sessions.tokenHash, hashToken(token)))
}

/** Who the request's cookie belongs to. */
export async function viewerOf(db: Database, request: Request): Promise<Viewer | undefined> {
  const token = readToken(request)
  if (token === undefined) return undefined
  const [viewer] = await db
    .select({ id: users.id, name: users.name, email: users.email, hue: users.hue })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.userId))
    .where(and(eq(sessions.tokenHash, hashToken(token)), gt(sessions.expiresAt, sql`now()`)))
  return viewer
}

export function readToken(request: Request): string | undefined {
  return readCookie(request, cookieName, /^[\w-]{43}$/)
}

/** A cookie's value, where it has the form. */
export function readCookie(request: Request, name: string, form: RegExp): string | undefined {
  for (const part of (request.headers.get('cookie') ?? '').split(';')) {
    const equals = part.indexOf('=')
    if (equals < 0 || part.slice(0, equals).trim() !== name) continue
    const value = part.slice(equals + 1).trim()
    return form.test(value) ? value : undefined
  }
  return undefined
}

function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
