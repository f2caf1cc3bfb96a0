import { type Sessions, startSessions, withoutBrowser } from '@lockstep/testing'
import { runScenario, type Steps, scenariosOf } from '@lockstep/testing/gherkin'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ScrumProcess, startScrum } from '../browser/scrum-process.ts'

const story = 'As a hungry team we want something to eat'

let scrum: ScrumProcess
let sessions: Sessions

const steps: Steps = [
  [
    /the following users exist:/,
    async (_captured, table) => {
      // The board has its users from the start; that they are there is what the scenario needs.
      const users = await scrum.sql`SELECT email FROM users`
      for (const { email } of table) expect(users.map((user) => user['email'])).toContain(email)
    },
  ],
  [
    /the following task exists:/,
    async (_captured, table) => {
      const [item] = await scrum.sql`
        INSERT INTO items (project_id, user_story, position) VALUES (1, ${story}, 'a') RETURNING id`
      for (const { title = '' } of table) {
        await scrum.sql`
          INSERT INTO tasks (item_id, project_id, summary, position) VALUES (${item?.['id']}, 1, ${title}, 'a')`
      }
    },
  ],
  [
    /I (?:am using|switch to) session "([^"]+)"/,
    async ([name = '']) => {
      await sessions.using(name)
    },
  ],
  [
    /I sign in as "([^"]+)"/,
    async ([email = '']) => {
      const { page } = sessions
      await page.goto('/sign-in')
      await page.getByLabel(/e-?mail/i).fill(email)
      await page.getByLabel(/password/i).fill('password')
      await page.getByRole('button', { name: /sign in/i }).click()
      await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'))
      await openTasks(page)
    },
  ],
  [
    /I should see "([^"]+)"/,
    async ([text = '']) => {
      await sessions.settled()
      // Once everybody has settled there is nothing to wait for: it is there now, or it is not.
      expect(await sessions.page.getByText(text, { exact: true }).isVisible()).toBe(true)
    },
  ],
  [
    /I edit the "([^"]+)" task and rename it to "([^"]+)"/,
    async ([title = '', to = '']) => {
      const { page } = sessions
      await page.getByRole('button', { name: title, exact: true }).click()
      const field = page.locator('.tasks').locator('textarea:focus, input:focus')
      await field.fill(to)
      await field.press('Enter')
    },
  ],
]

/** Tasks show where their item is open. */
async function openTasks(page: Page): Promise<void> {
  await page.goto('/projects/1')
  await page.getByRole('button', { name: `Details of ${story}`, exact: true }).click()
}

describe.skipIf(withoutBrowser())('Synchronizing between clients', () => {
  beforeAll(async () => {
    scrum = await startScrum()
    sessions = await startSessions({ address: scrum.address })
  }, 120_000)

  afterAll(async () => {
    await sessions?.close()
    await scrum?.stop()
  })

  for (const scenario of scenariosOf(new URL('sync-task.feature', import.meta.url))) {
    test(`G2: ${scenario.name}`, async () => {
      await runScenario(scenario, steps)
      expect(sessions.errors).toEqual([])
    })
  }
})
