import { eventually, launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { enter, list, notice } from './operations/operation-row.ts'
import { Person } from './person.ts'
import { type ScrumProcess, startScrum } from './scrum-process.ts'

const task = 'Read hours with a comma, too'

describe.skipIf(withoutBrowser())('what envelopes carry besides', () => {
  let scrum: ScrumProcess
  let browser: Browser
  let alice: Person
  let olivia: Person

  beforeAll(async () => {
    scrum = await startScrum()
    browser = await launchChromium()
    alice = await Person.signIn(browser, scrum.address, 'alice@example.com')
    olivia = await Person.signIn(browser, scrum.address, 'olivia@example.com')
    for (const { page } of [alice, olivia]) page.setDefaultTimeout(10_000)
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await scrum?.stop()
  })

  afterEach(() => {
    expect(alice.takeRequests()).toEqual([])
    // A part that nobody knows would be reported here.
    expect([...alice.errors, ...olivia.errors]).toEqual([])
  })

  /** As an older backend, or a script, tells it. */
  async function tell(operation: string, envelope: object): Promise<void> {
    const message = JSON.stringify({ operations: [{ channel: 'project/1', operation, envelope }] })
    await scrum.sql`select pg_logical_emit_message(true, 'lockstep', ${message}::text)::text`
  }

  const chart = ({ page }: Person, name: string) => page.getByRole('img', { name, exact: true })

  test('O4: _flash is shown, and _sprint_id keeps what is about another sprint from a sprint’s page', async () => {
    const [one, two] = await scrum.sql<{ id: number }[]>`
      select id from sprints where project_id = 1 order by from_date`
    await Promise.all([
      alice.open(scrum.address, `/sprint/${two?.id}`),
      olivia.open(scrum.address, `/sprint/${one?.id}`),
    ])
    // Done in the one sprint, by whoever is there: nobody in the other hears of it.
    await list(olivia, 'Tasks of As a team we see all our projects on one page')
      .getByRole('button', { name: 'Cards with live counts', exact: true })
      .click()
    await enter(olivia.page.getByRole('textbox', { name: 'Task', exact: true }), 'Cards of another sprint')
    await tell('tasks/create', { _sprint_id: one?.id, _flash: { notice: 'Told of the other sprint' } })
    await tell('tasks/create', { _sprint_id: two?.id, _flash: { notice: 'Told of this sprint' } })
    await notice(alice, 'Told of this sprint').waitFor()
    await notice(olivia, 'Told of the other sprint').waitFor()
    const words = await alice.page.getByRole('region', { name: 'Messages' }).innerText()
    expect(words).not.toContain('other sprint')
    expect(await olivia.page.getByText('Told of this sprint').count()).toBe(0)
    await alice.open(scrum.address, '')
    await tell('tasks/create', { _sprint_id: two?.id, _flash: { notice: 'Told to the backlog' } })
    await notice(alice, 'Told to the backlog').waitFor()
  })

  test('an item that goes from one sprint to another is told on both pages, each in its words', async () => {
    await scrum.sql`
      insert into sprints (project_id, name, from_date, to_date)
      values (1, 'Sprint 3', current_date + 20, current_date + 30)`
    const [next] = await scrum.sql`select id from sprints where name = 'Sprint 3'`
    const story = 'As a scrum master I see who has too much to do'
    await Promise.all([
      alice.open(scrum.address, `/sprint/${next?.id}`),
      olivia.open(scrum.address, '/planning'),
    ])
    const third = await Person.signIn(browser, scrum.address, 'alice@example.com')
    await third.open(scrum.address, '/sprint')
    await olivia.open(scrum.address, '/sprint')
    await olivia
      .item(story)
      .getByRole('button', { name: `Move ${story}` })
      .press('Enter')
    await olivia.page.getByRole('menuitem', { name: 'Move to Sprint 3' }).press('Enter')
    await notice(alice, `Olivia put “${story}” into “Sprint 3”`).waitFor()
    await notice(third, `Olivia took “${story}” out of this sprint`).waitFor()
    await third.close()
    await scrum.sql`delete from sprints where name = 'Sprint 3'`
    await scrum.sql`update items set sprint_id = 2 where user_story = ${story}`
  })

  test('G5: _burnchart is not needed: the four charts follow the rows of the commit, and believe no message', async () => {
    await Promise.all([alice.open(scrum.address, '/sprint'), olivia.open(scrum.address, '/sprint')])
    await chart(alice, 'Burndown: 24 hours left').waitFor()
    const charts = { burndown: 999, burnup: 999, workload: { 1: 999 }, items_burndown: 999 }
    await tell('tasks/task_estimate', { _burnchart: charts, _flash: { notice: 'Told of charts' } })
    await notice(alice, 'Told of charts').waitFor()
    await enter(olivia.page.getByRole('textbox', { name: `Hours left of ${task}` }), '0')
    await chart(alice, 'Burndown: 22 hours left').waitFor()
    await chart(alice, 'Burnup: 3 of 16 points done').waitFor()
    await chart(alice, 'Items burndown: 2 items left').waitFor()
    const workload = alice.page.getByRole('listitem').filter({ hasText: /^Alice14 h$/ })
    await workload.waitFor()
    expect(await alice.page.getByText('999').count()).toBe(0)
  })

  test('_project_members and _participants are not needed: whoever joins is in the lists of all who look', async () => {
    await Promise.all([alice.open(scrum.address, '/sprint'), olivia.open(scrum.address, '/sprint')])
    await tell('tasks/assign', {
      _participants: ['Nobody real'],
      _project_members: ['Nobody real'],
      _flash: { notice: 'Told of people' },
    })
    await notice(alice, 'Told of people').waitFor()
    await scrum.sql`
      insert into users (email, name, password_hash, hue)
      select 'carol@example.com', 'Carol', password_hash, 4 from users where name = 'Alice'`
    await scrum.sql`insert into memberships select 1, id, name, hue from users where name = 'Carol'`
    const choice = ({ page }: Person) => page.getByRole('combobox', { name: 'Who does Workload per person' })
    for (const person of [alice, olivia]) {
      await choice(person).getByRole('option', { name: 'Carol' }).waitFor({ state: 'attached' })
    }
    await choice(olivia).selectOption('Carol')
    const participants = alice.page.getByRole('region', { name: 'Participants' })
    await participants.getByText('Carol').waitFor()
    await eventually(async () =>
      expect(await participants.getByRole('listitem').allInnerTexts()).toEqual([
        expect.stringMatching(/Alice\s*1 of 2 done/),
        expect.stringMatching(/Carol\s*0 of 1 done/),
        expect.stringMatching(/Olivia\s*2 of 4 done/),
      ]),
    )
    expect(await alice.page.getByText('Nobody real').count()).toBe(0)
  })

  test('G8: _unlock is not needed: a lock goes when what it was for is there, and not because a message says so', async () => {
    const story = 'As a developer I can split an item into tasks'
    const next = 'As a product owner I write descriptions in Markdown'
    await Promise.all([alice.openBacklog(scrum.address), olivia.openBacklog(scrum.address)])
    const note = alice.page.getByText('Olivia is currently editing')
    await olivia.item(story).getByRole('button', { name: story, exact: true }).click()
    await note.waitFor()
    await tell('items/backlog_item_user_story', { id: 3, _unlock: 3, _flash: { notice: 'Told of a lock' } })
    await notice(alice, 'Told of a lock').waitFor()
    expect(await note.count()).toBe(1)

    let save = (): void => {}
    const held = new Promise<void>((resolve) => {
      save = resolve
    })
    await olivia.page.route('**/api/**', async (route) => {
      await held
      await route.continue()
    })
    await enter(olivia.page.getByRole('textbox', { name: 'User story' }), 'What Olivia made of it')
    await olivia.item('What Olivia made of it').waitFor()
    // What she begins after that is told while the text is still on its way.
    await olivia.item(next).getByRole('button', { name: next, exact: true }).click()
    await alice.item(next).getByText('Olivia is currently editing').waitFor()
    expect(await alice.item(story).getByText('Olivia is currently editing').count()).toBe(1)
    save()
    const changed = alice.item('What Olivia made of it')
    await changed.waitFor()
    await changed.getByText('Olivia is currently editing').waitFor({ state: 'detached' })
    await olivia.page.keyboard.press('Escape')
  })
})
