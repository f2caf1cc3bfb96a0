import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Page } from '../../model/page.ts'
import { type BoardInTest, type Browser, startBoard } from '../board.testing.ts'

let board: BoardInTest
let alice: Browser
let bob: Browser

beforeAll(async () => {
  board = await startBoard()
  alice = await board.browser('alice@example.com')
  bob = await board.browser('bob@example.com')
})
afterAll(() => board.close())

async function pageOf(
  browser: Browser,
  path: string,
): Promise<{ html: string; data: Page; reply: Response }> {
  const reply = await browser.get(path)
  const html = await reply.text()
  const json = /<script type="application\/json" id="page">(.*?)<\/script>/s.exec(html)?.[1] ?? ''
  // Made by the server from a Page.
  return { html, data: JSON.parse(json) as Page, reply }
}

/** What is shown without a script: the HTML before the data. */
function shownIn(html: string): string {
  return html.slice(html.indexOf('<div id="root">'), html.indexOf('<script type="application/json"'))
}

describe('the backlog page', () => {
  test('holds its rows as HTML, in order, before any script runs', async () => {
    const { html, reply } = await pageOf(alice, '/projects/1')
    expect(reply.status).toBe(200)
    expect(reply.headers.get('cache-control')).toBe('no-store')
    const rows = await board.sql<{ user_story: string }[]>`
      select user_story from items where project_id = 1 and sprint_id is null order by position`
    const shown = shownIn(html)
    const places = rows.map((row) => shown.indexOf(`aria-label="${row.user_story}"`))
    expect(places.every((place) => place > 0)).toBe(true)
    expect([...places].sort((a, b) => a - b)).toEqual(places)
  })

  test('holds the same rows as data, with their position in the log', async () => {
    const { data } = await pageOf(alice, '/projects/1')
    if (data.kind !== 'backlog') throw new Error('another page')
    const [snapshot] = data.lockstep.snapshots
    expect(snapshot?.channel).toBe('project/1')
    expect(snapshot?.position).toMatch(/^[a-z0-9]+\.[0-9a-f]+$/)
    const [stored] = await board.sql`select count(*)::int as items from items where project_id = 1`
    expect(snapshot?.collections.items?.rows.length).toBe(stored?.items)
    expect(data.lockstep.session.token.length).toBeGreaterThan(20)
  })

  test('shows text as text: no row breaks out of the HTML or of the data', async () => {
    const evil = '</script><script>alert(1)</script><img src=x onerror=alert(2)> & "quoted"'
    const sent = await alice.send('POST', '/api/projects/1/items', { user_story: evil, description: evil })
    expect(sent.status).toBe(201)
    const { html, data } = await pageOf(alice, '/projects/1')
    expect(html).not.toContain('<script>alert(1)')
    expect(html).not.toContain('<img src=x')
    expect(html.match(/<script/g)?.length).toBe(2)
    expect(shownIn(html)).toContain('&lt;/script&gt;&lt;script&gt;alert(1)')
    expect(JSON.stringify(data)).toContain(JSON.stringify(evil).slice(1, -1))
  })

  test('shows the first lines of a long list, and carries all of it', async () => {
    const [project] = await board.sql<
      { id: number }[]
    >`insert into projects (name) values ('Long') returning id`
    const id = project?.id ?? 0
    await board.sql`insert into memberships select ${id}, id, name, hue from users where name = 'Alice'`
    await board.sql`
      insert into items (project_id, user_story, position)
      select ${id}, 'line ' || g, lpad(g::text, 4, '0') || 'V' from generate_series(1, 1000) g`
    const { html, data } = await pageOf(alice, `/projects/${id}`)
    const shown = shownIn(html).match(/<article/g)?.length ?? 0
    expect(shown).toBeGreaterThan(20)
    expect(shown).toBeLessThan(200)
    expect(shownIn(html)).toContain('aria-label="line 1"')
    if (data.kind !== 'backlog') throw new Error('another page')
    expect(data.lockstep.snapshots[0]?.collections.items?.rows.length).toBe(1000)
    await board.sql`delete from projects where id = ${id}`
  })

  test('comes in the theme that was chosen', async () => {
    expect((await pageOf(alice, '/projects/1')).html).toContain('<html lang="en">')
    const dark = { ...alice, cookie: `${alice.cookie}; theme=dark` }
    const reply = await board.scrum.fetch(
      new Request('http://board.test/projects/1', { headers: { cookie: dark.cookie } }),
    )
    expect(await reply.text()).toContain('<html lang="en" data-theme="dark">')
  })
})

describe('the projects page', () => {
  test('shows the projects that one is in, with their counts, and no others', async () => {
    await board.sql`delete from items where project_id = 1 and id > 12`
    const { html } = await pageOf(bob, '/')
    const shown = shownIn(html)
    expect(shown).toContain('Harbour Office')
    expect(shown).toMatch(/<dt>Items<\/dt><dd>3<\/dd>/)
    expect(html).not.toContain('Banana Scrum')
    expect(html).not.toContain('Alice')
  })

  test('a project that one creates is one’s own', async () => {
    const reply = await bob.send('POST', '/api/projects', { name: ' Lighthouse ' })
    expect(reply.status).toBe(201)
    const { id } = (await reply.json()) as { id: number }
    expect((await pageOf(bob, `/projects/${id}`)).html).toContain('An empty backlog')
    expect((await alice.get(`/projects/${id}`)).status).toBe(404)
  })
})

describe('G9: not a byte of a project goes to who is not a member', () => {
  const secret = 'Banana Scrum'
  test.each(['/projects/1', '/projects/999', '/projects/01', '/projects/1e0', '/projects/x'])(
    'page %s is the same 404',
    async (path) => {
      const reply = await bob.get(path)
      expect(reply.status).toBe(404)
      const html = await reply.text()
      expect(html).toContain('There is nothing here')
      expect(html).not.toContain(secret)
    },
  )

  test.each(['project/1', 'summary/1', 'user/1', 'project/01', 'project/1%2C2'])(
    'snapshot of %s',
    async (channel) => {
      const reply = await bob.get(`/lockstep/snapshot/${channel}`)
      expect(reply.status).toBeGreaterThanOrEqual(400)
      expect(reply.status).toBeLessThan(500)
      expect(await reply.text()).not.toContain(secret)
    },
  )

  test('nor a password hash or an address to who is', async () => {
    const bodies = [
      await (await alice.get('/projects/1')).text(),
      await (await alice.get('/')).text(),
      await (await alice.get('/lockstep/snapshot/project/1')).text(),
    ]
    for (const text of bodies) {
      expect(text).toContain('Olivia')
      expect(text).not.toContain('scrypt$')
      expect(text).not.toContain('olivia@example.com')
    }
  })
})

test('every reply says what may run in it: no inline script', async () => {
  for (const path of ['/', '/sign-in', '/projects/1', '/nothing']) {
    const policy = (await alice.get(path)).headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self';")
    expect(policy).toContain("frame-ancestors 'none'")
  }
})

test('assets may be kept for ever, and nothing outside them can be had', async () => {
  const { html } = await pageOf(alice, '/projects/1')
  const script = /<script type="module" src="([^"]+)"/.exec(html)?.[1] ?? ''
  const reply = await alice.get(script)
  expect(reply.status).toBe(200)
  expect(reply.headers.get('cache-control')).toContain('immutable')
  for (const path of [
    '/assets/../.vite/manifest.json',
    '/assets/%2e%2e/.vite/manifest.json',
    '/assets/nothing.js',
  ]) {
    expect((await alice.get(path)).status).toBe(404)
  }
})
