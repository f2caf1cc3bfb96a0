import { getConnInfo } from '@hono/node-server/conninfo'
import { sql } from 'drizzle-orm'
import { type Context, Hono } from 'hono'
import { deleteCookie, setCookie } from 'hono/cookie'
import { users } from '../database/tables.ts'
import type { Board } from '../environment.ts'
import type { Assets } from '../pages/assets.ts'
import { showPage, themeOf } from '../pages/routes.ts'
import { Attempts } from './attempts.ts'
import {
  closeSession,
  cookieLifetimeSeconds,
  cookieName,
  openSession,
  readToken,
  viewerOf,
} from './cookie-session.ts'
import { verifyNobody, verifyPassword } from './password.ts'

const windowMs = 5 * 60_000
const failuresPerAccountMax = 10
const failuresPerAddressMax = 50
const emailLengthMax = 254
const passwordLengthMax = 1000

/** Signing in and out, as plain forms: they work before any script has run. */
export function signInRoutes({ db }: Board, assets: Assets): Hono {
  const routes = new Hono()
  const byAccount = new Attempts(failuresPerAccountMax, windowMs)
  const byAddress = new Attempts(failuresPerAddressMax, windowMs)

  routes.get('/sign-in', async (c) => {
    const next = localPath(c.req.query('next'))
    if ((await viewerOf(db, c.req.raw)) !== undefined) return c.redirect(next)
    return showPage(c, assets, { kind: 'sign-in', theme: themeOf(c), email: '', next })
  })

  routes.post('/sign-in', async (c) => {
    const form = await c.req.parseBody()
    const email = textOf(form.email, emailLengthMax).trim().toLowerCase()
    const password = textOf(form.password, passwordLengthMax)
    const next = localPath(textOf(form.next, 1000))
    const again = (status: 401 | 429, problem: string): Response =>
      showPage(c, assets, { kind: 'sign-in', theme: themeOf(c), email, problem, next }, status)

    const address = addressOf(c)
    const waitMs = Math.max(byAccount.waitMs(email), byAddress.waitMs(address))
    if (waitMs > 0) {
      c.header('Retry-After', String(Math.ceil(waitMs / 1000)))
      const minutes = Math.ceil(waitMs / 60_000)
      return again(
        429,
        `Too many attempts. Try again in ${minutes === 1 ? 'a minute' : `${minutes} minutes`}.`,
      )
    }
    const [user] = await db
      .select({ id: users.id, passwordHash: users.passwordHash })
      .from(users)
      .where(sql`lower(${users.email}) = ${email}`)
    const right = await (user === undefined
      ? verifyNobody(password)
      : verifyPassword(password, user.passwordHash))
    if (user === undefined || !right) {
      byAccount.fail(email)
      byAddress.fail(address)
      return again(401, 'This e-mail address and password do not belong together.')
    }
    byAccount.succeed(email)
    const previous = readToken(c.req.raw)
    if (previous !== undefined) await closeSession(db, previous)
    setCookie(c, cookieName, await openSession(db, user.id), {
      httpOnly: true,
      sameSite: 'Lax',
      secure: new URL(c.req.url).protocol === 'https:',
      path: '/',
      maxAge: cookieLifetimeSeconds,
    })
    return c.redirect(next, 303)
  })

  routes.post('/sign-out', async (c) => {
    const token = readToken(c.req.raw)
    if (token !== undefined) await closeSession(db, token)
    deleteCookie(c, cookieName, { path: '/' })
    return c.redirect('/sign-in', 303)
  })

  return routes
}

function textOf(value: unknown, lengthMax: number): string {
  return typeof value === 'string' ? value.slice(0, lengthMax) : ''
}

/** Where to go after signing in: a path of this site, whatever the link said. */
function localPath(text: string | undefined): string {
  return text !== undefined && /^\/(?![/\\])[\w\-/]*$/.test(text) ? text : '/'
}

function addressOf(c: Context): string {
  try {
    return getConnInfo(c).remote.address ?? ''
  } catch {
    return '' // called in process, without a socket
  }
}
