import { eventually, launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type AppProcess, startApp } from './app-process.ts'
import { expectAsInDatabase, patient, type TodoPage, TodoPerson, type Variant } from './todo-person.ts'

// Many pages and a machine that may be slow: all that is waited for ends as soon as it is so.
vi.setConfig({ testTimeout: 120_000 })

const variants: readonly Variant[] = ['faye', 'native']

let app: AppProcess
let browser: Browser
let alice: TodoPerson
let olivia: TodoPerson

describe.skipIf(withoutBrowser())('two people on one list, in two variants', () => {
  beforeAll(async () => {
    app = await startApp('todos')
    browser = await launchChromium()
    alice = await TodoPerson.signIn(browser, app.address, 'alice@example.com')
    olivia = await TodoPerson.signIn(browser, app.address, 'olivia@example.com')
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await app?.stop()
  })

  afterEach(async () => {
    expect([...(await alice.leave()), ...(await olivia.leave())]).toEqual([])
  })

  /** Each person's page of each variant. */
  const fourPages = (listId = 1): Promise<TodoPage[]> =>
    Promise.all([alice, olivia].flatMap((person) => variants.map((variant) => person.open(variant, listId))))

  test('G1: what one page adds, renames, checks off and removes is on all four, for one request', async () => {
    const pages = await fourPages()
    const expectOneRequest = async (sender: TodoPage, request: RegExp): Promise<void> => {
      await expectAsInDatabase(pages, app.sql)
      for (const page of pages) {
        const requests = page.takeRequests()
        expect(requests).toHaveLength(page === sender ? 1 : 0)
        if (page === sender) expect(requests[0]).toMatch(request)
      }
    }
    for (const [i, page] of pages.entries()) {
      const [title, renamed] = [`Todo of page ${i}`, `Renamed on page ${i}`]
      await page.add(title)
      for (const other of pages) await other.todo(title).waitFor()
      await expectOneRequest(page, /^POST \/api\/lists\/1\/todos$/)
      // The others go on with what is not theirs.
      const next = pages[(i + 1) % pages.length] ?? page
      await next.rename(title, renamed)
      for (const other of pages) await other.todo(renamed).waitFor()
      await expectOneRequest(next, /^PATCH \/api\/lists\/1\/todos\/\d+$/)
      await page.check(renamed)
      for (const other of pages)
        await eventually(() => other.todo(renamed).getByRole('checkbox').isChecked(), patient)
      await expectOneRequest(page, /^PATCH \/api\/lists\/1\/todos\/\d+$/)
      await next.remove(renamed)
      for (const other of pages) await other.todo(renamed).waitFor({ state: 'detached' })
      await expectOneRequest(next, /^DELETE \/api\/lists\/1\/todos\/\d+$/)
    }
  })

  test('G1: four pages that write at once show the same in the end', async () => {
    const pages = await fourPages(2)
    await Promise.all(
      pages.map(async (page, i) => {
        for (let n = 0; n < 3; n++) {
          await page.add(`${i}-${n}`)
          await page.todo(`${i}-${n}`).waitFor()
        }
        await page.rename(`${i}-1`, `${i}-one`)
        await page.check(`${i}-2`)
        await page.remove(`${i}-0`)
      }),
    )
    await eventually(async () => {
      const [row] = await app.sql`
        select count(*) filter (where title like '%-one')::int as renamed,
          count(*) filter (where title like '%-2' and done)::int as checked,
          count(*) filter (where title like '%-0')::int as left
        from todo_app.todos where list_id = 2`
      expect(row).toEqual({ renamed: 4, checked: 4, left: 0 })
    }, patient)
    await expectAsInDatabase(pages, app.sql, 2)
  })

  test('lists are created, renamed and removed on all four, and their counts follow', async () => {
    const pages = await fourPages(3)
    const [first, second] = pages
    if (first === undefined || second === undefined) throw new Error('no pages')
    for (const [i, page] of pages.entries()) {
      await page.addList(`List ${i}`)
      await eventually(async () => {
        for (const other of pages) expect(await other.lists()).toContain(`List ${i}`)
      }, patient)
      expect(pages.map((other) => other.takeRequests())).toEqual(
        pages.map((other) => (other === page ? ['POST /api/lists'] : [])),
      )
    }
    await second.add('One more to mend')
    for (const page of pages)
      await page.page.getByRole('link', { name: /^Things to mend ?, 3 open$/ }).waitFor()

    await first.page.getByRole('button', { name: 'Rename this list' }).click()
    await first.page.getByRole('textbox', { name: 'Name of the list' }).fill('Mended soon')
    await first.page.keyboard.press('Enter')
    for (const page of pages) {
      await page.page.getByRole('heading', { name: 'Mended soon' }).waitFor()
      expect(await page.page.title()).toBe('Mended soon · Lockstep Todos')
    }

    await second.page.getByRole('button', { name: 'Remove this list' }).click()
    await second.page.getByRole('alert').getByText('its 3 todos').waitFor()
    await second.page.getByRole('button', { name: 'Remove', exact: true }).click()
    for (const page of pages) {
      await page.page.getByRole('heading', { name: 'This list is gone' }).waitFor()
      expect(await page.lists()).not.toContain('Mended soon')
    }
    await app.sql`delete from todo_app.lists where name like 'List %'`
  })

  test.each(variants)(
    'G2, G3: %s: a page whose scripts are held back shows what was committed meanwhile, nothing twice',
    async (variant) => {
      await app.sql`insert into todo_app.todos (list_id, title) select 1, 'Early ' || g from generate_series(1, 10) g`
      let release: () => void = () => {}
      const held = new Promise<void>((resolve) => {
        release = resolve
      })
      const late = await olivia.blank()
      await late.page.route(/\/assets\/.*\.js$|\/bayeux\/client\.js$/, async (route) => {
        await held
        await route.continue()
      })
      await late.goTo(variant)
      await late.todo('Early 10').waitFor() // shows before its script runs
      for (let i = 0; i < 50; i++) {
        await app.sql.begin(async (sql) => {
          await sql`insert into todo_app.todos (list_id, title) values (1, ${`Late ${i}`})`
          if (i % 5 === 0)
            await sql`update todo_app.todos set title = title || '!' where title = ${`Early ${i / 5 + 1}`}`
          if (i % 10 === 9) await sql`delete from todo_app.todos where title = ${`Late ${i - 3}`}`
        })
      }
      await app.sql`delete from todo_app.todos where title = 'Early 7!'`
      release()
      await late.live()
      await expectAsInDatabase([late], app.sql)
      expect((await late.todos()).filter(({ title }) => title.startsWith('Late'))).toHaveLength(45)
      await app.sql`delete from todo_app.todos where title like 'Late %' or title like 'Early %'`
      await expectAsInDatabase([late], app.sql)
    },
  )

  test.each(variants)('%s: what the server refuses is taken back, with its reason', async (variant) => {
    const [page, other] = [await alice.open(variant), await olivia.open(variant)]
    // The server's own rule: no two lists of one name.
    await page.addList('weekend at the lake')
    await page.notice('“weekend at the lake” was not added. There is a list of this name already.')
    await eventually(async () => expect(await page.lists()).not.toContain('weekend at the lake'), patient)
    await page.page.getByRole('button', { name: 'Rename this list' }).click()
    await page.page.getByRole('textbox', { name: 'Name of the list' }).fill('Weekend at the lake')
    await page.page.keyboard.press('Enter')
    await page.notice('was not changed. There is a list of this name already.')
    await page.page.getByRole('heading', { name: 'Groceries' }).waitFor()

    // A todo that somebody else removed a moment ago.
    const [row] =
      await app.sql`insert into todo_app.todos (list_id, title) values (1, 'Short-lived') returning id`
    await page.todo('Short-lived').waitFor()
    await page.page.route('**/api/**', (route) =>
      route.fulfill({
        status: 403,
        contentType: 'application/json',
        body: JSON.stringify({
          error: { code: 'forbidden', message: 'Closed for today.', retryable: false },
        }),
      }),
    )
    await page.rename('Short-lived', 'Long-lived')
    await page.notice('was not changed. Closed for today.')
    await page.todo('Short-lived').waitFor()
    await page.remove('Short-lived')
    await page.todo('Short-lived').waitFor()
    await page.add('Not today')
    await page.notice('“Not today” was not added. Closed for today.')
    await page.page.unroute('**/api/**')
    await page.page.getByRole('button', { name: 'Try again' }).last().click()
    await other.todo('Not today').waitFor()
    await expectAsInDatabase([page, other], app.sql)
    await app.sql`delete from todo_app.todos where id = ${row?.id} or title = 'Not today'`
  })

  test.each(variants)(
    'G3: %s: what was added, though its answer was lost, is there once',
    async (variant) => {
      const [page, other] = [await alice.open(variant), await olivia.open(variant)]
      let lost = 0
      await page.page.route('**/api/lists/1/todos', async (route) => {
        if (lost++ > 0) return route.continue()
        await route.fetch()
        await route.abort('connectionreset')
      })
      await page.add('Answered by nobody')
      await other.todo('Answered by nobody').waitFor()
      if (variant === 'faye') {
        await page.notice('“Answered by nobody” may not have been added. The server did not answer.')
        await page.page.getByRole('button', { name: 'Try again' }).click()
      }
      await eventually(() => expect(lost).toBe(2), patient)
      await page.add('After it')
      await other.todo('After it').waitFor()
      await expectAsInDatabase([page, other], app.sql)
      const left =
        await app.sql`delete from todo_app.todos where title in ('Answered by nobody', 'After it') returning title`
      expect(left.map(({ title }) => title).sort()).toEqual(['After it', 'Answered by nobody'])
    },
  )

  test.each(variants)('%s: what is empty is told where one types, and nothing is sent', async (variant) => {
    const page = await alice.open(variant)
    const field = await page.edit('Get Cheeseburgers')
    await field.fill('   ')
    await field.press('Enter')
    await page.page.getByText('A todo needs a title.').waitFor()
    await field.press('Escape')
    await page.add('  ')
    await page.todo('Get Cheeseburgers').waitFor()
    expect(page.takeRequests()).toEqual([])
  })

  test('native: both versions are shown where somebody else changes what is being edited', async () => {
    const [mine, theirs] = [await alice.open('native'), await olivia.open('faye')]
    const title = 'Buy some tasty kale juice'
    const change = async (from: string, to: string): Promise<void> => {
      await theirs.rename(from, to)
      await mine.page.getByText('Somebody else changed this').waitFor()
    }
    // Keep mine: the draft is saved over theirs. In a low window, where the choice comes to stand below the fold.
    await mine.page.setViewportSize({ width: 360, height: 420 })
    const field = await mine.edit(title)
    await field.fill('Buy my kale juice')
    await change(title, 'Buy their kale juice')
    const isUncovered = (button: Element): boolean => {
      const { left, top, width, height } = button.getBoundingClientRect()
      return button.contains(document.elementFromPoint(left + width / 2, top + height / 2))
    }
    await eventually(
      async () =>
        expect(await mine.page.getByRole('button', { name: 'Keep mine' }).evaluate(isUncovered)).toBe(true),
      patient,
    )
    expect(await mine.page.locator('.conflict-their-text').textContent()).toBe('Buy their kale juice')
    expect(await mine.page.locator('.conflict-my-text').textContent()).toBe('Buy my kale juice')
    expect(await field.inputValue()).toBe('Buy my kale juice')
    await mine.page.getByRole('button', { name: 'Keep mine' }).click()
    await field.press('Enter')
    await theirs.todo('Buy my kale juice').waitFor()
    await mine.todo('Buy my kale juice').waitFor()
    // Use theirs: nothing is sent.
    const again = await mine.edit('Buy my kale juice')
    await again.fill('Buy no kale juice')
    await change('Buy my kale juice', title)
    mine.takeRequests()
    await mine.page.getByRole('button', { name: 'Use theirs' }).click()
    await mine.todo(title).waitFor()
    expect(mine.takeRequests()).toEqual([])
    // Escape: the row as it is now.
    await (await mine.edit(title)).fill('Never mind')
    await change(title, 'Buy juice')
    await mine.page.keyboard.press('Escape')
    await mine.todo('Buy juice').waitFor()
    await app.sql`update todo_app.todos set title = ${title} where title = 'Buy juice'`
    await expectAsInDatabase([mine, theirs], app.sql)
  })

  test.each(variants)('%s: a draft outlives the todo that it was for', async (variant) => {
    const [mine, theirs] = [await alice.open(variant), await olivia.open('native')]
    await mine.add('Doomed')
    await theirs.todo('Doomed').waitFor()
    await (await mine.edit('Doomed')).fill('Saved after all')
    await theirs.remove('Doomed')
    await mine.notice('“Doomed” was removed while you were editing it.')
    await mine.page.getByRole('button', { name: 'Add “Saved after all”' }).click()
    await theirs.todo('Saved after all').waitFor()
    await app.sql`delete from todo_app.todos where title = 'Saved after all'`
  })

  test('the address chooses which todos are shown', async () => {
    const page = await alice.open('faye')
    await page.page.getByRole('link', { name: 'Done', exact: true }).click()
    await page.todo('Eggs, a dozen').waitFor()
    await page.todo('Get Cheeseburgers').waitFor({ state: 'hidden' })
    await page.page.getByRole('link', { name: 'Open', exact: true }).click()
    await page.todo('Eggs, a dozen').waitFor({ state: 'hidden' })
    await page.page.goBack()
    await page.todo('Eggs, a dozen').waitFor()
  })

  test('G9: who is not in the team gets not a byte of its lists, over either variant', async () => {
    const bob = await TodoPerson.signIn(browser, app.address, 'bob@example.com')
    const spy = await bob.open('faye', 4)
    const received: string[] = []
    spy.page.on('websocket', (socket) =>
      socket.on('framereceived', ({ payload }) => received.push(String(payload))),
    )
    spy.page.on('response', async (response) => {
      if (/bayeux|lockstep/.test(response.url())) received.push(await response.text().catch(() => ''))
    })
    await spy.goTo('faye', 4)
    await spy.live()
    const refusals = await spy.page.evaluate(async () => {
      // Faye's client is on the page.
      const { Faye } = globalThis as unknown as {
        Faye: { Client: new (url: string) => { subscribe(name: string, on: () => void): PromiseLike<void> } }
      }
      const client = new Faye.Client('/bayeux')
      const codes: unknown[] = []
      for (const name of [
        '/sync/list/1/todos',
        '/sync/team/1/lists',
        '/sync/list/1/*',
        '/sync/list/999/todos',
      ]) {
        await Promise.resolve(client.subscribe(name, () => {})).catch((error) => codes.push(error.code))
      }
      const replies = await Promise.all(
        ['/lockstep/snapshot/list/1', '/lockstep/snapshot/team/1', '/native/lists/1', '/faye/lists/1'].map(
          (path) => fetch(path),
        ),
      )
      return { codes, statuses: replies.map(({ status }) => status) }
    })
    expect(refusals).toEqual({ codes: [403, 403, 403, 403], statuses: [404, 404, 404, 404] })
    const page = await alice.open('native')
    await page.add('A secret of Alice')
    await page.todo('A secret of Alice').waitFor()
    await app.sql`insert into todo_app.todos (list_id, title) values (4, 'For Bob')`
    await spy.todo('For Bob').waitFor()
    expect(received.join()).toContain('For Bob')
    expect(received.join()).not.toMatch(/secret|Groceries|Cheeseburgers|Alice|Olivia/)
    await app.sql`delete from todo_app.todos where title in ('For Bob', 'A secret of Alice')`
    await bob.close()
  })
})
