import { eventually, launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser, Locator } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Person } from './person.ts'
import { type ScrumProcess, startScrum } from './scrum-process.ts'
import { shoot } from './shots.ts'

let scrum: ScrumProcess
let browser: Browser
let alice: Person
let olivia: Person

describe.skipIf(withoutBrowser())('two people in one sprint', () => {
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

  afterEach(() => {
    expect([...alice.errors, ...olivia.errors]).toEqual([])
  })

  async function bothOpen(path: string): Promise<void> {
    await Promise.all([alice.open(scrum.address, path), olivia.open(scrum.address, path)])
  }

  /** What Alice did since the last call: these requests; and none by Olivia. */
  function expectRequests(...expected: RegExp[]): void {
    const requests = alice.takeRequests()
    expect(requests.map((request, i) => expected[i]?.test(request) ?? request)).toEqual(
      expected.map(() => true),
    )
    expect(olivia.takeRequests()).toEqual([])
  }

  const list = (person: Person, name: string): Locator => person.page.getByRole('list', { name, exact: true })

  describe('planning', () => {
    const story = 'As a developer I can split an item into tasks'

    beforeEach(() => bothOpen('/planning'))

    test('dragged into the sprint, an item is there on both screens, and in both sums', async () => {
      const sprint = (person: Person) => person.page.getByRole('region', { name: 'Sprint 2' })
      await sprint(olivia).getByText('16 points in 3 items').waitFor()
      const handle = list(alice, 'Backlog items')
        .getByRole('article', { name: story })
        .getByRole('button', { name: `Move ${story}` })
      await handle.dragTo(list(alice, 'Sprint items').getByRole('article').first(), {
        targetPosition: { x: 200, y: 6 },
      })
      await list(olivia, 'Sprint items').getByRole('article', { name: story }).waitFor()
      expect(await list(olivia, 'Sprint items').getByRole('article').first().getAttribute('aria-label')).toBe(
        story,
      )
      await sprint(olivia).getByText('19 points in 4 items').waitFor()
      await sprint(alice).getByText('19 points in 4 items').waitFor()
      expectRequests(/^PATCH \/api\/projects\/1\/items\/\d+$/)

      // By keyboard, back again.
      await list(alice, 'Sprint items')
        .getByRole('button', { name: `Move ${story}` })
        .press('Enter')
      await alice.page.getByRole('menuitem', { name: 'Move to the backlog' }).press('Enter')
      await list(olivia, 'Backlog items').getByRole('article', { name: story }).waitFor()
      expectRequests(/^PATCH \/api\/projects\/1\/items\/\d+$/)
      // The focus went along.
      await eventually(async () =>
        expect(await alice.page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe(
          `Move ${story}`,
        ),
      )

      // Ctrl + Z takes back the last action only.
      await alice.page.keyboard.press('Control+z')
      await list(olivia, 'Sprint items').getByRole('article', { name: story }).waitFor()
      await alice.page.getByRole('button', { name: `Undo moving “${story}”` }).click()
      await list(olivia, 'Backlog items').getByRole('article', { name: story }).waitFor()
      expectRequests(/^PATCH/, /^PATCH/)
    })

    test('a draft survives that another drags its item into the sprint, and both versions are shown', async () => {
      await list(olivia, 'Backlog items').getByRole('button', { name: story, exact: true }).click()
      await olivia.page.getByLabel('User story').fill('What Olivia writes')
      await alice.page.getByText('Olivia is currently editing', { exact: true }).waitFor()
      await list(alice, 'Backlog items')
        .getByRole('button', { name: `Move ${story}` })
        .dragTo(list(alice, 'Sprint items').getByRole('article').first(), {
          targetPosition: { x: 200, y: 6 },
        })
      const moved = list(olivia, 'Sprint items').getByLabel('User story')
      await moved.waitFor()
      expect(await moved.inputValue()).toBe('What Olivia writes')
      expectRequests(/^PATCH \/api\/projects\/1\/items\/\d+$/)

      await list(alice, 'Sprint items').getByRole('button', { name: story, exact: true }).click()
      await alice.page.getByLabel('User story').fill('What Alice writes')
      await alice.page.keyboard.press('Enter')
      const conflict = olivia.page
        .getByRole('alert')
        .filter({ hasText: 'changed this while you were writing' })
      await conflict.getByText('What Alice writes').waitFor()
      expect(await moved.inputValue()).toBe('What Olivia writes')
      await shoot(olivia.page, 'planning-conflict-1280-light')
      await conflict.getByRole('button', { name: 'Take theirs' }).click()

      await alice.page.keyboard.press('Control+z')
      await list(olivia, 'Sprint items').getByRole('article', { name: story }).waitFor()
      await alice.page.getByRole('button', { name: `Undo moving “${story}”` }).click()
      await list(olivia, 'Backlog items').getByRole('article', { name: story }).waitFor()
    })

    test('a sprint is planned, changed, deleted and brought back, each with one request', async () => {
      await alice.page.getByRole('button', { name: 'Change Sprint 2' }).click()
      await alice.page.getByLabel('Goal').fill('Ship it')
      await alice.page.getByRole('button', { name: 'Save' }).click()
      await olivia.page.getByText('Ship it').waitFor()
      expectRequests(/^PATCH \/api\/projects\/1\/sprints\/\d+$/)

      await alice.page.getByRole('button', { name: 'Delete Sprint 2' }).click()
      await olivia.page.getByRole('heading', { name: 'Sprint 2', level: 1 }).waitFor({ state: 'detached' })
      expectRequests(/^DELETE \/api\/projects\/1\/sprints\/\d+$/)
      await alice.page.getByRole('button', { name: 'Undo', exact: true }).click()
      await olivia.page.getByRole('heading', { name: 'Sprint 2', level: 1 }).waitFor()
      await olivia.page.getByRole('region', { name: 'Sprint 2' }).getByText('16 points in 3 items').waitFor()
      expectRequests(/^POST \/api\/projects\/1\/sprints$/)

      await alice.page.getByRole('button', { name: 'New sprint' }).press('Enter')
      await alice.page.getByLabel('Name').press('Enter')
      await alice.page.waitForURL(/planning\/\d+$/)
      await olivia.page.getByRole('link', { name: 'Sprint 3' }).waitFor()
    })
  })

  test('hours left, who does it, and done at 0 reach the other’s tasks, charts and people', async () => {
    await bothOpen('/sprint')
    const task = 'Read hours with a comma, too'
    const left = olivia.page.getByRole('img', { name: /^Burndown: / })
    await olivia.page.getByRole('img', { name: 'Burndown: 24 hours left' }).waitFor()
    const hours = alice.page.getByRole('textbox', { name: `Hours left of ${task}` })
    await hours.fill('7,5')
    await hours.press('Enter')
    await eventually(async () =>
      expect(await left.getAttribute('aria-label')).toBe('Burndown: 29.5 hours left'),
    )
    expectRequests(/^PATCH \/api\/projects\/1\/tasks\/\d+$/)

    await alice.page.getByRole('combobox', { name: `Who does ${task}` }).selectOption('Olivia')
    await eventually(async () =>
      expect(await olivia.page.getByRole('combobox', { name: `Who does ${task}` }).inputValue()).toBe('2'),
    )
    expectRequests(/^PATCH \/api\/projects\/1\/tasks\/\d+$/)

    await hours.fill('0')
    await hours.press('Enter')
    await olivia.page.getByRole('checkbox', { name: task, checked: true }).waitFor()
    await olivia.page.getByRole('img', { name: 'Burnup: 3 of 16 points done' }).waitFor()
    await olivia.page.getByRole('img', { name: 'Items burndown: 2 items left' }).waitFor()
    expectRequests(/^PATCH \/api\/projects\/1\/tasks\/\d+$/)

    // Not a number: nothing is sent.
    await hours.fill('soon')
    await hours.press('Enter')
    await hours.press('Escape')
    expectRequests()
  })

  test('tasks are sorted by keyboard and by mouse', async () => {
    await bothOpen('/sprint')
    const tasks = async (person: Person): Promise<string[]> =>
      list(person, 'Tasks of As a scrum master I see who has too much to do')
        .getByRole('checkbox')
        .evaluateAll((all) => all.map((one) => one.ariaLabel ?? ''))
    const [first = '', second = '', third = ''] = await tasks(olivia)
    await alice.page.getByRole('button', { name: `Move the task ${first}` }).press('Alt+ArrowDown')
    await eventually(async () => expect(await tasks(olivia)).toEqual([second, first, third]))
    expectRequests(/^PATCH \/api\/projects\/1\/tasks\/\d+$/)
    const line = alice.page
      .getByRole('listitem')
      .filter({ has: alice.page.getByRole('checkbox', { name: third }) })
    await line.last().hover()
    await alice.page.getByRole('button', { name: `Move the task ${third}` }).dragTo(
      alice.page
        .getByRole('listitem')
        .filter({ has: alice.page.getByRole('checkbox', { name: second }) })
        .last(),
      { targetPosition: { x: 120, y: 4 } },
    )
    await eventually(async () => expect(await tasks(olivia)).toEqual([third, second, first]))
    expectRequests(/^PATCH \/api\/projects\/1\/tasks\/\d+$/)
  })

  test('an impediment is written down, discussed, closed and reopened on both screens', async () => {
    await bothOpen('/impediments')
    const field = alice.page.getByRole('textbox', { name: 'New impediment' })
    await field.fill('The lift is broken')
    await field.press('Enter')
    const seen = olivia.page.getByRole('article', { name: 'The lift is broken' })
    await seen.waitFor()
    expectRequests(/^POST \/api\/projects\/1\/impediments$/)

    const mine = alice.page.getByRole('article', { name: 'The lift is broken' })
    for (const article of [seen, mine]) await article.getByRole('button', { name: /^Details of/ }).click()
    await mine.getByRole('textbox', { name: 'New comment' }).fill('Since this morning.')
    await mine.getByRole('button', { name: 'Comment' }).click()
    await seen.getByText('Since this morning.').waitFor()
    await seen.getByText('Alice', { exact: true }).waitFor()
    expectRequests(/^POST \/api\/projects\/1\/comments$/)

    await mine.getByRole('button', { name: /Say more/ }).click()
    await mine.getByRole('textbox', { name: 'Description in Markdown' }).fill('It **stops** between floors.')
    await mine.getByRole('button', { name: 'Save' }).click()
    await seen.getByText('stops').waitFor()
    expectRequests(/^PATCH \/api\/projects\/1\/impediments\/\d+$/)

    await mine.getByRole('button', { name: 'Open: The lift is broken' }).click()
    await seen.waitFor({ state: 'detached' })
    expectRequests(/^PATCH \/api\/projects\/1\/impediments\/\d+$/)
    await olivia.page.getByRole('button', { name: /^Closed 2/ }).click()
    await seen.waitFor()
  })

  test('G9: a sprint of another project is not there, nor one that never was', async () => {
    const [own] = await scrum.sql<{ id: number }[]>`
      insert into sprints (project_id, name, from_date, to_date)
      values (2, 'Of the harbour', current_date, current_date + 7) returning id`
    for (const id of [own?.id, 999_999]) {
      const reply = await alice.page.goto(`${scrum.address}/projects/1/sprint/${id}`)
      expect(reply?.status()).toBe(404)
      await alice.page.getByRole('heading', { name: 'There is nothing here' }).waitFor()
    }
    alice.errors.length = 0
  })
})
