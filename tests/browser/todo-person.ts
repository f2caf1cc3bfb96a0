import { eventually } from '@lockstep/testing'
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core'
import type { Sql } from 'postgres'
import { expect } from 'vitest'

/** For `eventually`: as long as pages wait. */
export const patient = { timeoutMs: 60_000 } as const

export type Variant = 'faye' | 'native'

/** One signed-in person with a browser of their own, for pages of either variant. */
export class TodoPerson {
  readonly #context: BrowserContext
  readonly #address: string
  readonly pages: TodoPage[] = []

  private constructor(context: BrowserContext, address: string) {
    this.#context = context
    this.#address = address
  }

  static async signIn(
    browser: Browser,
    address: string,
    email: string,
    options: BrowserContextOptions = {},
  ): Promise<TodoPerson> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
    // Bounds what a slow machine may take; everything ends as soon as it is so.
    context.setDefaultTimeout(patient.timeoutMs)
    const page = await context.newPage()
    await page.goto(`${address}/sign-in`)
    await page.getByLabel('E-mail').fill(email)
    await page.getByLabel('Password').fill('password')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'))
    await page.close()
    return new TodoPerson(context, address)
  }

  /** A page that has not gone anywhere. */
  async blank(): Promise<TodoPage> {
    const page = new TodoPage(await this.#context.newPage(), this.#address)
    this.pages.push(page)
    return page
  }

  async open(variant: Variant, listId = 1): Promise<TodoPage> {
    const page = await this.blank()
    await page.goTo(variant, listId)
    await page.live()
    return page
  }

  /** Closes the pages; gives the faults that they did not expect. */
  async leave(): Promise<string[]> {
    const left = this.pages.splice(0)
    await Promise.all(left.map(({ page }) => page.close()))
    return left.flatMap(({ errors }) => errors)
  }

  close(): Promise<void> {
    return this.#context.close()
  }
}

export interface ShownTodo {
  readonly title: string
  readonly done: boolean
}

/** A page of todos, and what it sends: not its assets, and not what Faye carries its messages with. */
export class TodoPage {
  readonly page: Page
  readonly errors: string[] = []
  readonly #address: string
  #requests: string[] = []

  constructor(page: Page, address: string) {
    this.page = page
    this.#address = address
    page.on('request', (request) => {
      const { pathname } = new URL(request.url())
      if (/^\/(bayeux|assets|icon)/.test(pathname)) return
      this.#requests.push(`${request.method()} ${pathname}`)
    })
    page.on('pageerror', (error) => this.errors.push(error.message))
    page.on('console', (message) => {
      // A page says itself that a request failed or was refused; that is no fault of the page.
      if (
        message.type() === 'error' &&
        !/Failed to load resource|WebSocket connection/.test(message.text())
      ) {
        this.errors.push(message.text())
      }
    })
  }

  async goTo(variant: Variant, listId = 1): Promise<void> {
    await this.page.goto(`${this.#address}/${variant}/lists/${listId}`, { waitUntil: 'commit' })
  }

  /** Waits until the page says that it is live, and begins to count requests. */
  async live(): Promise<void> {
    await this.status('Live')
    await this.page.waitForLoadState('load')
    this.#requests = []
  }

  status(word: string): Promise<void> {
    return this.page.locator('#status').getByText(word, { exact: true }).waitFor()
  }

  /** Requests since the last call, as `METHOD /path`. */
  takeRequests(): string[] {
    const requests = this.#requests
    this.#requests = []
    return requests
  }

  todo(title: string): Locator {
    return this.page
      .getByRole('list', { name: 'Todos' })
      .getByRole('listitem')
      .filter({ has: this.page.getByRole('button', { name: `Rename ${title}`, exact: true }) })
  }

  /** What stands on the page, from top to bottom. */
  todos(): Promise<ShownTodo[]> {
    return this.page.locator('#todos > li').evaluateAll((lines) =>
      lines.map((line) => ({
        title: line.querySelector('.todo-title')?.textContent ?? '',
        done: line.querySelector<HTMLInputElement>('.todo-done')?.checked === true,
      })),
    )
  }

  lists(): Promise<string[]> {
    return this.page.locator('#lists .list-name').allTextContents()
  }

  async add(title: string): Promise<void> {
    const field = this.page.getByRole('textbox', { name: 'New todo' })
    await field.fill(title)
    await field.press('Enter')
  }

  /** Opens the editor of a todo; gives its field. */
  async edit(title: string): Promise<Locator> {
    await this.page.getByRole('button', { name: `Rename ${title}`, exact: true }).click()
    return this.page.getByRole('textbox', { name: 'Title' })
  }

  async rename(title: string, to: string): Promise<void> {
    const field = await this.edit(title)
    await field.fill(to)
    await field.press('Enter')
  }

  async check(title: string): Promise<void> {
    await this.todo(title).getByRole('checkbox').click()
  }

  async remove(title: string): Promise<void> {
    await this.page.getByRole('button', { name: `Remove ${title}`, exact: true }).click()
  }

  async addList(name: string): Promise<void> {
    const field = this.page.getByRole('textbox', { name: 'New list' })
    await field.fill(name)
    await field.press('Enter')
  }

  notice(text: string): Promise<void> {
    return this.page.locator('.notice').getByText(text).waitFor()
  }
}

/** Waits until every page shows a list's rows as the database has them, in order, none twice. */
export async function expectAsInDatabase(pages: readonly TodoPage[], sql: Sql, listId = 1): Promise<void> {
  await eventually(
    async () => {
      const rows = await sql<ShownTodo[]>`
        select title, done from todo_app.todos where list_id = ${listId} order by id`
      for (const page of pages) expect(await page.todos()).toEqual([...rows])
    },
    { ...patient, everyMs: 50 },
  )
}
