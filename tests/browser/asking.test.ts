import { createClient, type WebSocketClass, webSocketTransport } from '@lockstep/client'
import { locksOf } from '@lockstep/client/locks'
import { eventually, launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser, Locator } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { ProjectPage } from '../../apps/scrum/src/model/page.ts'
import { opened, patch } from './operations/operation-row.ts'
import { Person } from './person.ts'
import { type ScrumProcess, startScrum } from './scrum-process.ts'

const story = 'As a team member I see changes of others without reloading'
const next = 'As a developer I can split an item into tasks'
const asked = 'Alice would like to edit this'

describe.skipIf(withoutBrowser())('asking for what somebody else works on', () => {
  let scrum: ScrumProcess
  let browser: Browser
  let alice: Person
  let olivia: Person

  beforeAll(async () => {
    scrum = await startScrum()
    browser = await launchChromium()
    alice = await Person.signIn(browser, scrum.address, 'alice@example.com')
    olivia = await Person.signIn(browser, scrum.address, 'olivia@example.com')
    for (const { page } of [alice, olivia]) page.setDefaultTimeout(8_000)
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await scrum?.stop()
  })

  beforeEach(async () => {
    await scrum.sql`update items set user_story = ${story}, description = 'Old.' where id = 2`
    await Promise.all([alice.openBacklog(scrum.address), olivia.openBacklog(scrum.address)])
  })

  afterEach(() => {
    expect([...alice.errors, ...olivia.errors]).toEqual([])
  })

  const said = ({ page }: Person, words: string): Promise<void> =>
    page.getByRole('status', { name: 'Announcements' }).getByText(words).waitFor({ state: 'attached' })
  const button = (person: Person, name: string, item = story): Locator =>
    person.item(item).getByRole('button', { name, exact: true })
  const focused = ({ page }: Person): Promise<string | null | undefined> =>
    page.evaluate(
      () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent,
    )

  async function writes(text: string): Promise<Locator> {
    await button(olivia, story).press('Enter')
    const field = olivia.page.getByRole('textbox', { name: 'User story' })
    await field.fill(text)
    return field
  }

  test('K6: by keyboard alone one asks, the other lets go, and the text is saved before it is handed over', async () => {
    const field = await writes('What Olivia wrote')
    await button(alice, `Ask for it: ${story}`).press('Enter')
    await alice.item(story).getByText('You asked for it.').waitFor()
    await said(alice, `Asked Olivia to let you have “${story}”.`)
    await said(olivia, `Alice would like to edit “${story}”. You can let go, or keep it.`)
    await olivia.page.getByRole('group', { name: asked }).waitFor()
    await field.press('Tab')
    // Leaving the field for the question is not leaving the text.
    expect(await focused(olivia)).toBe('Let go')
    expect(await field.inputValue()).toBe('What Olivia wrote')
    let save = (): void => {}
    const held = new Promise<void>((resolve) => {
      save = resolve
    })
    await olivia.page.route('**/api/**', async (route) => {
      await held
      await route.continue()
    })
    await olivia.page.keyboard.press('Enter')
    await button(olivia, 'What Olivia wrote', 'What Olivia wrote').waitFor()
    // What Olivia does later is told, and the row is still hers: her text is on its way.
    await button(olivia, next, next).click()
    await alice.item(next).getByText('Olivia is currently editing').waitFor()
    expect(await alice.item(story).getByText('You asked for it.').count()).toBe(1)
    await olivia.page.keyboard.press('Escape')
    await button(olivia, 'What Olivia wrote', 'What Olivia wrote').focus()
    save()

    // The row is what Olivia made of it by the time that it is Alice's; her focus has not moved.
    await said(alice, '“As a team member I see changes of others without reloading” is yours now.')
    await alice.item('What Olivia wrote').getByText('It is yours now').waitFor()
    expect(await focused(alice)).toBe('Edit: What Olivia wrote')
    expect(await focused(olivia)).toBe('What Olivia wrote')
    await olivia.item('What Olivia wrote').getByText('Alice is currently editing').waitFor()
    await alice.page.keyboard.press('Enter')
    const mine = alice.page.getByRole('textbox', { name: 'User story' })
    expect(await mine.inputValue()).toBe('What Olivia wrote')
    await mine.fill('And Alice after her')
    await mine.press('Enter')
    await olivia.item('And Alice after her').waitFor()
    await olivia.page.getByText('Alice is currently editing').waitFor({ state: 'detached' })

    await olivia.page.unroute('**/api/**')
    for (const person of [alice, olivia]) {
      const requests = person.takeRequests()
      expect(requests).toHaveLength(1)
      expect(requests[0]).toMatch(patch('items/2')[0] ?? '')
    }
  })

  test('K6: the holder keeps it, and loses neither text nor focus; the other is told, and may ask again', async () => {
    const field = await writes('Still being written')
    await button(alice, `Ask for it: ${story}`).click()
    await olivia.page.getByRole('group', { name: asked }).getByRole('button', { name: 'Keep it' }).click()
    await alice.item(story).getByText('Not just now.').waitFor()
    await said(alice, `Olivia keeps “${story}” for now.`)
    await olivia.page.getByRole('group', { name: asked }).waitFor({ state: 'detached' })
    expect(await field.inputValue()).toBe('Still being written')
    expect(await field.evaluate((element) => element === document.activeElement)).toBe(true)

    await button(alice, `Ask again: ${story}`).click()
    await olivia.page.getByRole('group', { name: asked }).waitFor()
    // Who is done lets go too.
    await field.press('Escape')
    await alice.item(story).getByText('It is yours now').waitFor()
    await button(alice, `Let go: ${story}`).click()
    await olivia.page.getByText('Alice is currently editing').waitFor({ state: 'detached' })
    await alice.item(story).getByText('It is yours now').waitFor({ state: 'detached' })
    expect([...alice.takeRequests(), ...olivia.takeRequests()]).toEqual([])
  })

  test('leaving the text by way of the question saves it, as leaving it does; a question that ends gives the focus back', async () => {
    const field = await writes('Left by Tab')
    await button(alice, `Ask for it: ${story}`).click()
    const question = olivia.page.getByRole('group', { name: asked })
    await question.waitFor()
    for (const focus of ['Let go', 'Keep it']) {
      await olivia.page.keyboard.press('Tab')
      expect(await focused(olivia)).toBe(focus)
    }
    await olivia.page.keyboard.press('Tab')
    await alice.item('Left by Tab').getByText('It is yours now').waitFor()
    await alice.item('Left by Tab').getByRole('button', { name: 'Let go: Left by Tab' }).click()

    // Somebody who has less time than a page gives.
    await button(olivia, 'Left by Tab', 'Left by Tab').press('Enter')
    const html = await (await alice.page.request.get(`${scrum.address}/projects/1`)).text()
    const json = /<script type="application\/json" id="page">(.*?)<\/script>/s.exec(html)?.[1] ?? ''
    // Made by the server from a Page.
    const { lockstep } = JSON.parse(json) as ProjectPage
    const client = createClient(
      { page: { ...lockstep, url: scrum.address + lockstep.url } },
      // Its events are those of the DOM's; only their types differ.
      { transport: webSocketTransport(WebSocket as unknown as WebSocketClass) },
    )
    const locks = locksOf(client, 'project/1')
    await client.channel('project/1').ready
    const refused = locks.lock('items/2', { waitMs: 3_000, ask: true }).catch(() => 'refused')
    await question.getByRole('button', { name: 'Keep it' }).focus()
    await question.waitFor({ state: 'detached' })
    expect(await field.evaluate((element) => element === document.activeElement)).toBe(true)
    expect(await refused).toBe('refused')
    client.close()
    await olivia.page.keyboard.press('Escape')
  })

  test('K6: a question that was taken back leaves nothing behind, whatever the holder answers', async () => {
    await writes(story)
    await button(alice, `Ask for it: ${story}`).press('Enter')
    await button(alice, `Never mind: ${story}`).press('Enter')
    await button(alice, `Ask for it: ${story}`).waitFor()
    await olivia.page.getByRole('group', { name: asked }).getByRole('button', { name: 'Let go' }).click()
    await alice.page.getByText('Olivia is currently editing').waitFor({ state: 'detached' })
    expect(await olivia.page.getByText('Alice is currently editing').count()).toBe(0)
    expect(await alice.page.getByText('It is yours now').count()).toBe(0)
  })

  test('K6: who writes all the same may ask too; a draft in conflict is handed over without being saved', async () => {
    const article = await opened(olivia, story)
    await article.getByRole('button', { name: 'Edit', exact: true }).click()
    const field = article.getByRole('textbox', { name: 'Description in Markdown' })
    await field.fill('What Olivia describes.')
    await alice.item(story).getByText('Olivia is currently editing').waitFor()
    // Alice does not wait for it.
    const own = await opened(alice, story)
    await own.getByRole('button', { name: 'Edit', exact: true }).click()
    await scrum.sql`update items set description = 'From elsewhere.' where id = 2`
    await olivia.page.getByRole('alert').getByText('From elsewhere.').waitFor()
    await button(alice, `Ask for it: ${story}`).click()
    const question = olivia.page.getByRole('group', { name: asked })
    await question.getByText('your text stays here unsaved').waitFor()
    await question.getByRole('button', { name: 'Let go' }).click()

    await olivia.item(story).getByText('Alice is currently editing').waitFor()
    expect(await field.inputValue()).toBe('What Olivia describes.')
    await olivia.page.getByRole('alert').getByText('From elsewhere.').waitFor()
    // Olivia waits for her turn again.
    await own.getByRole('button', { name: 'Take theirs' }).click()
    await alice.item(story).getByText('Olivia is currently editing').waitFor()
    await article.getByRole('button', { name: 'Take theirs' }).click()
    await alice.item(story).getByText('Olivia is currently editing').waitFor({ state: 'detached' })
    await eventually(async () => expect(await focused(olivia)).toContain('Edit'))
  })
})
