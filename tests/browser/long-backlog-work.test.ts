import { eventually, launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser, CDPSession } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Person } from './person.ts'
import { countRenders, takeRenders } from './renders.ts'
import { type ScrumProcess, startScrum } from './scrum-process.ts'

const many = 5_000
/** Long enough that both lists have only a part of their lines in the page. */
const few = 500

let scrum: ScrumProcess
let browser: Browser
let long: Person
let short: Person
/** Project 1 has the long list. */
let shortProject: number

describe.skipIf(withoutBrowser())('what a change costs a page with 5,000 items', () => {
  beforeAll(async () => {
    scrum = await startScrum()
    const { sql } = scrum
    const [project] = await sql<{ id: number }[]>`insert into projects (name) values ('Short') returning id`
    shortProject = project?.id ?? 0
    await sql`
      insert into memberships (project_id, user_id, name, hue)
      select ${shortProject}::int, user_id, name, hue from memberships where project_id = 1`
    await sql`delete from items where project_id = 1`
    browser = await launchChromium()
    const open = async (id: number, count: number): Promise<Person> => {
      await sql`
        insert into items (project_id, user_story, estimate, position)
        select ${id}::int, 'Item ' || g, g % 8, lpad(g::text, 5, '0') || 'V' from generate_series(1, ${count}::int) g`
      const person = await Person.signIn(browser, scrum.address, 'alice@example.com')
      await countRenders(person.page.context())
      await person.page.goto(`${scrum.address}/projects/${id}`)
      await person.live()
      return person
    }
    long = await open(1, many)
    short = await open(shortProject, few)
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await scrum?.stop()
  })

  const points = (person: Person): Promise<string> =>
    person.page.locator('.backlog-head dd').nth(1).innerText()

  let next = 100
  /** One commit, seen in the page. An item that is not in the page shows in the sum. */
  const change = async (item: number): Promise<void> => {
    const before = await points(long)
    await scrum.sql`
      update items set estimate = ${++next} where project_id = 1 and user_story = ${`Item ${item}`}`
    await eventually(async () => expect(await points(long)).not.toBe(before))
  }

  test('a few components, not the lines of the list', async () => {
    const lines = await long.page.getByRole('article').count()
    expect(lines).toBeGreaterThan(20)
    await change(3)
    await takeRenders(long.page)
    await change(4_000)
    const unseen = await takeRenders(long.page)
    await change(4)
    const seen = await takeRenders(long.page)
    expect([unseen, seen].every((renders) => renders > 0 && renders < lines)).toBe(true)
  })

  test('no element beside its own line, the sum and the sizes', async () => {
    await change(5)
    await long.page.evaluate(() => {
      const touched: string[] = []
      new MutationObserver((records) => {
        for (const { target } of records) {
          const element = target instanceof Element ? target : target.parentElement
          const part = element?.closest('article, .backlog-head .figures, .sizes')
          touched.push(part?.getAttribute('aria-label') ?? part?.className ?? element?.outerHTML ?? '')
        }
      }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true })
      Object.assign(window, { touched })
    })
    await change(6)
    await change(3_000)
    const touched = new Set(await long.page.evaluate<string[]>('touched'))
    for (const allowed of ['Item 5', 'Item 6', 'figures', 'sizes']) touched.delete(allowed)
    expect([...touched]).toEqual([])
  })

  test('little more script than in a list of a tenth of its length', async () => {
    const both = [
      { person: long, project: 1, script: await scriptMsOf(long), costs: [] as number[] },
      { person: short, project: shortProject, script: await scriptMsOf(short), costs: [] as number[] },
    ]
    // Turn by turn, so that whatever else the machine does slows both; the least of each has been slowed least.
    for (let round = 0; round < 5; round++) {
      for (const { person, project, script, costs } of both) {
        const before = await script()
        for (let i = 0; i < 50; i++) {
          await scrum.sql`
            update items set estimate = ${++next} where project_id = ${project} and user_story = ${`Item ${(i % 9) + 1}`}`
        }
        await person.item('Item 5').getByText(String(next), { exact: true }).waitFor()
        costs.push((await script()) - before)
      }
    }
    const [ofMany, ofFew] = both.map(({ costs }) => Math.min(...costs))
    expect((ofMany ?? Number.NaN) / (ofFew ?? Number.NaN)).toBeLessThan(2)
    expect([...long.errors, ...short.errors]).toEqual([])
  }, 60_000)
})

/** Time that the page's scripts have taken so far, in ms of the processor: what else runs does not count. */
async function scriptMsOf({ page }: Person): Promise<() => Promise<number>> {
  const devtools: CDPSession = await page.context().newCDPSession(page)
  await devtools.send('Performance.enable', { timeDomain: 'threadTicks' })
  return async () => {
    const { metrics } = await devtools.send('Performance.getMetrics')
    return (metrics.find(({ name }) => name === 'ScriptDuration')?.value ?? 0) * 1000
  }
}
