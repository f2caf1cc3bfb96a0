import { type CutProxy, cutProxy, eventually, launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AppProcess, startApp } from './app-process.ts'
import { expectAsInDatabase, patient, type TodoPage, TodoPerson } from './todo-person.ts'

let app: AppProcess
let proxy: CutProxy
let browser: Browser
let people: TodoPerson[]
let pages: TodoPage[]

describe.skipIf(withoutBrowser())('todo lists over a bad network and a server that dies', () => {
  beforeAll(async () => {
    app = await startApp('todos')
    proxy = await cutProxy({ targetPort: app.port })
    browser = await launchChromium()
    const address = `http://127.0.0.1:${proxy.port}`
    people = await Promise.all(
      ['alice@example.com', 'olivia@example.com'].map((email) => TodoPerson.signIn(browser, address, email)),
    )
    pages = await Promise.all(people.flatMap((person) => [person.open('faye'), person.open('native')]))
  }, 120_000)

  afterAll(async () => {
    await Promise.all((people ?? []).map((person) => person.close()))
    await browser?.close()
    await proxy?.close()
    await app?.stop()
  })

  /** A write by the page that is shown there, however long it takes to be committed. */
  async function add(page: TodoPage | undefined, title: string): Promise<void> {
    await page?.add(title)
    await eventually(async () => {
      expect(await app.sql`select 1 from todo_app.todos where title = ${title}`).toHaveLength(1)
    }, patient)
  }

  test('G2, G3: connections killed in mid-use: every page of either variant ends as the database is', async () => {
    let n = 0
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 3; i++) {
        n++
        await app.sql`insert into todo_app.todos (list_id, title) values (1, ${`Cut ${n}`})`
        if (n > 2) await app.sql`update todo_app.todos set done = not done where title = ${`Cut ${n - 2}`}`
        if (n % 4 === 0) await app.sql`delete from todo_app.todos where title = ${`Cut ${n - 3}`}`
        // In the middle of what has just been committed.
        if (i === round % 3) proxy.cut()
      }
      await expectAsInDatabase(pages, app.sql)
    }
    await Promise.all(pages.map((page) => page.status('Live')))
    await add(pages[0], 'After the cuts, Faye')
    await add(pages[1], 'After the cuts, native')
    await expectAsInDatabase(pages, app.sql)
  }, 240_000)

  test('G2, G3: the server killed with SIGKILL and restarted while writes go on: all pages converge', async () => {
    const restarted = app.killAndRestart()
    await Promise.all(pages.map((page) => page.status('Offline')))
    await app.sql`insert into todo_app.todos (list_id, title) values (1, 'While it was down')`
    await app.sql`update todo_app.todos set title = 'Get many Cheeseburgers' where title = 'Get Cheeseburgers'`
    // The native client keeps what is written now, and sends it when it can.
    await pages[1]?.add('Written while it was down')
    await restarted
    await Promise.all(pages.map((page) => page.todo('While it was down').waitFor()))
    await Promise.all(pages.map((page) => page.todo('Written while it was down').waitFor()))
    await expectAsInDatabase(pages, app.sql)
    await Promise.all(pages.map((page) => page.status('Live')))
    for (const [i, page] of pages.entries()) await add(page, `After the restart ${i}`)
    await expectAsInDatabase(pages, app.sql)
    expect(pages.flatMap(({ errors }) => errors)).toEqual([])
  }, 240_000)

  test('G11: where the log cannot go on, both variants begin anew, and drafts stay', async () => {
    const [faye, native] = pages
    const drafts = [await faye?.edit('While it was down'), await native?.edit('While it was down')]
    for (const draft of drafts) await draft?.fill('A draft')
    await app.killAndRestart(async () => {
      await eventually(async () => {
        // Held until Postgres has noticed that nobody reads it any more.
        await app.sql`
          select pg_drop_replication_slot(slot_name) from pg_replication_slots
          where database = current_database()`
      }, patient)
      // Nobody will ever be told of these.
      await app.sql`delete from todo_app.todos where title like 'After the restart%'`
      await app.sql`update todo_app.todos set done = true where title = 'Get many Cheeseburgers'`
      await app.sql`insert into todo_app.todos (list_id, title) values (1, 'Told by nobody')`
    })
    await Promise.all(pages.map((page) => page.todo('Told by nobody').waitFor()))
    for (const draft of drafts) {
      expect(await draft?.inputValue()).toBe('A draft')
      await draft?.press('Escape')
    }
    await expectAsInDatabase(pages, app.sql)
    await Promise.all(pages.map((page) => page.status('Live')))
    await add(faye, 'In the new epoch')
    await expectAsInDatabase(pages, app.sql)
    expect(pages.flatMap(({ errors }) => errors)).toEqual([])
  }, 240_000)
})
