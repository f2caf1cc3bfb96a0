import { getConnInfo } from '@hono/node-server/conninfo'
import { type Context, Hono } from 'hono'
import { deleteCookie, setCookie } from 'hono/cookie'
import type { Sql } from 'postgres'
import { signInMarkup } from '../../markup/sign-in.ts'
import type { Assets } from '../pages/assets.ts'
import { showDocument } from '../pages/document.ts'
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

/** Signing in and out, as plain forms: they need no script. */
export function signInRoutes(sql: Sql, assets: Assets): Hono {
  const routes = new Hono()
  const byAccount = new Attempts(failuresPerAccountMax, windowMs)
  const byAddress = new Attempts(failuresPerAddressMax, windowMs)

  const show = (
    c: Context,
    form: Parameters<typeof signInMarkup>[0],
    status: 200 | 401 | 429 = 200,
  ): Response => showDocument(c, assets, { title: 'Sign in', body: signInMarkup(form) }, status)

  routes.get('/sign-in', async (c) => {
    const next = localPath(c.req.query('next'))
    if ((await viewerOf(sql, c.req.raw)) !== undefined) return c.redirect(next)
    return show(c, { email: '', next })
  })

  routes.post('/sign-in', async (c) => {
    const form = await c.req.parseBody()
    const email = textOf(form.email, emailLengthMax).trim().toLowerCase()
    const password = textOf(form.password, passwordLengthMax)
    const next = localPath(textOf(form.next, 1000))
    const address = addressOf(c)
    const waitMs = Math.max(byAccount.waitMs(email), byAddress.waitMs(address))
    if (waitMs > 0) {
      c.header('Retry-After', String(Math.ceil(waitMs / 1000)))
      const minutes = Math.ceil(waitMs / 60_000)
      const wait = minutes === 1 ? 'a minute' : `${minutes} minutes`
      return show(c, { email, next, problem: `Too many attempts. Try again in ${wait}.` }, 429)
    }
    const [user] = await sql<{ id: number; password_hash: string }[]>`
      select id, password_hash from todo_app.users where lower(email) = ${email}`
    const right = await (user === undefined
      ? verifyNobody(password)
      : verifyPassword(password, user.password_hash))
    if (user === undefined || !right) {
      byAccount.fail(email)
      byAddress.fail(address)
      const problem = 'This e-mail address and password do not belong together.'
      return show(c, { email, next, problem }, 401)
    }
    byAccount.succeed(email)
    const previous = readToken(c.req.raw)
    if (previous !== undefined) await closeSession(sql, previous)
    setCookie(c, cookieName, await openSession(sql, user.id), {
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
    if (token !== undefined) await closeSession(sql, token)
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
