import { eventually, launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Person } from './person.ts'
import { type ScrumProcess, startScrum } from './scrum-process.ts'

const items = 5000
/** What a page may have of them at once: what is near the window. */
const shownMax = 120

let scrum: ScrumProcess
let browser: Browser
let alice: Person

describe.skipIf(withoutBrowser())('a backlog of 5,000 items', () => {
  beforeAll(async () => {
    scrum = await startScrum()
    await scrum.sql`delete from items where project_id = 1`
    await scrum.sql`
      insert into items (project_id, user_story, estimate, position)
      select 1, 'Item ' || g, g % 8, lpad(g::text, 5, '0') || 'V' from generate_series(1, ${items}::int) g`
    browser = await launchChromium()
    alice = await Person.signIn(browser, scrum.address, 'alice@example.com')
    await alice.openBacklog(scrum.address)
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await scrum?.stop()
  })

  const order = async (around: number): Promise<string[]> => {
    const rows = await scrum.sql<{ user_story: string }[]>`
      select user_story from items where project_id = 1 order by position offset ${around} limit 3`
    return rows.map((row) => row.user_story)
  }

  test('keeps in the page what is near the window, and tells of each where it stands', async () => {
    const shown = await alice.stories()
    expect(shown[0]).toBe('Item 1')
    expect(shown.length).toBeLessThan(shownMax)
    const line = alice.page.getByRole('listitem').filter({ has: alice.item('Item 3') })
    expect([await line.getAttribute('aria-posinset'), await line.getAttribute('aria-setsize')]).toEqual([
      '3',
      '5000',
    ])
  })

  test('is moved in by keyboard to where nothing is in the page yet, and the focus goes along', async () => {
    await alice.item('Item 2').getByRole('button', { name: 'Move Item 2' }).focus()
    await alice.page.keyboard.press('Alt+End')
    await eventually(async () => {
      expect(await alice.page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe(
        'Move Item 2',
      )
      expect((await alice.stories()).at(-1)).toBe('Item 2')
    })
    await eventually(async () => expect((await order(items - 1))[0]).toBe('Item 2'))
    await alice.page.keyboard.press('Control+z')
    await eventually(async () => expect((await order(0)).slice(0, 2)).toEqual(['Item 1', 'Item 2']))
  })

  test('is dragged in and scrolled through while 50 changes a second arrive', async () => {
    await alice.page.evaluate(() => window.scrollTo(0, document.body.scrollHeight / 2))
    await eventually(async () => expect((await alice.stories()).includes('Item 1')).toBe(false))
    let running = true
    let writes = 0
    const stream = (async () => {
      while (running) {
        await Promise.all([
          scrum.sql`update items set estimate = ${writes % 13} where user_story = ${`Item ${(writes % items) + 1}`}`,
          new Promise((resolve) => setTimeout(resolve, 20)),
        ])
        writes++
      }
    })()
    const inView = await alice.page.evaluate(() => {
      const near = [...document.querySelectorAll('article')].filter((article) => {
        const { top, bottom } = article.getBoundingClientRect()
        return top > 150 && bottom < innerHeight - 150
      })
      return near.map((article) => article.getAttribute('aria-label') ?? '')
    })
    const [moved = '', target = ''] = [inView[0], inView[5]]
    await alice
      .item(moved)
      .getByRole('button', { name: `Move ${moved}`, exact: true })
      .dragTo(alice.item(target), {
        targetPosition: { x: 200, y: 50 },
      })
    const place = Number(target.slice('Item '.length))
    await eventually(async () => expect((await order(place - 2)).slice(0, 2)).toEqual([target, moved]))
    // As a hand scrolls: frame by frame.
    const frames = await alice.page.evaluate(async () => {
      const times: number[] = []
      let last = performance.now()
      for (let i = 0; i < 90; i++) {
        scrollBy(0, 120)
        await new Promise(requestAnimationFrame)
        times.push(performance.now() - last)
        last = performance.now()
      }
      return times.sort((a, b) => a - b)
    })
    running = false
    await stream
    // How long frames take is the machine's affair; that they come, and show lines, is the page's.
    expect(frames).toHaveLength(90)
    expect(await alice.page.getByRole('article').count()).toBeLessThan(shownMax)
    expect(await alice.page.getByRole('article').count()).toBeGreaterThan(10)
    expect(alice.errors).toEqual([])
  })
})
