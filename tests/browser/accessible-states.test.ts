import { launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser, Locator } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { faultsOf } from './axe.ts'
import { opened } from './operations/operation-row.ts'
import { Person } from './person.ts'
import { type ScrumProcess, startScrum } from './scrum-process.ts'
import { shoot } from './shots.ts'

const story = 'As a team member I see changes of others without reloading'
const dragged =
  'As a product owner I can drag an item to a new place, so that the order says what comes first'

const looks = [360, 1600].flatMap((width) =>
  (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })),
)

// Each state is held to the rules four times, which takes its time on a busy machine.
describe.skipIf(withoutBrowser())(
  'what opens, and what others do, can be met by everyone',
  { timeout: 120_000 },
  () => {
    let scrum: ScrumProcess
    let browser: Browser
    let alice: Person
    let olivia: Person

    beforeAll(async () => {
      scrum = await startScrum()
      browser = await launchChromium()
      alice = await Person.signIn(browser, scrum.address, 'alice@example.com')
      olivia = await Person.signIn(browser, scrum.address, 'olivia@example.com')
      for (const { page } of [alice, olivia]) {
        page.setDefaultTimeout(10_000)
        await page.emulateMedia({ reducedMotion: 'reduce' })
      }
    }, 120_000)

    afterAll(async () => {
      await browser?.close()
      await scrum?.stop()
    })

    afterEach(() => {
      expect([...alice.errors, ...olivia.errors]).toEqual([])
    })

    const button = (person: Person, name: string | RegExp, item = story): Locator =>
      person.item(item).getByRole('button', { name, exact: true })

    async function bothOpen(path: string): Promise<void> {
      await Promise.all([alice.open(scrum.address, path), olivia.open(scrum.address, path)])
    }

    /** Holds the page to the rules as it stands, in each look, and takes its picture. */
    async function check({ page }: Person, state: string): Promise<void> {
      const found: unknown[] = []
      for (const { width, colorScheme } of looks) {
        await page.setViewportSize({ width, height: 900 })
        await page.emulateMedia({ colorScheme })
        const faults = await faultsOf(page)
        const wide = await page.evaluate(() => document.documentElement.scrollWidth)
        await shoot(page, `${state}-${width}-${colorScheme}`)
        if (faults.length > 0 || wide > width) found.push({ width, colorScheme, faults, wide })
      }
      expect({ state, found }).toEqual({ state, found: [] })
    }

    test('forms over the backlog', async () => {
      await bothOpen('')
      await alice.page.getByRole('button', { name: 'Add many' }).click()
      await alice.page.getByRole('textbox', { name: 'One user story a line' }).fill('One\nTwo')
      await check(alice, 'form-bulk')
      await alice.page.getByRole('textbox', { name: 'One user story a line' }).fill('x'.repeat(501))
      await check(alice, 'form-bulk-fault')
      await alice.page.getByRole('button', { name: 'Cut into sprints' }).click()
      await check(alice, 'form-cut')
      await alice.page.getByRole('textbox', { name: 'Points in one sprint' }).fill('none')
      await check(alice, 'form-cut-fault')
    })

    test('menus', async () => {
      await bothOpen('')
      await button(alice, `Move ${story}`).click()
      await check(alice, 'menu-item')
      await alice.page.getByRole('menuitem', { name: 'Move to position …' }).click()
      await check(alice, 'menu-position')
      await alice.page.keyboard.press('Escape')
      await button(alice, /^Estimate: /).click()
      await check(alice, 'menu-estimate')
      await alice.page.keyboard.press('Escape')
      await alice.page.locator('summary').filter({ hasText: 'Signed in as' }).click()
      await check(alice, 'menu-account')
    })

    test('who is here, and who works on what', async () => {
      await bothOpen('')
      await (await opened(olivia, story)).getByRole('button', { name: 'Edit', exact: true }).click()
      await alice.item(story).getByText('Olivia is currently editing').waitFor()
      const handle = button(olivia, `Move ${dragged}`, dragged)
      const from = await handle.boundingBox()
      if (from === null) throw new Error('nothing to drag')
      await olivia.page.mouse.move(from.x + 10, from.y + 20)
      await olivia.page.mouse.down()
      await olivia.page.mouse.move(from.x + 200, from.y + 60, { steps: 4 })
      await alice.item(dragged).getByText('Olivia is currently moving').waitFor()
      await alice.page
        .getByRole('list', { name: 'Who else is here' })
        .getByRole('img', { name: 'Olivia: Backlog' })
        .waitFor()
      await check(alice, 'locks-backlog')
      await olivia.page.keyboard.press('Escape')
      await olivia.page.mouse.up()
    })

    test('locks of tasks and impediments', async () => {
      await bothOpen('/sprint')
      const task = 'Workload per person'
      await olivia.page.getByRole('button', { name: task, exact: true }).click()
      await alice.page.getByText('Olivia is currently editing').waitFor()
      await check(alice, 'locks-sprint')
      await alice.page.getByRole('button', { name: `Ask for it: ${task}` }).click()
      await olivia.page.getByRole('group', { name: 'Alice would like to edit this' }).waitFor()
      await check(olivia, 'question-task')
      await bothOpen('/impediments')
      await olivia.page.getByRole('button', { name: 'The test phone has no charger', exact: true }).click()
      await alice.page.getByText('Olivia is currently editing').waitFor()
      await check(alice, 'locks-impediments')
    })

    test('asking for an item, and being asked', async () => {
      await bothOpen('')
      const article = await opened(olivia, story)
      await article.getByRole('button', { name: 'Edit', exact: true }).click()
      await button(alice, `Ask for it: ${story}`).click()
      const question = olivia.page.getByRole('group', { name: 'Alice would like to edit this' })
      await question.waitFor()
      await check(alice, 'asked')
      await check(olivia, 'question-description')
      await question.getByRole('button', { name: 'Keep it' }).click()
      await alice.item(story).getByText('Not just now.').waitFor()
      await check(alice, 'kept')
      await scrum.sql`update items set description = 'From elsewhere.' where id = 2`
      // Lit for a moment, which without motion is a ground of its own.
      await olivia.page.getByRole('alert').waitFor()
      await button(alice, `Ask again: ${story}`).click()
      await question.waitFor()
      await olivia.page.getByRole('textbox', { name: 'Description in Markdown' }).fill('Of Olivia.')
      await question.getByText('your text stays here unsaved').waitFor()
      await check(olivia, 'question-conflict')
      await question.getByRole('button', { name: 'Let go' }).click()
      await alice.item(story).getByText('It is yours now').waitFor()
      await check(alice, 'given')
    })
  },
)
