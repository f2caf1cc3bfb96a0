import { eventually, launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { faultsOf } from './axe.ts'
import { Person } from './person.ts'
import { type ScrumProcess, startScrum } from './scrum-process.ts'
import { shoot } from './shots.ts'

let scrum: ScrumProcess
let browser: Browser

describe.skipIf(withoutBrowser())('the inspector', () => {
  beforeAll(async () => {
    scrum = await startScrum()
    browser = await launchChromium()
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await scrum?.stop()
  })

  test('H7: beside a board, shows a change that is made there hop by hop, and why its session got it', async () => {
    const olivia = await Person.signIn(browser, scrum.address, 'olivia@example.com')
    await olivia.open(scrum.address, '')
    const alice = await Person.signIn(browser, scrum.address, 'alice@example.com')
    const { page } = alice
    await page.goto(`${scrum.address}/inspector`)
    await page.getByText('Live', { exact: true }).waitFor()
    await page.getByRole('cell', { name: 'project/1', exact: true }).first().waitFor()

    const made = await olivia.page.evaluate(async () => {
      const reply = await fetch('/api/projects/1/items', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': 'inspected' },
        body: JSON.stringify({ user_story: 'A story of which the inspector tells nothing' }),
      })
      return reply.status
    })
    expect(made).toBe(201)
    await olivia.page.getByText('A story of which the inspector tells nothing').first().waitFor()
    const changes = page.getByRole('group', { name: 'Changes', exact: true })
    const commit = changes.getByRole('row').filter({ hasText: 'items' }).first()
    await commit.getByRole('button').click()
    const hops = page.getByRole('group', { name: 'Hops' }).getByRole('row')
    await hops
      .filter({ hasText: 'last handed to a socket' })
      .filter({ hasText: /\d\d:\d\d/ })
      .waitFor()
    expect(await hops.filter({ hasText: /\d\d:\d\d:\d\d/ }).count()).toBe(9)
    const select = page.getByLabel('Why did this session get it, or not?')
    await eventually(async () => expect(await select.locator('option').count()).toBeGreaterThan(1))
    const sent = page.getByRole('group', { name: 'Sent to' }).getByRole('row').nth(1)
    await select.selectOption(await sent.getByRole('cell').first().innerText())
    await page.getByText('It was handed to the session’s socket.').waitFor()

    for (const [width, scheme] of [
      [360, 'light'],
      [360, 'dark'],
      [1600, 'light'],
      [1600, 'dark'],
    ] as const) {
      await page.setViewportSize({ width, height: 900 })
      await page.emulateMedia({ colorScheme: scheme })
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
      expect(await faultsOf(page)).toEqual([])
      await shoot(page, `inspector-${width}-${scheme}`)
    }
    expect(await page.evaluate(() => document.body.innerText)).not.toContain('tells nothing')

    expect((await olivia.page.goto(`${scrum.address}/inspector`))?.status()).toBe(404)
    expect(alice.errors).toEqual([])
  }, 180_000)
})
