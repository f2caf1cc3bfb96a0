import { readFile } from 'node:fs/promises'
import { eventually, launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Person } from './person.ts'
import { type ScrumProcess, startScrum } from './scrum-process.ts'
import { shoot } from './shots.ts'

const first = 'As a product owner I can drag an item to a new place, so that the order says what comes first'

let scrum: ScrumProcess
let browser: Browser
let alice: Person
let olivia: Person

describe.skipIf(withoutBrowser())('two people on the tools of one backlog', () => {
  beforeAll(async () => {
    scrum = await startScrum()
    browser = await launchChromium()
    alice = await Person.signIn(browser, scrum.address, 'alice@example.com')
    olivia = await Person.signIn(browser, scrum.address, 'olivia@example.com')
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await scrum?.stop()
  })

  beforeEach(async () => {
    await Promise.all([alice.openBacklog(scrum.address), olivia.openBacklog(scrum.address)])
  })

  afterEach(() => {
    expect([...alice.errors, ...olivia.errors]).toEqual([])
  })

  function expectRequests(...expected: RegExp[]): void {
    const requests = alice.takeRequests()
    expect(requests.map((request, i) => expected[i]?.test(request) ?? request)).toEqual(
      expected.map(() => true),
    )
    expect(olivia.takeRequests()).toEqual([])
  }

  test('tags: put on, looked at by, renamed, taken off, deleted and brought back', async () => {
    await alice
      .item(first)
      .getByRole('button', { name: `Details of ${first}` })
      .click()
    const field = alice.item(first).getByRole('combobox', { name: 'New tag' })
    await field.fill('drag')
    await field.press('Enter')
    await olivia.item(first).getByRole('list', { name: 'Tags' }).getByText('drag').waitFor()
    expectRequests(/^POST \/api\/projects\/1\/item_tags$/)

    // Looking by a tag is nobody else's business.
    await alice.page.getByRole('button', { name: 'drag', exact: true }).first().click()
    await eventually(async () => expect(await alice.stories()).toEqual([first]))
    expect((await olivia.stories()).length).toBe(12)
    expectRequests()

    const all = alice.page.getByRole('list', { name: 'All tags' })
    await all.getByRole('button', { name: 'drag', exact: true }).click()
    await alice.page.getByRole('textbox', { name: 'Tag', exact: true }).fill('dragging')
    await alice.page.keyboard.press('Enter')
    await olivia.item(first).getByText('dragging', { exact: true }).waitFor()
    expectRequests(/^PATCH \/api\/projects\/1\/tags\/\d+$/)

    await all.getByRole('button', { name: 'Delete the tag dragging' }).click()
    await olivia.item(first).getByText('dragging', { exact: true }).waitFor({ state: 'detached' })
    await eventually(async () => expect((await alice.stories()).length).toBe(12))
    expectRequests(/^DELETE \/api\/projects\/1\/tags\/\d+$/)
    await alice.page.getByRole('button', { name: 'Undo', exact: true }).click()
    await olivia.item(first).getByText('dragging', { exact: true }).waitFor()
    expectRequests(/^POST \/api\/projects\/1\/tags$/)

    await alice.item(first).getByRole('button', { name: 'Take off the tag dragging' }).click()
    await olivia.item(first).getByText('dragging', { exact: true }).waitFor({ state: 'detached' })
    expectRequests(/^DELETE \/api\/projects\/1\/item_tags\/\d+$/)
  })

  test('comments and attachments of an item reach the other; a file comes back as it went', async () => {
    for (const person of [alice, olivia]) {
      await person
        .item(first)
        .getByRole('button', { name: `Details of ${first}` })
        .click()
    }
    await alice.item(first).getByRole('textbox', { name: 'New comment' }).fill('What about touch?')
    await alice.page.keyboard.press('Control+Enter')
    await olivia.item(first).getByText('What about touch?').waitFor()
    expectRequests(/^POST \/api\/projects\/1\/comments$/)

    const buffer = Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 251))
    await alice
      .item(first)
      .locator('input[type=file]')
      .setInputFiles({ name: 'sketch.bin', mimeType: '', buffer })
    const link = olivia.item(first).getByRole('link', { name: 'sketch.bin' })
    await link.waitFor()
    await olivia.item(first).getByText('68.4 kB').waitFor()
    expectRequests(/^POST \/api\/projects\/1\/attachments$/)
    const [download] = await Promise.all([olivia.page.waitForEvent('download'), link.click()])
    expect(download.suggestedFilename()).toBe('sketch.bin')
    expect(await readFile(await download.path())).toEqual(buffer)
    olivia.takeRequests()

    await alice.item(first).getByRole('button', { name: 'Delete the attachment sketch.bin' }).click()
    await link.waitFor({ state: 'detached' })
    expectRequests(/^DELETE \/api\/projects\/1\/attachments\/\d+$/)
  })

  test('markers: cut by velocity, moved, removed, brought back; and set below an item', async () => {
    const markers = (person: Person): Promise<string[]> =>
      person.page
        .getByRole('group', { name: /^Future sprint/ })
        .evaluateAll((all) => all.map((one) => one.ariaLabel ?? ''))
    await alice.page.getByRole('button', { name: 'Cut into sprints' }).click()
    // The one sprint that is over brought 13 points.
    const points = alice.page.getByRole('textbox', { name: 'Points in one sprint' })
    expect(await points.inputValue()).toBe('13')
    await points.fill('20')
    await points.press('Enter')
    await olivia.page.getByRole('group', { name: 'Future sprint 1: 18 points in 4 items' }).waitFor()
    expectRequests(/^POST \/api\/projects\/1\/markers\/distribute$/)
    const cut = await markers(olivia)
    await shoot(olivia.page, 'backlog-markers-1280-light')

    await alice.page
      .getByRole('button', { name: 'Move the marker of Future sprint 1', exact: true })
      .press('Alt+ArrowUp')
    await olivia.page.getByRole('group', { name: 'Future sprint 1: 16 points in 3 items' }).waitFor()
    expectRequests(/^PATCH \/api\/projects\/1\/markers\/\d+$/)
    await alice.page.keyboard.press('Control+z')
    await eventually(async () => expect(await markers(olivia)).toEqual(cut))
    expectRequests(/^PATCH \/api\/projects\/1\/markers\/\d+$/)

    await alice.page.getByRole('button', { name: 'Remove the marker of Future sprint 1' }).click()
    await eventually(async () => expect((await markers(olivia)).length).toBe(cut.length - 1))
    expectRequests(/^DELETE \/api\/projects\/1\/markers\/\d+$/)

    await alice.page.getByRole('button', { name: 'Cut into sprints' }).click()
    await alice.page.getByRole('button', { name: 'Remove all markers' }).click()
    await eventually(async () => expect(await markers(olivia)).toEqual([]))
    expectRequests(/^DELETE \/api\/projects\/1\/markers$/)

    await alice
      .item(first)
      .getByRole('button', { name: `Move ${first}` })
      .press('Enter')
    await alice.page.getByRole('menuitem', { name: 'Cut the backlog below' }).press('Enter')
    await olivia.page.getByRole('group', { name: 'Future sprint 1: 5 points in 1 item' }).waitFor()
    expectRequests(/^POST \/api\/projects\/1\/markers$/)

    // An item is dragged over the line.
    const second = (await olivia.stories())[1] ?? ''
    await alice
      .item(second)
      .getByRole('button', { name: `Move ${second}` })
      .dragTo(alice.item(first), {
        targetPosition: { x: 200, y: 6 },
      })
    await olivia.page.getByRole('group', { name: 'Future sprint 1: 13 points in 2 items' }).waitFor()
    expectRequests(/^PATCH \/api\/projects\/1\/items\/\d+$/)
  })

  test('many items are added by lines and by CSV after a look at them, and taken back as one', async () => {
    const before = await olivia.stories()
    await alice.page.getByRole('button', { name: 'Add many' }).click()
    await alice.page.getByRole('textbox', { name: 'One user story a line' }).fill('Bulk one\n\n  Bulk two  ')
    await alice.page.getByRole('button', { name: 'Add 2 items' }).click()
    await eventually(async () => expect(await olivia.stories()).toEqual([...before, 'Bulk one', 'Bulk two']))
    expectRequests(/^POST \/api\/projects\/1\/items\/bulk$/)
    await alice.page.getByRole('button', { name: 'Undo', exact: true }).click()
    await eventually(async () => expect(await olivia.stories()).toEqual(before))
    expectRequests(/^POST \/api\/projects\/1\/items\/destroy$/)

    await alice.page.getByRole('button', { name: 'Import', exact: true }).click()
    const field = alice.page.getByLabel(/^A file with the columns/)
    const file = (text: string) => ({ name: 'b.csv', mimeType: 'text/csv', buffer: Buffer.from(text) })
    await field.setInputFiles(file('Title,Points\nGood,3\nBad,many\n'))
    await alice.page.getByText('Row 3: The estimate is not a number').waitFor()
    await field.setInputFiles(file('Title,Points,Labels\nFrom a file,3,"csv, till"\n'))
    await alice.page.getByRole('list', { name: 'What will be imported' }).getByText('From a file').waitFor()
    alice.takeRequests() // what reads CSV is fetched by who imports
    await alice.page.getByRole('button', { name: 'Import one item' }).click()
    await olivia.item('From a file').getByText('till').waitFor()
    expectRequests(/^POST \/api\/projects\/1\/items\/import$/)
  })
})
