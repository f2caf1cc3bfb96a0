import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { launchChromium } from '../chromium.ts'
import { assertReachable } from './reachable.ts'
import { Watch } from './watch.ts'

export interface SessionsOptions {
  /** Where the application is; pages may go to paths of it. */
  readonly address: string
  /** Of the test server, where other clients shall be waited for too. Default: one for these sessions alone. */
  readonly watch?: Watch
  /** Default: one of its own, closed with the sessions. */
  readonly browser?: Browser
  readonly context?: BrowserContextOptions
}

/** Somebody's browser: cookies and storage of their own, and one page to begin with. */
export interface BrowserSession {
  readonly name: string
  readonly page: Page
  readonly context: BrowserContext
}

/** Browser sessions by name, one of which is at work. */
export interface Sessions {
  /** The page of the session at work. @throws Error before the first `using`. */
  readonly page: Page
  readonly current: BrowserSession
  /** Goes to the session of this name, which is opened where there is none. */
  using(name: string): Promise<BrowserSession>
  /** Does something in another session and comes back. */
  using<T>(name: string, work: (page: Page, session: BrowserSession) => Promise<T>): Promise<T>
  /** The same as `using(name)`. */
  switchTo(name: string): Promise<BrowserSession>
  /** @see Watch.settled */
  settled(): Promise<void>
  /** Faults that pages of any session did not catch. */
  readonly errors: readonly string[]
  close(): Promise<void>
}

/** @throws Error where there is no Chromium, or nobody answers at the address: it says which. */
export async function startSessions(options: SessionsOptions): Promise<Sessions> {
  const { address, watch = new Watch() } = options
  await assertReachable({ 'the application': address })
  const browser = options.browser ?? (await launchChromium())
  const sessions = new Map<string, BrowserSession>()
  const errors: string[] = []
  let current: BrowserSession | undefined

  const open = async (name: string): Promise<BrowserSession> => {
    const context = await browser.newContext({ baseURL: address, ...options.context })
    await watch.context(context)
    const page = await context.newPage()
    page.on('pageerror', ({ message }) => errors.push(`${name}: ${message}`))
    const session = { name, page, context }
    sessions.set(name, session)
    return session
  }
  const present = (): BrowserSession => {
    if (current === undefined) throw new Error('No session is at work yet: begin with using(name).')
    return current
  }
  const switchTo = async (name: string): Promise<BrowserSession> => {
    current = sessions.get(name) ?? (await open(name))
    return current
  }
  async function using(name: string): Promise<BrowserSession>
  async function using<T>(name: string, work: (page: Page, session: BrowserSession) => Promise<T>): Promise<T>
  async function using<T>(
    name: string,
    work?: (page: Page, session: BrowserSession) => Promise<T>,
  ): Promise<BrowserSession | T> {
    const before = current
    const session = await switchTo(name)
    if (work === undefined) return session
    try {
      return await work(session.page, session)
    } finally {
      current = before
    }
  }
  return {
    get page() {
      return present().page
    },
    get current() {
      return present()
    },
    using,
    switchTo,
    settled: () => watch.settled(),
    errors,
    async close() {
      await Promise.all([...sessions.values()].map(({ context }) => context.close()))
      if (options.browser === undefined) await browser.close()
    },
  }
}
