import type { Browser, BrowserContext, Locator, Page } from 'playwright-core'

/** One signed-in person with a browser of their own, on the backlog of project 1. */
export class Person {
  readonly page: Page
  readonly #context: BrowserContext
  #requests: string[] = []
  readonly errors: string[] = []

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context
    this.page = page
    page.on('request', (request) => {
      this.#requests.push(`${request.method()} ${new URL(request.url()).pathname}`)
    })
    page.on('pageerror', (error) => this.errors.push(error.message))
    page.on('console', (message) => {
      // A page says itself that a request failed while the server was away; that is no fault of the page.
      if (
        message.type() === 'error' &&
        !/Failed to load resource|WebSocket connection/.test(message.text())
      ) {
        this.errors.push(message.text())
      }
    })
  }

  static async signIn(browser: Browser, address: string, email: string): Promise<Person> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 1600 } })
    const person = new Person(context, await context.newPage())
    await person.page.goto(`${address}/sign-in`)
    await person.page.getByLabel(/e-?mail/i).fill(email)
    await person.page.getByLabel(/password/i).fill('password')
    await person.page.getByRole('button', { name: /sign in/i }).click()
    await person.page.waitForURL((url) => !url.pathname.startsWith('/sign-in'))
    return person
  }

  async openBacklog(address: string): Promise<void> {
    await this.open(address, '')
  }

  /** Opens a page of project 1, `/sprint` say. */
  async open(address: string, path: string): Promise<void> {
    await this.page.goto(`${address}/projects/1${path}`)
    await this.live()
  }

  /** Waits until the page says that it is live, and begins to count requests. */
  async live(): Promise<void> {
    await this.page.getByText('Live', { exact: true }).first().waitFor()
    await this.page.waitForLoadState('networkidle')
    this.#requests = []
  }

  /** Requests since the last call, as `METHOD /path`. */
  takeRequests(): string[] {
    const requests = this.#requests
    this.#requests = []
    return requests
  }

  item(userStory: string): Locator {
    return this.page.getByRole('article', { name: userStory, exact: true })
  }

  /** The user stories from top to bottom. */
  stories(): Promise<string[]> {
    return this.page
      .getByRole('list', { name: 'Backlog items' })
      .getByRole('article')
      .evaluateAll((articles) =>
        articles.map((article) => {
          const labelled = article.getAttribute('aria-labelledby')
          return (
            article.getAttribute('aria-label') ??
            (labelled && document.getElementById(labelled)?.textContent) ??
            ''
          )
        }),
      )
  }

  async rename(userStory: string, to: string): Promise<void> {
    await this.item(userStory).getByRole('button', { name: userStory, exact: true }).click()
    const field = this.page.locator('article textarea:focus, article input:focus')
    await field.fill(to)
    await field.press('Enter')
  }

  close(): Promise<void> {
    return this.#context.close()
  }
}
