import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { postForm, startTodosInTest, type TodosInTest } from '../todos.testing.ts'

let todos: TodosInTest
beforeAll(async () => {
  todos = await startTodosInTest()
})
afterAll(() => todos.close())

const signIn = (fields: Record<string, string>, headers?: Record<string, string>) =>
  postForm(todos.app, '/sign-in', { email: 'alice@example.com', password: 'password', ...fields }, headers)

describe('signing in', () => {
  test('gives a cookie that scripts cannot read and other sites do not send', async () => {
    const reply = await signIn({ email: ' Alice@Example.com ', next: '/faye/lists/1' })
    expect(reply.status).toBe(303)
    expect(reply.headers.get('location')).toBe('/faye/lists/1')
    const cookie = reply.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(/^todos_session=[\w-]{43}; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax$/)
    const hash = createHash('sha256')
      .update(/=([\w-]{43})/.exec(cookie)?.[1] ?? '')
      .digest()
    expect(await todos.sql`select 1 from todo_app.sessions where token_hash = ${hash}`).toHaveLength(1)
  })

  test('says the same of a wrong password and an unknown address', async () => {
    const [wrong, unknown] = [await signIn({ password: 'guess' }), await signIn({ email: 'x@example.com' })]
    expect([wrong.status, unknown.status]).toEqual([401, 401])
    const problem = 'This e-mail address and password do not belong together.'
    expect(await wrong.text()).toContain(problem)
    expect(await unknown.text()).toContain(problem)
  })

  test.each(['https://evil.example/', '//evil.example', '/\\evil.example', 'javascript:alert(1)'])(
    'goes to no other site afterwards: %s',
    async (next) => {
      expect((await signIn({ next })).headers.get('location')).toBe('/')
    },
  )

  test('refuses another site’s form', async () => {
    for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
      const reply = await signIn({}, headers as Record<string, string>)
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

  test('signing out ends the session, for pages, writes and Bayeux alike', async () => {
    const browser = await todos.browser('alice@example.com')
    expect((await browser.get('/native/lists/1')).status).toBe(200)
    await postForm(todos.app, '/sign-out', {}, { cookie: browser.cookie })
    const after = await browser.get('/native/lists/1')
    expect(after.status).toBe(302)
    expect(after.headers.get('location')).toBe('/sign-in?next=%2Fnative%2Flists%2F1')
    expect((await browser.send('POST', '/api/lists/1/todos', { title: 'x' })).status).toBe(401)
    expect((await browser.get('/lockstep/snapshot/list/1')).status).toBe(401)
  })
})
