import { eventually, launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Person } from './person.ts'
import { type ScrumProcess, startScrum } from './scrum-process.ts'

const first = 'As a team member I see changes of others without reloading'
const second = 'As a developer I can split an item into tasks'

let scrum: ScrumProcess
let browser: Browser
let alice: Person
let olivia: Person

describe.skipIf(withoutBrowser())('two people on one backlog', () => {
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

  /** What one did: exactly one request by Alice, none by Olivia. */
  async function expectOneRequest(expected: RegExp): Promise<void> {
    await eventually(() => expect(alice.page.url()).toContain('/projects/1'))
    const requests = alice.takeRequests()
    expect(requests).toHaveLength(1)
    expect(requests[0]).toMatch(expected)
    expect(olivia.takeRequests()).toEqual([])
  }

  test('what one creates, renames, sorts and deletes is on the other’s screen, for one request each', async () => {
    const field = alice.page.getByRole('textbox', { name: 'New item at the top' })
    await field.fill('As a tester I see this at once')
    await field.press('Enter')
    await olivia.item('As a tester I see this at once').waitFor()
    await eventually(async () => expect((await olivia.stories())[0]).toBe('As a tester I see this at once'))
    await expectOneRequest(/^POST \/api\/projects\/1\/items$/)

    await alice.rename('As a tester I see this at once', 'As a tester I see that at once')
    await olivia.item('As a tester I see that at once').waitFor()
    await expectOneRequest(/^PATCH \/api\/projects\/1\/items\/\d+$/)

    await alice
      .item('As a tester I see that at once')
      .getByRole('button', { name: /^Move / })
      .focus()
    await alice.page.keyboard.press('Alt+ArrowDown')
    await eventually(async () => expect((await olivia.stories())[1]).toBe('As a tester I see that at once'))
    await expectOneRequest(/^PATCH \/api\/projects\/1\/items\/\d+/)

    const mine = alice.item('As a tester I see that at once')
    await mine.hover()
    await mine.getByRole('button', { name: /^Delete As a tester/ }).click()
    await olivia.item('As a tester I see that at once').waitFor({ state: 'detached' })
    await expectOneRequest(/^DELETE \/api\/projects\/1\/items\/\d+$/)
    expect(await alice.stories()).toEqual(await olivia.stories())
  })

  test('what one drags with the mouse moves on the other’s screen', async () => {
    const before = await alice.stories()
    const handle = alice.item(before[0] ?? '').getByRole('button', { name: /^Move / })
    await handle.dragTo(alice.item(before[3] ?? ''), { targetPosition: { x: 200, y: 40 } })
    await eventually(async () => {
      const after = await olivia.stories()
      expect(after).not.toEqual(before)
      expect(after.indexOf(before[0] ?? '')).toBeGreaterThanOrEqual(2)
    })
    expect(olivia.takeRequests()).toEqual([])
    expect(alice.takeRequests()).toHaveLength(1)
    expect(await alice.stories()).toEqual(await olivia.stories())
  })

  test('an UPDATE typed into psql is on both screens', async () => {
    await scrum.sql`UPDATE items SET estimate = 40 WHERE user_story = ${first}`
    for (const person of [alice, olivia]) {
      await person.item(first).getByRole('button', { name: 'Estimate: 40 points' }).waitFor()
      expect(person.takeRequests()).toEqual([])
    }
  })

  test('G5: one transaction over three tables changes both pages in one paint, never by halves', async () => {
    // Every frame, each page notes the three things that the transaction changes together.
    for (const person of [alice, olivia]) {
      await person
        .item(second)
        .getByRole('button', { name: /^Details of/ })
        .click()
      await person.page.evaluate(() => {
        const seen = new Set<string>()
        Object.assign(globalThis, { seen })
        const look = (): void => {
          const text = document.body.innerText
          const marks = ['Item mark', 'Task mark', 'Project mark'].map((mark) => text.includes(mark))
          seen.add(marks.join())
          requestAnimationFrame(look)
        }
        look()
      })
    }
    await scrum.sql.begin(async (sql) => {
      const [item] = await sql`SELECT id FROM items WHERE user_story = ${second}`
      await sql`UPDATE projects SET name = 'Project mark' WHERE id = 1`
      await sql`UPDATE tasks SET summary = 'Task mark' WHERE id = (SELECT min(id) FROM tasks WHERE item_id = ${item?.id})`
      await sql`UPDATE items SET user_story = 'Item mark' WHERE id = ${item?.id}`
    })
    for (const person of [alice, olivia]) {
      await person.item('Item mark').waitFor()
      await person.page.getByText('Task mark').waitFor()
      const seen = await person.page.evaluate(() => [
        ...(globalThis as unknown as { seen: Set<string> }).seen,
      ])
      expect(seen.sort()).toEqual(['false,false,false', 'true,true,true'])
    }
    await scrum.sql`UPDATE items SET user_story = ${second} WHERE user_story = 'Item mark'`
  })

  test('G2, G3: a page whose script is held back shows the 50 changes made meanwhile, none twice', async () => {
    let release: () => void = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    await olivia.page.route('**/assets/*.js', async (route) => {
      await held
      await route.continue()
    })
    await olivia.page.goto(`${scrum.address}/projects/1`, { waitUntil: 'commit' })
    await olivia.item(first).waitFor() // shows before its script runs
    for (let i = 0; i < 50; i++) {
      await scrum.sql`
        INSERT INTO items (project_id, user_story, position) VALUES (1, ${`Late item ${i}`}, ${`zz${String(i).padStart(3, '0')}1`})`
    }
    release()
    await olivia.live()
    await eventually(async () => {
      const late = (await olivia.stories()).filter((story) => story.startsWith('Late item'))
      expect(new Set(late).size).toBe(late.length)
      // A long list shows what is near the screen: the counter says how many there are in all.
      await olivia.page.mouse.wheel(0, 20_000)
      expect(late).toContain('Late item 49')
    })
    const [row] =
      await scrum.sql`SELECT count(*)::text AS items FROM items WHERE project_id = 1 AND sprint_id IS NULL`
    await olivia.page.getByText(row?.items, { exact: true }).first().waitFor()
    await scrum.sql`DELETE FROM items WHERE user_story LIKE 'Late item%'`
  })

  test('a server killed with SIGKILL while both write on: afterwards both pages equal the database', async () => {
    await alice.rename(first, 'Written before the crash')
    await olivia.item('Written before the crash').waitFor()
    const restarted = scrum.killAndRestart()
    await scrum.sql`UPDATE items SET user_story = 'Written during the crash' WHERE user_story = 'Written before the crash'`
    await restarted
    for (const person of [alice, olivia])
      await person.item('Written during the crash').waitFor({ timeout: 30_000 })
    await olivia.rename('Written during the crash', first)
    await alice.item(first).waitFor()
    expect(await alice.stories()).toEqual(await olivia.stories())
  })

  test('a refused write is taken back on the screen, with the reason', async () => {
    await alice.page.route('**/api/**', (route) =>
      route.fulfill({
        status: 403,
        contentType: 'application/json',
        body: JSON.stringify({
          error: { code: 'forbidden', message: 'Frozen until the review.', retryable: false },
        }),
      }),
    )
    await alice.rename(second, 'This will be refused')
    await alice.page.getByText('Frozen until the review.').first().waitFor()
    await alice.item(second).waitFor()
    expect(await olivia.stories()).toContain(second)
  })

  test('G9: who is not a member gets not a byte of the project', async () => {
    const bob = await Person.signIn(browser, scrum.address, 'bob@example.com')
    const answer = await bob.page.goto(`${scrum.address}/projects/1`)
    expect(answer?.status()).toBe(404)
    expect(await bob.page.content()).not.toContain(second)
    const bytes = await bob.page.evaluate(async (story) => {
      const replies = await Promise.all([
        fetch('/lockstep/snapshot/project/1'),
        fetch('/api/projects/1/items/1', {
          method: 'PATCH',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ user_story: 'x' }),
        }),
      ])
      const texts = await Promise.all(replies.map((reply) => reply.text()))
      return {
        statuses: replies.map((reply) => reply.status),
        leaked: texts.some((text) => text.includes(story)),
      }
    }, second)
    expect(bytes).toEqual({ statuses: [404, 404], leaked: false })
    await bob.close()
  })
})
