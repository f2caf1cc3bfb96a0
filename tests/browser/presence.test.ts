import { launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser, Locator } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Person } from './person.ts'
import { type ScrumProcess, startScrum } from './scrum-process.ts'
import { shoot } from './shots.ts'

let scrum: ScrumProcess
let browser: Browser

describe.skipIf(withoutBrowser())('who is here', () => {
  beforeAll(async () => {
    scrum = await startScrum()
    browser = await launchChromium()
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await scrum?.stop()
  })

  const face = (person: Person, name: string): Locator =>
    person.page.getByRole('list', { name: 'Who else is here' }).getByRole('img', { name, exact: true })

  test('G10: others of the project are shown with the page that they look at, until their tab is gone', async () => {
    const alice = await Person.signIn(browser, scrum.address, 'alice@example.com')
    const olivia = await Person.signIn(browser, scrum.address, 'olivia@example.com')
    const bob = await Person.signIn(browser, scrum.address, 'bob@example.com')
    await bob.page.goto(`${scrum.address}/projects/2`)
    await bob.live()
    await alice.open(scrum.address, '')
    await olivia.open(scrum.address, '/planning')
    await face(alice, 'Olivia: Planning').waitFor()
    await face(olivia, 'Alice: Backlog').waitFor()
    await olivia.open(scrum.address, '/sprint')
    await face(alice, 'Olivia: Sprint').waitFor()
    await shoot(alice.page, 'backlog-presence-1280-light')
    await alice.page.setViewportSize({ width: 360, height: 800 })
    expect(await alice.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360)
    await shoot(alice.page, 'backlog-presence-360-light')
    // Nobody is there for those of another project, nor are they for others.
    expect(await bob.page.getByRole('list', { name: 'Who else is here' }).getByRole('img').count()).toBe(0)
    expect(await alice.page.getByRole('list', { name: 'Who else is here' }).getByRole('img').count()).toBe(1)
    alice.takeRequests()
    await olivia.page.close()
    await face(alice, 'Olivia: Sprint').waitFor({ state: 'detached' })
    expect(alice.takeRequests()).toEqual([])
    expect([...alice.errors, ...olivia.errors, ...bob.errors]).toEqual([])
  })
})
