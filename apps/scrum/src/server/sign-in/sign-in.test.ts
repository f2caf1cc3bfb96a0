import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BoardInTest, postForm, startBoard } from '../board.testing.ts'
import { Attempts } from './attempts.ts'
import { hashPassword, verifyPassword } from './password.ts'

describe('signing in', () => {
  let board: BoardInTest
  beforeAll(async () => {
    board = await startBoard()
  })
  afterAll(() => board.close())

  const signIn = (fields: Record<string, string>, headers?: Record<string, string>) =>
    postForm(
      board.scrum,
      '/sign-in',
      { email: 'alice@example.com', password: 'password', ...fields },
      headers,
    )

  test('gives a cookie that scripts cannot read and other sites do not send', async () => {
    const reply = await signIn({ email: ' Alice@Example.com ', next: '/projects/1' })
    expect(reply.status).toBe(303)
    expect(reply.headers.get('location')).toBe('/projects/1')
    const cookie = reply.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(/^scrum_session=[\w-]{43}; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax$/)
    // 43 characters of base64url are 256 bits; the database knows only their hash.
    const token = /=([\w-]{43})/.exec(cookie)?.[1] ?? ''
    const hash = createHash('sha256').update(token).digest()
    const rows = await board.sql`select user_id from sessions where token_hash = ${hash}`
    expect(rows.length).toBe(1)
    const dump = await board.sql`select s::text from sessions s`
    expect(JSON.stringify(dump)).not.toContain(token)
  })

  test('says the same of a wrong password and an unknown address, as a page', async () => {
    const wrong = await signIn({ password: 'guess' })
    const unknown = await signIn({ email: 'nobody@example.com' })
    expect([wrong.status, unknown.status]).toEqual([401, 401])
    expect(wrong.headers.get('set-cookie')).toBeNull()
    const problem = 'This e-mail address and password do not belong together.'
    expect(await wrong.text()).toContain(problem)
    expect(await unknown.text()).toContain(problem)
  })

  test.each([
    'https://evil.example/',
    '//evil.example',
    '/\\evil.example',
    'javascript:alert(1)',
    '/a?b=//c',
  ])('goes to no other site afterwards: %s', async (next) => {
    expect((await signIn({ next })).headers.get('location')).toBe('/')
  })

  test('refuses another site’s form', async () => {
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]) {
      const reply = await signIn({}, headers)
      expect(reply.status).toBe(400)
      expect(reply.headers.get('set-cookie')).toBeNull()
    }
  })

  test('stops guessing after ten failures of one account, even with the right password', async () => {
    for (let i = 0; i < 10; i++) await signIn({ email: 'olivia@example.com', password: `guess ${i}` })
    const reply = await signIn({ email: 'olivia@example.com' })
    expect(reply.status).toBe(429)
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await signIn({})).status).toBe(303)
  })

  test('signing out ends the session, not only the cookie', async () => {
    const browser = await board.browser('alice@example.com')
    expect((await browser.get('/')).status).toBe(200)
    const reply = await postForm(board.scrum, '/sign-out', {}, { cookie: browser.cookie })
    expect(reply.headers.get('set-cookie')).toMatch(/^scrum_session=; Max-Age=0/)
    const after = await browser.get('/projects/1')
    expect(after.status).toBe(302)
    expect(after.headers.get('location')).toBe('/sign-in?next=%2Fprojects%2F1')
  })

  test('an expired session is none', async () => {
    const browser = await board.browser('alice@example.com')
    await board.sql`update sessions set expires_at = now() - interval '1 second'`
    expect((await browser.get('/')).status).toBe(302)
    expect((await browser.send('POST', '/api/projects/1/items', { user_story: 'x' })).status).toBe(401)
  })
})

describe('passwords', () => {
  test('are verified against a salted hash', async () => {
    const [one, two] = await Promise.all([hashPassword('pässword'), hashPassword('pässword')])
    expect(one).not.toBe(two)
    expect(await verifyPassword('pässword', one)).toBe(true)
    expect(await verifyPassword('pa\u0308ssword', one)).toBe(true)
    expect(await verifyPassword('password', one)).toBe(false)
    expect(await verifyPassword('', 'nonsense')).toBe(false)
  })
})

describe('Attempts', () => {
  test('takes so many failures, then none until the window is over', () => {
    let now = 1000
    const attempts = new Attempts(2, 60_000, () => now)
    attempts.fail('a')
    expect(attempts.waitMs('a')).toBe(0)
    attempts.fail('a')
    now += 10_000
    expect(attempts.waitMs('a')).toBe(50_000)
    expect(attempts.waitMs('b')).toBe(0)
    now += 50_000
    expect(attempts.waitMs('a')).toBe(0)
  })

  test('forgets after a success', () => {
    const attempts = new Attempts(1, 60_000, () => 0)
    attempts.fail('a')
    attempts.succeed('a')
    expect(attempts.waitMs('a')).toBe(0)
  })
})
