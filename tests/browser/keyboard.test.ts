import { eventually, launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Person } from './person.ts'
import { type ScrumProcess, startScrum } from './scrum-process.ts'

/** More than there are places to stop at between any two of the page. */
const tabsMax = 150

let scrum: ScrumProcess
let browser: Browser
let page: Page
/** Sees what comes of it. */
let olivia: Person

describe.skipIf(withoutBrowser())('the board by keyboard alone', () => {
  beforeAll(async () => {
    scrum = await startScrum()
    browser = await launchChromium()
    olivia = await Person.signIn(browser, scrum.address, 'olivia@example.com')
    await olivia.openBacklog(scrum.address)
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    await page.goto(`${scrum.address}/sign-in`)
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await scrum?.stop()
  })

  const press = async (...keys: string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key)
  }

  const type = (text: string): Promise<void> => page.keyboard.type(text)

  /** What a screen reader calls what has the focus. */
  const focused = (): Promise<string> =>
    page.evaluate(() => {
      const element = document.activeElement
      if (element === null || element === document.body) return ''
      // Only fields have labels, and only some.
      const label = (element as Partial<HTMLInputElement>).labels?.[0]?.textContent
      return (element.getAttribute('aria-label') ?? label ?? element.textContent ?? '').trim()
    })

  /** Goes on by Tab, or back, until what has the focus bears this name; what is passed is on screen. */
  const tabTo = async (name: string | RegExp, key = 'Tab'): Promise<void> => {
    for (let i = 0; i < tabsMax; i++) {
      const now = await focused()
      if (typeof name === 'string' ? now === name : name.test(now)) return
      await press(key)
    }
    throw new Error(`${tabsMax} times ${key} did not lead to ${name}, but at last to "${await focused()}"`)
  }

  const item = async (story: string): Promise<Record<string, unknown> | undefined> => {
    const [row] = await scrum.sql`
      select id, estimate::float8, sprint_id, description, position from items where user_story = ${story}`
    return row
  }

  const live = (): Promise<void> => page.getByText('Live', { exact: true }).first().waitFor()

  test('signs in and opens a project', async () => {
    await tabTo('E-mail address')
    await type('alice@example.com')
    await tabTo('Password')
    await type('password')
    await press('Enter')
    await page.getByRole('heading', { name: 'Projects' }).waitFor()
    await live()
    await tabTo(/Banana Scrum/)
    await press('Enter')
    await page.getByRole('heading', { name: 'Backlog' }).waitFor()
    await live()
  })

  test('skips to the content, in which the first thing can be reached', async () => {
    await press('Tab')
    expect(await focused()).toBe('Skip to the content')
    await press('Enter', 'Tab')
    expect(await page.evaluate(() => document.querySelector('main')?.contains(document.activeElement))).toBe(
      true,
    )
  })

  test('makes an item, renames it, estimates it', async () => {
    await tabTo('New item at the top')
    await type('Made by keys')
    await press('Enter')
    await olivia.item('Made by keys').waitFor()
    await eventually(async () =>
      expect(
        await page.getByRole('button', { name: 'Move Made by keys' }).getAttribute('aria-disabled'),
      ).toBe('false'),
    )
    await tabTo('Made by keys')
    await press('Enter')
    expect(await focused()).toBe('User story')
    await type('Renamed by keys')
    await press('Enter')
    await olivia.item('Renamed by keys').waitFor()
    expect(await focused()).toBe('Renamed by keys')
    await tabTo('Estimate: not estimated')
    await press('Enter', 'Home', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'Enter')
    await eventually(async () => expect((await item('Renamed by keys'))?.estimate).toBe(2))
    expect(await focused()).toBe('Estimate: 2 points')
    await press('Control+z')
    await eventually(async () => expect((await item('Renamed by keys'))?.estimate).toBe(null))
  })

  test('sorts', async () => {
    await tabTo('Move Renamed by keys', 'Shift+Tab')
    await press('Alt+ArrowDown')
    await eventually(async () => expect((await olivia.stories())[1]).toBe('Renamed by keys'))
    await press('Alt+End')
    await eventually(async () => expect((await olivia.stories()).at(-1)).toBe('Renamed by keys'))
    expect(await focused()).toBe('Move Renamed by keys')
    await press('Enter', 'ArrowDown', 'ArrowDown')
    await tabTo(/^Move to position/)
    await press('Enter')
    await type('3')
    await press('Enter')
    await eventually(async () => expect((await olivia.stories())[2]).toBe('Renamed by keys'))
    await press('Control+z')
    await eventually(async () => expect((await olivia.stories()).at(-1)).toBe('Renamed by keys'))
    await tabTo('Move Renamed by keys')
    await press('Alt+Home')
    await eventually(async () => expect((await olivia.stories())[0]).toBe('Renamed by keys'))
  })

  test('deletes, and takes it back', async () => {
    await tabTo('Delete Renamed by keys')
    await press('Enter')
    await olivia.item('Renamed by keys').waitFor({ state: 'detached' })
    // What takes its place has the focus: the next key is not lost.
    expect(await focused()).not.toBe('')
    await press('Control+z')
    await olivia.item('Renamed by keys').waitFor()
    expect((await olivia.stories())[0]).toBe('Renamed by keys')
  })

  test('writes a description, a task, a comment and a tag', async () => {
    await tabTo('Details of Renamed by keys')
    await press('Enter')
    const details = page.getByRole('article', { name: 'Renamed by keys' })
    await tabTo(/^(Edit|Describe|Add a description|Say)/)
    await press('Enter')
    expect(await focused()).toBe('Description in Markdown')
    await type('By **keys**.')
    await press('Control+Enter')
    await eventually(async () => expect((await item('Renamed by keys'))?.description).toBe('By **keys**.'))
    await tabTo(/comment/i)
    await type('Said by keys')
    await press('Control+Enter')
    await details.getByText('Said by keys').waitFor()
    await tabTo('New task')
    await type('A task by keys')
    await press('Enter')
    const task = details.getByRole('checkbox', { name: 'A task by keys' })
    await eventually(async () => expect(await task.isEnabled()).toBe(true))
    await tabTo('A task by keys', 'Shift+Tab')
    await tabTo('Hours left of A task by keys')
    await type('5')
    await press('Enter')
    await tabTo('Who does A task by keys')
    await type('Olivia')
    await eventually(async () => {
      const rows = await scrum.sql`
        select hours_left::float8, name from tasks join users on users.id = user_id where summary = 'A task by keys'`
      expect([...rows]).toEqual([{ hours_left: 5, name: 'Olivia' }])
    })
    await tabTo('A task by keys', 'Shift+Tab')
    while ((await page.evaluate(() => document.activeElement?.getAttribute('type'))) !== 'checkbox')
      await press('Shift+Tab')
    await press('Space')
    await eventually(async () => {
      const [row] = await scrum.sql`select done from tasks where summary = 'A task by keys'`
      expect(row?.done).toBe(true)
    })
    await tabTo('Delete the task A task by keys')
    await press('Enter')
    await task.waitFor({ state: 'detached' })
    expect(await focused()).toBe('New task')
    await tabTo(/tag/i)
    await type('keys')
    await press('Enter')
    await olivia.item('Renamed by keys').getByText('keys', { exact: true }).waitFor()
  })

  test('cuts the backlog, moves the marker and removes it', async () => {
    await tabTo('Move Renamed by keys', 'Shift+Tab')
    await press('Enter')
    await tabTo(/^Cut the backlog below/, 'ArrowDown')
    await press('Enter')
    const marker = olivia.page.getByRole('group', { name: /^Future sprint 1/ })
    await marker.filter({ hasText: 'in 1 item' }).waitFor()
    await tabTo('Move the marker of Future sprint 1')
    await press('Alt+ArrowDown')
    await marker.filter({ hasText: 'in 2 items' }).waitFor()
    await tabTo('Remove the marker of Future sprint 1')
    await press('Enter')
    await marker.waitFor({ state: 'detached' })
    expect(await focused()).toMatch(/^Move /)
  })

  test('puts an item into a sprint, and takes it back', async () => {
    await tabTo('Move Renamed by keys', 'Shift+Tab')
    await press('Enter')
    await tabTo('Move to Sprint 2', 'ArrowDown')
    await press('Enter')
    await eventually(async () => expect((await item('Renamed by keys'))?.sprint_id).not.toBe(null))
    await olivia.item('Renamed by keys').waitFor({ state: 'detached' })
    expect(await focused()).not.toBe('')
    await press('Control+z')
    await olivia.item('Renamed by keys').waitFor()
  })

  test('adds many items', async () => {
    await tabTo('Add many', 'Shift+Tab')
    await press('Enter')
    expect(await focused()).toBe('One user story a line')
    await type('First of two')
    await press('Enter')
    await type('Second of two')
    await tabTo('Add 2 items')
    await press('Enter')
    await olivia.item('Second of two').waitFor()
    expect(await focused()).toBe('Add many')
  })

  test('plans a sprint', async () => {
    await tabTo('Planning', 'Shift+Tab')
    await press('Enter')
    await page.getByRole('button', { name: 'New sprint' }).waitFor()
    await live()
    await tabTo('New sprint')
    await press('Enter')
    expect(await focused()).toBe('Name')
    await type('Sprint by keys')
    await tabTo('Goal')
    await type('Nothing needs a mouse')
    await tabTo('Plan it')
    await press('Enter')
    await page.waitForURL(/planning\/\d+$/)
    await page.getByRole('heading', { name: 'Sprint by keys', level: 1 }).waitFor()
    await live()
    await tabTo('Move Renamed by keys')
    await press('Enter')
    await tabTo('Move to Sprint by keys', 'ArrowDown')
    await press('Enter')
    await page
      .getByRole('list', { name: 'Sprint items' })
      .getByRole('article', { name: 'Renamed by keys' })
      .waitFor()
    await eventually(async () => expect(await focused()).toBe('Move Renamed by keys'))
    await tabTo('Delete Sprint by keys', 'Shift+Tab')
    await press('Enter')
    await eventually(async () => expect((await item('Renamed by keys'))?.sprint_id).toBe(null))
    await press('Control+z')
    await eventually(async () => expect((await item('Renamed by keys'))?.sprint_id).not.toBe(null))
  })

  test('writes down what is in the way, and closes it', async () => {
    await tabTo('Impediments', 'Shift+Tab')
    await press('Enter')
    await page.getByRole('heading', { name: 'Impediments' }).waitFor()
    await live()
    await tabTo('New impediment')
    await type('No mouse')
    await press('Enter')
    await eventually(async () =>
      expect(await page.getByRole('button', { name: 'Open: No mouse' }).isEnabled()).toBe(true),
    )
    await tabTo('Open: No mouse')
    await press('Enter')
    await eventually(async () => {
      const [row] = await scrum.sql`select open from impediments where summary = 'No mouse'`
      expect(row?.open).toBe(false)
    })
    await press('Control+z')
    await eventually(async () => {
      const [row] = await scrum.sql`select open from impediments where summary = 'No mouse'`
      expect(row?.open).toBe(true)
    })
    await tabTo('Delete No mouse')
    await press('Enter')
    await eventually(async () =>
      expect(await scrum.sql`select 1 from impediments where summary = 'No mouse'`).toHaveLength(0),
    )
    expect(await focused()).not.toBe('')
  })

  test('signs out', async () => {
    await tabTo(/^A?\s*Signed in as/, 'Shift+Tab')
    await press('Enter')
    await tabTo('Sign out')
    await press('Enter')
    await page.getByLabel('Password').waitFor()
  })
})
