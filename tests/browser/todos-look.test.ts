import { fileURLToPath } from 'node:url'
import { eventually, launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type AppProcess, startApp } from './app-process.ts'
import { faultsOf } from './axe.ts'
import { patient, TodoPerson } from './todo-person.ts'

vi.setConfig({ testTimeout: 120_000 })

// The variants share their views: each is seen at both widths and in both themes, not in every combination.
const looks = [
  { width: 360, colorScheme: 'light', variant: 'faye' },
  { width: 360, colorScheme: 'dark', variant: 'native' },
  { width: 1600, colorScheme: 'light', variant: 'native' },
  { width: 1600, colorScheme: 'dark', variant: 'faye' },
] as const

const artifacts = fileURLToPath(new URL('../../artifacts', import.meta.url))

describe.skipIf(withoutBrowser())('the todo lists', () => {
  let app: AppProcess
  let browser: Browser

  beforeAll(async () => {
    app = await startApp('todos')
    browser = await launchChromium()
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await app?.stop()
  })

  it.each(looks)(
    'can be used by everyone at $width px in $colorScheme colours, $variant variant, while two people edit',
    async ({ width, colorScheme, variant }) => {
      const look = { viewport: { width, height: 900 }, colorScheme, reducedMotion: 'reduce' } as const
      await app.sql`update todo_app.todos set title = 'Buy some tasty kale juice', done = false where id = 2`
      await app.sql`delete from todo_app.todos where title like 'Seen at once%'`
      const alice = await TodoPerson.signIn(browser, app.address, 'alice@example.com', look)
      const olivia = await TodoPerson.signIn(browser, app.address, 'olivia@example.com')
      const [mine, theirs] = [await alice.open(variant), await olivia.open('native')]
      expect(await faultsOf(mine.page)).toEqual([])

      await mine.addList('Groceries') // refused, and says so
      await mine.notice('There is a list of this name already.')
      await (await mine.edit('Buy some tasty kale juice')).fill('A draft that is mine')
      await theirs.rename('Buy some tasty kale juice', 'Buy plain kale juice')
      await theirs.add(`Seen at once at ${width} px, in ${colorScheme} colours, however long the line may be`)
      await mine
        .todo(`Seen at once at ${width} px, in ${colorScheme} colours, however long the line may be`)
        .waitFor()
      if (variant === 'native') await mine.page.getByText('Somebody else changed this').waitFor()
      await mine.page.screenshot({
        path: `${artifacts}/todos-${variant}-${width}-${colorScheme}.png`,
        fullPage: true,
      })
      expect(await faultsOf(mine.page)).toEqual([])
      expect(await mine.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)

      await mine.page.keyboard.press('Escape')
      await mine.page.getByRole('button', { name: 'Remove this list' }).click()
      expect(await faultsOf(mine.page)).toEqual([])
      await Promise.all([alice.close(), olivia.close()])
    },
  )

  it.each(looks)(
    'lets everyone in, and tells what is not there, at $width px in $colorScheme colours',
    async ({ width, colorScheme }) => {
      const context = await browser.newContext({ viewport: { width, height: 700 }, colorScheme })
      const page = await context.newPage()
      for (const path of ['/sign-in', '/nothing']) {
        await page.goto(app.address + path)
        expect(await faultsOf(page)).toEqual([])
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
      }
      await context.close()
    },
  )

  it('shows the open list, and one just created, also where the lists do not fit', async () => {
    const look = { viewport: { width: 360, height: 700 } } as const
    const olivia = await TodoPerson.signIn(browser, app.address, 'olivia@example.com', look)
    for (const variant of ['faye', 'native'] as const) {
      const { page, ...rest } = await olivia.open(variant, 3)
      expect(rest.errors).toEqual([])
      await expectInView(page, 'Things to mend')
      await page.getByRole('textbox', { name: 'New list' }).fill(`Created over ${variant}`)
      await page.keyboard.press('Enter')
      await expectInView(page, `Created over ${variant}`)
      expect(await page.evaluate(() => window.scrollY)).toBe(0)
    }
    await app.sql`delete from todo_app.lists where name like 'Created over %'`
    await olivia.close()
  })

  it('can be used by the keyboard alone', async () => {
    const olivia = await TodoPerson.signIn(browser, app.address, 'olivia@example.com')
    const alice = await TodoPerson.signIn(browser, app.address, 'alice@example.com')
    const [other, { page, ...mine }] = [await olivia.open('faye', 2), await alice.open('native', 2)]
    expect(mine.errors).toEqual([])
    const { keyboard } = page

    await tabTo(page, 'textbox', 'New todo')
    await keyboard.type('By hand')
    await keyboard.press('Enter')
    await other.todo('By hand').waitFor()

    await tabTo(page, 'checkbox', 'By hand')
    await keyboard.press('Space')
    await eventually(() => other.todo('By hand').getByRole('checkbox').isChecked(), patient)

    await tabTo(page, 'button', 'Rename By hand')
    await keyboard.press('Enter')
    await keyboard.type('By both hands')
    await keyboard.press('Enter')
    await other.todo('By both hands').waitFor()
    expect(await focused(page)).toBe('button Rename By both hands')

    await tabTo(page, 'button', 'Remove By both hands')
    await keyboard.press('Enter')
    await other.todo('By both hands').waitFor({ state: 'detached' })
    // It does not fall back to the top of the page.
    await eventually(async () => expect(await focused(page)).toBe('textbox New todo'), patient)

    await tabTo(page, 'button', 'Rename this list')
    await keyboard.press('Enter')
    await keyboard.type('Weekend by the sea')
    await keyboard.press('Enter')
    await other.page.getByRole('heading', { name: 'Weekend by the sea' }).waitFor()

    await tabTo(page, 'textbox', 'New list')
    await keyboard.type('Typed list')
    await keyboard.press('Enter')
    await eventually(async () => expect(await other.lists()).toContain('Typed list'), patient)
    await tabTo(page, 'link', 'Typed list, 0 open')
    await keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Typed list' }).waitFor()
    await page.locator('#status').getByText('Live', { exact: true }).waitFor()
    await tabTo(page, 'button', 'Remove this list')
    await keyboard.press('Enter')
    expect(await focused(page)).toBe('button Keep')
    await keyboard.press('Shift+Tab')
    await keyboard.press('Enter')
    await page.getByRole('heading', { name: 'This list is gone' }).waitFor()
    await eventually(async () => expect(await other.lists()).not.toContain('Typed list'), patient)

    await tabTo(page, 'link', 'Faye')
    await keyboard.press('Enter')
    await page.waitForURL('**/faye/lists/*')
    await Promise.all([alice.close(), olivia.close()])
  })
})

/** Role and name of what has the focus. */
async function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const element = document.activeElement
    const tag = element?.tagName.toLowerCase() ?? ''
    const isBox = element instanceof HTMLInputElement && element.type === 'checkbox'
    const role = isBox ? 'checkbox' : tag === 'input' ? 'textbox' : tag === 'a' ? 'link' : tag
    return `${role} ${element?.getAttribute('aria-label') ?? element?.textContent?.trim() ?? ''}`
  })
}

/** Presses Tab until that has the focus. */
async function tabTo(page: Page, role: string, name: string): Promise<void> {
  const seen: string[] = []
  for (let i = 0; i < 80; i++) {
    await page.keyboard.press('Tab')
    const now = await focused(page)
    if (now === `${role} ${name}`) return
    seen.push(now)
  }
  throw new Error(`Tab does not lead to the ${role} "${name}". It leads to:\n${seen.join('\n')}`)
}

/** Waits until a list's entry lies within the width of the page. */
async function expectInView(page: Page, name: string): Promise<void> {
  const entry = page.locator('#lists li').filter({ hasText: name })
  await eventually(async () => {
    const box = await entry.boundingBox()
    const width = page.viewportSize()?.width ?? 0
    expect(box).toMatchObject({ x: expect.any(Number) })
    expect(box?.x).toBeGreaterThanOrEqual(0)
    expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(width)
  }, patient)
}
