import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { eventually, launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type BoardInTest, startBoard } from '../../server/board.testing.ts'

const story = 'As a team we estimate with cards, so that a number is never fought over'

let board: BoardInTest
let address: string
let browser: Browser
let alice: Person
let olivia: Person

/** A signed-in page on the backlog. */
interface Person {
  readonly page: Page
  readonly context: BrowserContext
  readonly requests: string[]
  readonly faults: string[]
  item(userStory: string): Locator
  stories(): Promise<string[]>
}

async function open(email: string, path = '/projects/1', options: object = {}): Promise<Person> {
  const signedIn = await board.browser(email)
  const [name = '', value = ''] = signedIn.cookie.split('=')
  const context = await browser.newContext({ viewport: { width: 1280, height: 1200 }, ...options })
  await context.addCookies([{ name, value, url: address }])
  const page = await context.newPage()
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    // The browser itself reports every reply that is an error; refused writes are.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load'))
      faults.push(message.text())
  })
  await page.goto(address + path)
  await page.getByRole('status', { name: 'Connection' }).getByText('Live').waitFor()
  const requests: string[] = []
  page.on('request', (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`))
  return {
    page,
    context,
    requests,
    faults,
    item: (userStory) => page.getByRole('article', { name: userStory, exact: true }),
    stories: () => page.getByRole('article').evaluateAll((all) => all.map((one) => one.ariaLabel ?? '')),
  }
}

describe.skipIf(withoutBrowser())('the backlog in a browser', () => {
  beforeAll(async () => {
    board = await startBoard()
    address = await board.listen()
    browser = await launchChromium()
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await board?.close()
  })

  beforeEach(async () => {
    ;[alice, olivia] = await Promise.all([open('alice@example.com'), open('olivia@example.com')])
  })

  afterEach(async () => {
    expect([...alice.faults, ...olivia.faults]).toEqual([])
    await Promise.all([alice.context.close(), olivia.context.close()])
  })

  test('a draft is kept when another changes the same text; theirs stands beside it, to choose', async () => {
    await olivia.item(story).getByRole('button', { name: story, exact: true }).click()
    await olivia.page.getByLabel('User story').fill('What Olivia writes')
    await board.sql`update items set user_story = 'What Alice wrote' where user_story = ${story}`
    const conflict = olivia.page.getByRole('alert').filter({ hasText: 'changed this while you were writing' })
    await conflict.getByText('What Alice wrote').waitFor()
    await conflict.getByText('Someone changed this').waitFor()
    await alice
      .item('What Alice wrote')
      .getByRole('button', { name: 'What Alice wrote', exact: true })
      .click()
    await alice.page.getByLabel('User story').fill('What Alice wrote then')
    await alice.page.keyboard.press('Enter')
    await conflict.getByText('Alice changed this').waitFor()
    expect(await olivia.page.getByLabel('User story').inputValue()).toBe('What Olivia writes')
    // Leaving the field does not decide it.
    await olivia.page.getByLabel('New item at the bottom').focus()
    expect(olivia.requests).toEqual([])
    await conflict.getByRole('button', { name: 'Keep mine' }).click()
    await alice.item('What Olivia writes').waitFor()
    expect(olivia.requests.length).toBe(1)
    await board.sql`update items set user_story = ${story} where user_story = 'What Olivia writes'`
    await olivia.item(story).waitFor()
  })

  test('what is deleted comes back by one request, with its tasks, in its place', async () => {
    const before = await alice.stories()
    const deleted = before[2] ?? ''
    const tasksOf = () =>
      board.sql`select summary, done from tasks join items on items.id = item_id
        where user_story = ${deleted} order by tasks.position`
    const tasks = [...(await tasksOf())]
    expect(tasks.length).toBe(3)
    await alice
      .item(deleted)
      .getByRole('button', { name: /^Move / })
      .press('Enter')
    await alice.page.getByRole('menuitem', { name: 'Delete' }).press('Enter')
    await olivia.item(deleted).waitFor({ state: 'detached' })
    alice.requests.length = 0
    await alice.page.getByRole('button', { name: 'Undo', exact: true }).click()
    await eventually(async () => expect(await olivia.stories()).toEqual(before))
    expect(alice.requests).toEqual(['POST /api/projects/1/items'])
    expect([...(await tasksOf())]).toEqual(tasks)
  })

  test('a text in an item that another deletes is not lost', async () => {
    await alice.page.getByLabel('New item at the bottom').fill('Doomed')
    await alice.page.keyboard.press('Enter')
    await olivia.item('Doomed').getByRole('button', { name: 'Doomed', exact: true }).click()
    await olivia.page.getByLabel('User story').fill('A precious text')
    await board.sql`delete from items where user_story = 'Doomed'`
    await olivia.page.getByRole('button', { name: 'Bring it back with my text' }).click()
    await alice.item('A precious text').waitFor()
    await board.sql`delete from items where user_story = 'A precious text'`
    await olivia.item('A precious text').waitFor({ state: 'detached' })
  })

  test('sorting by keyboard: every way the menu offers, said aloud, with the focus kept', async () => {
    const [first = ''] = await alice.stories()
    const handle = () => alice.item(first).getByRole('button', { name: /^Move / })
    const place = async () => (await alice.stories()).indexOf(first)
    const count = (await alice.stories()).length
    await handle().focus()
    for (const [key, expected] of [
      ['Alt+ArrowDown', 1],
      ['Alt+End', count - 1],
      ['Alt+ArrowUp', count - 2],
      ['Alt+Home', 0],
    ] as const) {
      await alice.page.keyboard.press(key)
      await eventually(async () => expect(await place()).toBe(expected))
      const said = alice.page.getByRole('status', { name: 'Announcements' })
      await said.getByText(`to position ${expected + 1} of ${count}`).waitFor()
      await eventually(async () =>
        expect(await handle().evaluate((one) => one === document.activeElement)).toBe(true),
      )
    }
    await alice.page.keyboard.press('Enter')
    await alice.page.getByRole('menuitem', { name: 'Move to position' }).press('Enter')
    await alice.page.getByLabel(`Position, 1 to ${count}`).fill('3')
    await alice.page.keyboard.press('Enter')
    await eventually(async () => expect((await olivia.stories()).indexOf(first)).toBe(2))
    await handle().press('Alt+Home')
    await eventually(async () => expect((await olivia.stories()).indexOf(first)).toBe(0))
  })

  test('tasks are added, ticked off, renamed and deleted on the other’s screen', async () => {
    for (const { item } of [alice, olivia])
      await item(story)
        .getByRole('button', { name: /^Details of / })
        .click()
    const field = alice.item(story).getByLabel('New task')
    await field.fill('Shuffle the cards')
    await field.press('Enter')
    const box = olivia.item(story).getByRole('checkbox', { name: 'Shuffle the cards' })
    await box.waitFor()
    await box.check()
    await alice.item(story).getByRole('checkbox', { name: 'Shuffle the cards', checked: true }).waitFor()
    await alice.item(story).getByRole('button', { name: 'Shuffle the cards', exact: true }).click()
    await alice.page.getByLabel('Task', { exact: true }).fill('Shuffle them well')
    await alice.page.keyboard.press('Enter')
    await olivia.item(story).getByRole('checkbox', { name: 'Shuffle them well' }).waitFor()
    await alice.item(story).getByRole('button', { name: 'Delete the task Shuffle them well' }).click()
    await olivia.item(story).getByRole('checkbox').waitFor({ state: 'detached' })
  })

  test('a row that another changed lights up, and goes out again; one’s own does not', async () => {
    await alice
      .item(story)
      .getByRole('button', { name: /^Estimate/ })
      .click()
    await alice.page.getByRole('dialog').getByRole('button', { name: '13 points' }).click()
    await olivia.item(story).locator('.lit').waitFor()
    expect(await alice.item(story).locator('.lit').count()).toBe(0)
    await olivia.page.getByText(`Alice estimated “As a team we estimate with cards`).first().waitFor()
    await olivia.item(story).locator('.lit').waitFor({ state: 'detached' })
  })

  test('a member who is taken off the team sees no row of it any more', async () => {
    await board.sql`delete from memberships where user_id = 2`
    await board.scrum.server.reauthorize(2)
    await olivia.page.getByRole('heading', { name: 'This project is no longer open to you' }).waitFor()
    expect(await olivia.page.getByText(story).count()).toBe(0)
    await board.sql`insert into memberships select 1, id, name, hue from users where id = 2`
  })

  test('5,000 items: only those near the window are in the page, all can be reached', async () => {
    const [project] = await board.sql<
      { id: number }[]
    >`insert into projects (name) values ('Long') returning id`
    const id = project?.id ?? 0
    await board.sql`insert into memberships select ${id}, id, name, hue from users where name = 'Alice'`
    await board.sql`
      insert into items (project_id, user_story, position)
      select ${id}, 'line ' || g, lpad(g::text, 4, '0') || 'V' from generate_series(1, 5000) g`
    const { page, faults, context } = await open('alice@example.com', `/projects/${id}`)
    expect(await page.getByRole('article').count()).toBeLessThan(100)
    await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight))
    const last = page.getByRole('article', { name: 'line 5000', exact: true })
    await last.waitFor()
    await last.getByRole('button', { name: /^Move / }).press('Alt+Home')
    // The page follows the item to the top.
    await page.getByRole('article', { name: 'line 1', exact: true }).waitFor()
    await eventually(async () =>
      expect(
        await last.getByRole('button', { name: /^Move / }).evaluate((one) => one === document.activeElement),
      ).toBe(true),
    )
    expect(faults).toEqual([])
    await context.close()
  })

  test.each([
    [360, 'light'],
    [360, 'dark'],
    [1600, 'light'],
    [1600, 'dark'],
  ] as const)('is accessible, readable and not too wide at %i px, %s', async (width, colorScheme) => {
    const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
    // The policy of the page lets no foreign script in, not even this one.
    const { page, context, item } = await open('alice@example.com', '/', {
      viewport: { width, height: 900 },
      colorScheme,
      bypassCSP: true,
      reducedMotion: 'reduce',
    })
    const look = async (place: string): Promise<void> => {
      await page.evaluate(axe)
      const found = await page.evaluate(async () => {
        // Put there by the line above.
        const { axe } = globalThis as unknown as { axe: typeof import('axe-core') }
        const { violations } = await axe.run(document)
        const small = [...document.querySelectorAll<HTMLElement>('body *')].filter(
          (one) =>
            [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim()) &&
            Number.parseFloat(getComputedStyle(one).fontSize) < 14,
        )
        return {
          violations: violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`),
          small: small.map((one) => one.outerHTML.slice(0, 100)),
          tooWide: document.documentElement.scrollWidth - window.innerWidth,
        }
      })
      expect({ place, ...found }).toEqual({ place, violations: [], small: [], tooWide: 0 })
    }
    await look('projects')
    await page.goto(`${address}/projects/1`)
    await page.getByRole('status', { name: 'Connection' }).getByText('Live').waitFor()
    await look('backlog')
    const [first = '', second = ''] = await page
      .getByRole('article')
      .evaluateAll((all) => all.map((one) => one.ariaLabel ?? ''))
    await item(first)
      .getByRole('button', { name: /^Details of / })
      .click()
    await look('details')
    await item(first).getByRole('button', { name: 'Edit', exact: true }).click()
    await look('description editor')
    await item(first).getByRole('button', { name: 'Cancel' }).click()
    await item(first)
      .getByRole('button', { name: /^Estimate/ })
      .click()
    await look('estimates')
    await page.keyboard.press('Escape')
    await item(second)
      .getByRole('button', { name: /^Move / })
      .click()
    await look('menu')
    await page.keyboard.press('Escape')
    await page.goto(`${address}/nothing`)
    await look('nothing here')
    await context.clearCookies()
    await page.goto(`${address}/sign-in`)
    await look('sign-in')
    await context.close()
  })
})
