import { setTimeout } from 'node:timers/promises'
import { eventually, launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser as Chromium, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Person } from './person.ts'
import { sessionOf, startWatchedBoard, type WatchedBoard } from './watched-board.ts'

const heldMs = 30_000
const changes = 200
const operations = 20

const [lockedBefore, lockedMeanwhile, lockedNow] = [
  'As a team member I see changes of others without reloading',
  'As a developer I can split an item into tasks',
  'As a product owner I write descriptions in Markdown',
] as const

let watched: WatchedBoard
let browser: Chromium
let alice: Person
let olivia: Person

describe.skipIf(withoutBrowser())('a page whose script comes half a minute after it', () => {
  beforeAll(async () => {
    watched = await startWatchedBoard()
    browser = await launchChromium()
    olivia = await Person.signIn(browser, watched.address, 'olivia@example.com')
    alice = await Person.signIn(browser, watched.address, 'alice@example.com')
    await olivia.openBacklog(watched.address)
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await watched?.close()
  })

  const edit = async (story: string): Promise<void> => {
    await olivia.item(story).getByRole('button', { name: story, exact: true }).click()
    await olivia.item(story).getByLabel('User story').waitFor()
  }

  test('G2, G3, G4, K1: sees each of 200 changes and 20 operations once and in order, and the locks as they are by then', async () => {
    const { sql } = watched.board
    const backend = await watched.board.browser('olivia@example.com')
    await edit(lockedBefore)
    let release = (): void => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    await alice.page.route('**/assets/*.js', async (route) => {
      await released
      await route.continue()
    })
    const received = transactionsOf(alice.page)
    await alice.page.goto(`${watched.address}/projects/1`, { waitUntil: 'commit' })
    // The page can be read before it lives.
    await alice.item(lockedBefore).waitFor()
    const since = performance.now()
    const session = await sessionOf(alice.page)
    for (let i = 0; i < changes; i++) {
      await change(i)
      if (i % (changes / operations) === 0) await operation(i / (changes / operations))
      if (i === 50) await olivia.page.keyboard.press('Escape')
      if (i === 70) await edit(lockedMeanwhile)
      if (i === 120) await olivia.page.keyboard.press('Escape')
      if (i === 150) await edit(lockedNow)
      await setTimeout(Math.max(0, since + ((i + 1) * heldMs) / changes - performance.now()))
    }
    expect(performance.now() - since).toBeGreaterThan(heldMs - 1)
    expect(await alice.page.getByText('Live', { exact: true }).count()).toBe(0)
    release()
    await alice.live()

    // All of it came, and nothing came twice.
    await eventually(() => expect(received.positions).toHaveLength(changes + operations))
    expect(received.positions).toEqual([...new Set(received.positions)].sort((a, b) => a - b))
    expect([received.others, await sessionOf(alice.page)]).toEqual([[], session])
    const rows = await sql<{ user_story: string }[]>`
      select user_story from items where project_id = 1 and sprint_id is null order by position`
    await eventually(async () =>
      expect(await alice.stories()).toEqual(rows.map(({ user_story }) => user_story)),
    )
    const news = alice.page.getByRole('complementary').locator('.news li p')
    const told = await news.evaluateAll((lines) => lines.map((line) => line.firstChild?.textContent))
    expect(told.reverse()).toEqual(
      Array.from({ length: operations }, (_, i) => expect.stringContaining(`“Operation ${i}”`)),
    )
    await alice.item(lockedNow).getByText('Olivia is currently editing').waitFor()
    expect(await alice.page.getByText('Olivia is currently editing').count()).toBe(1)
    expect([...alice.errors, ...olivia.errors]).toEqual([])

    /** One commit of each kind in turn: a row that is made, one that is changed, one that goes. */
    async function change(i: number): Promise<void> {
      const story = `Change ${i - (i % 4)}`
      if (i % 4 === 0) {
        await sql`insert into items (project_id, user_story, position) values (1, ${story}, ${`zz${100 + i}V`})`
      } else if (i % 8 === 3) {
        await sql`delete from items where user_story = ${story}`
      } else await sql`update items set estimate = ${i % 13} where user_story = ${story}`
    }

    async function operation(i: number): Promise<void> {
      const body = { user_story: `Operation ${i}` }
      const reply = await backend.send('POST', '/api/projects/1/items', body, {
        'idempotency-key': `operation-${i}`,
      })
      expect(reply.ok).toBe(true)
    }
  }, 120_000)
})

/** Positions of the transactions that the page is sent, as they come, and what else of rows it is sent. */
function transactionsOf(page: Page): { readonly positions: number[]; readonly others: string[] } {
  const found = { positions: [] as number[], others: [] as string[] }
  page.on('websocket', (socket) =>
    socket.on('framereceived', ({ payload }) => {
      const message: { type: string; position?: string } = JSON.parse(String(payload))
      if (message.type === 'transaction') {
        found.positions.push(Number.parseInt(message.position?.split('.')[1] ?? '', 16))
      } else if (message.type === 'snapshot' || message.type === 'reset') found.others.push(message.type)
    }),
  )
  return found
}
