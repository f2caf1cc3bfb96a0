import { eventually, launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Person } from './person.ts'
import { type ScrumProcess, startScrum } from './scrum-process.ts'
import { shoot } from './shots.ts'

const first = 'As a product owner I can drag an item to a new place, so that the order says what comes first'
const second = 'As a team member I see changes of others without reloading'

let scrum: ScrumProcess
let browser: Browser
let alice: Person
let olivia: Person

describe.skipIf(withoutBrowser())('two people who see what each other is at', () => {
  beforeAll(async () => {
    scrum = await startScrum()
    browser = await launchChromium()
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await scrum?.stop()
  })

  beforeEach(async () => {
    alice = await Person.signIn(browser, scrum.address, 'alice@example.com')
    olivia = await Person.signIn(browser, scrum.address, 'olivia@example.com')
    await Promise.all([alice.openBacklog(scrum.address), olivia.openBacklog(scrum.address)])
  })

  afterEach(async () => {
    expect([...alice.errors, ...olivia.errors]).toEqual([])
    await Promise.all([alice.close(), olivia.close()])
  })

  const note = (person: Person, story: string, words: string) =>
    person.item(story).getByText(words, { exact: true })
  const editing = 'Olivia is currently editing'

  test('G8: who edits an item is shown on it, until the text is saved or given up', async () => {
    await olivia.item(first).getByRole('button', { name: first, exact: true }).click()
    await note(alice, first, editing).waitFor()
    expect(await note(olivia, first, editing).count()).toBe(0)
    await olivia.page.keyboard.press('Escape')
    await note(alice, first, editing).waitFor({ state: 'detached' })

    await olivia
      .item(second)
      .getByRole('button', { name: `Details of ${second}` })
      .click()
    await olivia.item(second).getByRole('button', { name: 'Edit', exact: true }).click()
    await note(alice, second, editing).waitFor()
    await shoot(alice.page, 'backlog-lock-1280-light')
    await olivia.item(second).getByRole('textbox', { name: 'Description in Markdown' }).fill('Short.')
    await olivia.item(second).getByRole('button', { name: 'Save' }).click()
    await note(alice, second, editing).waitFor({ state: 'detached' })
    // Nothing of this is a request of the other's page.
    expect(alice.takeRequests()).toEqual([])
  })

  test('G8: a lock tells and does not forbid; whoever is next has it when the first is gone', async () => {
    await olivia.item(first).getByRole('button', { name: first, exact: true }).click()
    await note(alice, first, editing).waitFor()
    await alice.item(first).getByRole('button', { name: first, exact: true }).click()
    await alice.page.getByLabel('User story').fill('Alice writes all the same')
    await olivia.page.keyboard.press('Escape')
    await note(olivia, first, 'Alice is currently editing').waitFor()
    await alice.page.keyboard.press('Escape')
    await note(olivia, first, 'Alice is currently editing').waitFor({ state: 'detached' })
  })

  test('G8: a tab that is closed in the middle of a text holds nothing', async () => {
    await olivia.item(first).getByRole('button', { name: first, exact: true }).click()
    await note(alice, first, editing).waitFor()
    await olivia.page.close()
    await note(alice, first, editing).waitFor({ state: 'detached' })
  })

  test('who drags an item is shown on it, from the beginning of the drag to its end', async () => {
    const handle = await olivia
      .item(first)
      .getByRole('button', { name: `Move ${first}` })
      .boundingBox()
    const target = await olivia.item(second).boundingBox()
    if (handle === null || target === null) throw new Error('nothing to drag')
    await olivia.page.mouse.move(handle.x + 10, handle.y + 20)
    await olivia.page.mouse.down()
    await olivia.page.mouse.move(target.x + 200, target.y + 10, { steps: 4 })
    await note(alice, first, 'Olivia is currently moving').waitFor()
    await olivia.page.mouse.move(target.x + 200, target.y + target.height - 4, { steps: 4 })
    await olivia.page.mouse.up()
    await note(alice, first, 'Olivia is currently moving').waitFor({ state: 'detached' })
    await eventually(async () => expect((await alice.stories()).slice(0, 2)).toEqual([second, first]))
  })
})
