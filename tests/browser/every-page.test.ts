import { type CutProxy, cutProxy, eventually, launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser, Locator } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { faultsOf } from './axe.ts'
import { Person } from './person.ts'
import { type ScrumProcess, startScrum } from './scrum-process.ts'
import { shoot } from './shots.ts'

const looks = [360, 1600].flatMap((width) =>
  (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })),
)

const detailed =
  'As a product owner I can drag an item to a new place, so that the order says what comes first'
const edited = 'As a team member I see changes of others without reloading'
const renamed = 'As a developer I can split an item into tasks'

let scrum: ScrumProcess
let proxy: CutProxy
let browser: Browser

describe.skipIf(withoutBrowser())('every page of the board, while two people edit', () => {
  beforeAll(async () => {
    scrum = await startScrum()
    proxy = await cutProxy({ targetPort: scrum.port })
    const { sql } = scrum
    await sql`insert into tags (project_id, name) values (1, 'touch'), (1, 'later'), (1, 'nobody has asked for it')`
    await sql`
      insert into item_tags (project_id, item_id, tag_id) select 1, items.id, tags.id from items, tags
      where items.project_id = 1 and tags.project_id = 1 and user_story in (${detailed}, ${edited})`
    await sql`
      insert into attachments (project_id, item_id, name, size)
      select 1, id, 'how-it-looks-when-one-drags-by-touch.png', 70000 from items where user_story = ${detailed}`
    await sql`
      insert into comments (project_id, item_id, user_id, text)
      select 1, id, 2, 'By touch, too?' from items where user_story = ${detailed}`
    await sql`
      insert into planning_markers (project_id, position)
      select 1, position || 'V' from items where project_id = 1 and sprint_id is null order by position offset 3 limit 1`
    browser = await launchChromium()
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await proxy?.close()
    await scrum?.stop()
  })

  test.each(looks)(
    'at $width px in $colorScheme colours: all within the window, nothing that axe finds',
    async ({ width, colorScheme }) => {
      const behindProxy = `http://127.0.0.1:${proxy.port}`
      const olivia = await Person.signIn(browser, scrum.address, 'olivia@example.com')
      const guest = await browser.newPage()
      const alice = await Person.signIn(browser, behindProxy, 'alice@example.com')
      for (const page of [guest, alice.page]) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        await page.setViewportSize({ width, height: 900 })
      }
      const look = `${width}-${colorScheme}`
      const problems: string[] = []
      const check = async (name: string, page = alice.page): Promise<void> => {
        await shoot(page, `every-${name}-${look}`)
        for (const fault of await faultsOf(page)) problems.push(`${name}: ${fault}`)
        const wide = await page.evaluate(() => document.documentElement.scrollWidth)
        if (wide > width) problems.push(`${name}: ${wide} px wide`)
        for (const text of await cutOff(page.locator('body'))) problems.push(`${name}: cut off: ${text}`)
      }
      const both = (path: string): Promise<unknown> =>
        Promise.all([
          alice.page
            .goto(`${behindProxy}/projects/1${path}`)
            .then(() => alice.page.getByText('Live', { exact: true }).first().waitFor()),
          olivia.open(scrum.address, path),
        ])
      const button = (name: string | RegExp, within: Locator = alice.page.locator('body')): Locator =>
        within.getByRole('button', { name, exact: typeof name === 'string' }).first()

      await guest.goto(`${scrum.address}/sign-in`)
      await check('sign-in', guest)
      await guest.getByLabel(/e-?mail/i).fill('nobody@example.com')
      await guest.getByLabel(/password/i).fill('wrong')
      await button(/sign in/i, guest.locator('body')).click()
      await guest.getByRole('alert').waitFor()
      await check('sign-in-refused', guest)
      await guest.close()

      await alice.page.goto(behindProxy)
      await alice.page.getByText('Live', { exact: true }).first().waitFor()
      await check('projects')
      await alice.page.goto(`${behindProxy}/projects/999`)
      await check('nothing-here')

      await both('')
      // Olivia writes in one item; she renames another that Alice is writing in.
      await button(edited, olivia.item(edited)).click()
      await alice.item(edited).getByText('Olivia is currently editing').waitFor()
      await olivia.page.getByLabel('User story').press('Escape')
      await button(renamed, alice.item(renamed)).click()
      await alice.page.getByLabel('User story').fill('As a developer I can split an item as I like')
      await olivia.rename(renamed, 'As a developer I can cut an item into tasks')
      await alice.page.getByRole('alert').getByText('Olivia changed this').waitFor()
      await button(edited, olivia.item(edited)).click()
      await alice.item(edited).getByText('Olivia is currently editing').waitFor()
      await check('backlog-conflict')
      await button('Take theirs').click()
      await scrum.sql`update items set user_story = ${renamed} where user_story = 'As a developer I can cut an item into tasks'`
      await button(`Details of ${detailed}`).click()
      await check('backlog-details')
      await button('Edit', alice.item(detailed)).click()
      await check('backlog-description')
      await alice.page.keyboard.press('Escape')
      await button(`Details of ${detailed}`).click()
      await button(`Move ${edited}`).click()
      await check('backlog-menu')
      await alice.page.keyboard.press('Escape')
      await button(/^Estimate: /, alice.item(edited)).click()
      await check('backlog-estimate')
      await alice.page.keyboard.press('Escape')
      for (const form of ['Add many', 'Cut into sprints', 'Import']) {
        await button(form).click()
        await check(`backlog-${form.toLowerCase().replaceAll(' ', '-')}`)
        await button(form).click()
      }
      await button('touch').click()
      await check('backlog-filtered')
      await button('touch').click()
      proxy.refuse(true)
      proxy.cut()
      // The banner comes a moment later, so that short breaks are over before anyone has read of them.
      const banner = alice.page.getByRole('alert').filter({ hasText: 'You are offline.' })
      await eventually(async () =>
        expect(await banner.evaluate((element) => getComputedStyle(element).opacity)).toBe('1'),
      )
      await check('backlog-offline')
      proxy.refuse(false)

      await both('/planning')
      const planned = (await olivia.stories())[4] ?? ''
      await button(planned, olivia.item(planned)).click()
      await alice.item(planned).getByText('Olivia is currently editing').waitFor()
      await check('planning')
      await button('New sprint').click()
      await check('planning-new-sprint')

      await both('/sprint')
      await button(/^(?!Move|Delete|Details)./, olivia.page.getByRole('article').first()).click()
      await alice.page.getByText('Olivia is currently editing').first().waitFor()
      await check('sprint')
      await button(/^Details of /).click()
      await check('sprint-details')
      await button(/^Change /).click()
      await check('sprint-change')

      await both('/impediments')
      const impediment = olivia.page.getByRole('article').first()
      await button(/^(?!Move|Delete|Details|Open|Closed)./, impediment).click()
      await alice.page.getByText('Olivia is currently editing').first().waitFor()
      await check('impediments')
      await button(/^Details of /).click()
      await check('impediments-details')
      await olivia.page.keyboard.press('Escape')

      expect(problems).toEqual([])
      expect([...alice.errors, ...olivia.errors]).toEqual([])
      await alice.close()
      await olivia.close()
    },
    180_000,
  )
})

/** Texts of which a part cannot be seen because their box is too small, and that do not say so by an ellipsis. */
function cutOff(body: Locator): Promise<string[]> {
  return body.evaluate((root) =>
    [...root.querySelectorAll<HTMLElement>('*')]
      .filter((element) => {
        const style = getComputedStyle(element)
        const hides = style.overflowX === 'hidden' || style.overflowX === 'clip'
        const isText = [...element.childNodes].some(
          ({ nodeType, textContent }) => nodeType === Node.TEXT_NODE && textContent?.trim() !== '',
        )
        const isUnseen = style.clipPath !== 'none' || style.textOverflow === 'ellipsis'
        return hides && isText && !isUnseen && element.scrollWidth > element.clientWidth + 1
      })
      .map((element) => element.textContent),
  )
}
