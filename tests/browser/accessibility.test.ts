import { launchChromium, startPostgres, type TestPostgres, withoutBrowser } from '@lockstep/testing'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { faultsOf } from './axe.ts'
import { type ScrumProcess, startScrum } from './scrum-process.ts'
import { shoot } from './shots.ts'

const looks = [360, 1600].flatMap((width) =>
  (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })),
)

describe.skipIf(withoutBrowser())('the Scrum board', () => {
  let cluster: TestPostgres
  let scrum: ScrumProcess
  let browser: Browser

  beforeAll(async () => {
    // A cluster of its own: the board's replication slot has one name in all of a cluster.
    cluster = await startPostgres()
    vi.stubEnv('LOCKSTEP_TEST_POSTGRES', cluster.url)
    scrum = await startScrum()
    // What can hang on an item, and between items.
    await scrum.sql`insert into tags (project_id, name) values (1, 'touch'), (1, 'later')`
    await scrum.sql`
      insert into item_tags (project_id, item_id, tag_id) select 1, 1, id from tags where project_id = 1`
    await scrum.sql`insert into attachments (project_id, item_id, name, size) values (1, 1, 'sketch.png', 70000)`
    await scrum.sql`insert into comments (project_id, item_id, user_id, text) values (1, 1, 2, 'By touch, too?')`
    await scrum.sql`
      insert into planning_markers (project_id, position)
      select 1, position || 'V' from items where project_id = 1 order by position offset 3 limit 1`
    browser = await launchChromium()
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await scrum?.stop()
    await cluster?.stop()
  })

  it.each(looks)(
    'can be used by everyone at $width px in $colorScheme colours',
    async ({ width, colorScheme }) => {
      const context = await browser.newContext({
        viewport: { width, height: 900 },
        colorScheme,
        reducedMotion: 'reduce',
      })
      const page = await context.newPage()
      await page.goto(`${scrum.address}/sign-in`)
      expect(await faultsOf(page)).toEqual([])
      await page.getByLabel(/e-?mail/i).fill('alice@example.com')
      await page.getByLabel(/password/i).fill('password')
      await page.getByRole('button', { name: /sign in/i }).click()
      await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'))
      expect(await faultsOf(page)).toEqual([])
      for (const path of ['', '/planning', '/sprint', '/impediments']) {
        await page.goto(`${scrum.address}/projects/1${path}`)
        await page.getByText('Live', { exact: true }).first().waitFor()
        const check = async (state: string): Promise<void> => {
          const found = await faultsOf(page)
          const pageWidth = await page.evaluate(() => document.documentElement.scrollWidth)
          await shoot(page, `${path.slice(1) || 'backlog'}-${state}-${width}-${colorScheme}`)
          expect({ path, state, found, tooWide: pageWidth > width }).toEqual({
            path,
            state,
            found: [],
            tooWide: false,
          })
        }
        await check('closed')
        await page
          .getByRole('button', { name: /^Details of / })
          .first()
          .click()
        await check('open')
        if (path === '') {
          await page.getByRole('button', { name: 'Import', exact: true }).click()
          await check('form')
        }
        if (path === '/sprint') {
          await page.getByRole('button', { name: 'New sprint' }).click()
          await check('form')
        }
      }
      await context.close()
    },
  )
})
