import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ListsPage } from '../../model/page.ts'
import { type Browser, startTodosInTest, type TodosInTest } from '../todos.testing.ts'

let todos: TodosInTest
let alice: Browser
let bob: Browser

beforeAll(async () => {
  todos = await startTodosInTest()
  alice = await todos.browser('alice@example.com')
  bob = await todos.browser('bob@example.com')
})
afterAll(() => todos.close())

async function pageOf(browser: Browser, path: string): Promise<{ html: string; data: ListsPage }> {
  const html = await (await browser.get(path)).text()
  const json = /<script type="application\/json" id="page">(.*?)<\/script>/s.exec(html)?.[1] ?? ''
  return { html, data: JSON.parse(json) as ListsPage } // made by the server from one
}

describe.each(['faye', 'native'] as const)('the page of a list, %s variant', (variant) => {
  test('holds its rows as HTML and as data, with their position', async () => {
    const { html, data } = await pageOf(alice, `/${variant}/lists/1`)
    for (const text of ['Get Cheeseburgers', 'Buy some tasty kale juice', 'Weekend at the lake']) {
      expect(html.slice(0, html.indexOf('<script type="application/json"'))).toContain(text)
    }
    expect(data.todos).toHaveLength(4)
    expect(data.lists.map(({ name, open, total }) => [name, open, total])).toContainEqual(['Groceries', 3, 4])
    const position = /^[a-z0-9]+\.[0-9a-f]+$/
    if (data.live.variant === 'faye') {
      expect(data.live.positions).toEqual({
        '/sync/team/1/lists': expect.stringMatching(position),
        '/sync/list/1/todos': expect.stringMatching(position),
      })
    } else {
      expect(data.live.lockstep.snapshots.map(({ channel }) => channel)).toEqual(['team/1', 'list/1'])
      expect(data.live.lockstep.session.token.length).toBeGreaterThan(20)
    }
  })

  test('loads its own client alone', async () => {
    const { html } = await pageOf(alice, `/${variant}/lists/1`)
    expect(html.includes('src="/bayeux/client.js"')).toBe(variant === 'faye')
    const scripts = [...html.matchAll(/<script [^>]*src="(\/assets\/[^"]+)"/g)].map(([, src = '']) => src)
    expect(scripts).toEqual([expect.stringContaining(`/${variant}-`)])
    const script = await alice.get(scripts[0] ?? '')
    expect(script.status).toBe(200)
    expect(script.headers.get('cache-control')).toContain('immutable')
  })

  test('links to the same list in the other variant', async () => {
    const { html } = await pageOf(alice, `/${variant}/lists/2`)
    expect(html).toContain('href="/faye/lists/2"')
    expect(html).toContain('href="/native/lists/2"')
  })

  test('shows text as text: no row breaks out of the HTML or of the data', async () => {
    const evil = '</script><script>alert(1)</script><img src=x onerror=alert(2)> & "quoted" \'too\''
    await todos.sql`insert into todo_app.todos (list_id, title) values (2, ${evil})`
    const { html, data } = await pageOf(alice, `/${variant}/lists/2`)
    expect(html).not.toContain('<script>alert(1)')
    expect(html).not.toContain('<img src=x')
    expect(html).not.toContain('"quoted"')
    expect(data.todos.map(({ title }) => title)).toContain(evil)
    await todos.sql`delete from todo_app.todos where title = ${evil}`
  })

  test('of a team without lists says so', async () => {
    await todos.sql`delete from todo_app.lists where team_id = 2`
    const { html, data } = await pageOf(bob, `/${variant}`)
    expect(html).toContain('No list yet')
    expect(data.listId).toBeUndefined()
    await todos.sql`insert into todo_app.lists (id, team_id, name) overriding system value values (4, 2, 'Quay')`
  })

  test.each(['1', '999', '01', '1e0', 'x'])('G9: of list %s is nothing to who may not see it', async (id) => {
    const reply = await bob.get(`/${variant}/lists/${id}`)
    expect(reply.status).toBe(404)
    const html = await reply.text()
    expect(html).toContain('There is nothing here')
    expect(html).not.toContain('Groceries')
  })
})

test('G9: snapshots of others are answered like what there is not', async () => {
  for (const channel of ['list/1', 'list/999', 'team/1', 'list/x', 'list/1e0']) {
    const reply = await bob.get(`/lockstep/snapshot/${channel}`)
    expect(reply.status).toBe(404)
    expect(await reply.text()).not.toContain('Groceries')
  }
  expect((await alice.get('/lockstep/snapshot/list/1')).status).toBe(200)
})

test('every page says what may run in it: no inline script', async () => {
  for (const path of ['/', '/sign-in', '/faye/lists/1', '/native/lists/1', '/nothing']) {
    const reply = await alice.get(path)
    const policy = reply.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self';")
    if (reply.status === 200) expect(reply.headers.get('cache-control')).toBe('no-store')
  }
})

test('the way in leads to the first list', async () => {
  expect((await alice.get('/')).headers.get('location')).toBe('/native')
  expect((await alice.get('/native')).headers.get('location')).toBe('/native/lists/1')
  expect((await alice.get('/faye')).headers.get('location')).toBe('/faye/lists/1')
})
