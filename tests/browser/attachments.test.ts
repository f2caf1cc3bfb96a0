import { launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { opened, post, remove } from './operations/operation-row.ts'
import { Person } from './person.ts'
import { type ScrumProcess, startScrum } from './scrum-process.ts'

const story = 'As a developer I can split an item into tasks'

describe.skipIf(withoutBrowser())('a file on an item', () => {
  let scrum: ScrumProcess
  let browser: Browser

  beforeAll(async () => {
    scrum = await startScrum()
    browser = await launchChromium()
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await scrum?.stop()
  })

  test('that was deleted is brought back on both screens, as it was, without being sent again', async () => {
    const alice = await Person.signIn(browser, scrum.address, 'alice@example.com')
    const olivia = await Person.signIn(browser, scrum.address, 'olivia@example.com')
    await Promise.all([alice.openBacklog(scrum.address), olivia.openBacklog(scrum.address)])
    const [mine, theirs] = [await opened(alice, story), await opened(olivia, story)]
    const file = { name: 'sketch.txt', mimeType: 'text/plain', buffer: Buffer.from('a line') }
    await mine.locator('input[type=file]').setInputFiles(file)
    const link = theirs.getByRole('link', { name: 'sketch.txt' })
    await link.waitFor()

    const expectRequest = ([expected]: readonly RegExp[]): void => {
      const requests = alice.takeRequests()
      expect(requests).toHaveLength(1)
      expect(requests[0]).toMatch(expected ?? '')
      expect(olivia.takeRequests()).toEqual([])
    }
    alice.takeRequests()
    for (const way of ['message', 'key'] as const) {
      await mine.getByRole('button', { name: 'Delete the attachment sketch.txt' }).click()
      await link.waitFor({ state: 'detached' })
      expectRequest(remove('attachments/\\d+'))
      if (way === 'message') await alice.page.getByRole('button', { name: 'Undo', exact: true }).click()
      else await alice.page.keyboard.press('Control+z')
      await link.waitFor()
      expectRequest(post('attachments/restore'))
    }
    const saved = await olivia.page.evaluate(
      async (href) => await (await fetch(href)).text(),
      (await link.getAttribute('href')) ?? '',
    )
    expect(saved).toBe('a line')
    expect([...alice.errors, ...olivia.errors]).toEqual([])
  })
})
