import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { launchChromium } from '../chromium.ts'
import { type Faults, faultless, faultsOf } from '../faults/faults.ts'
import { type Line, openLine } from '../faults/line.ts'
import { assertReachable } from './reachable.ts'
import type { TestServer } from './server.ts'
import { Watch } from './watch.ts'

export interface SessionsOptions {
  /** The test server. Each session has a line of its own to it, which fails on command. */
  readonly server?: TestServer
  /** Without a test server: where the application is. Pages may go to paths of it. */
  readonly address?: string
  /** Of the test server, where other clients shall be waited for too. Default: one for these sessions alone. */
  readonly watch?: Watch
  /** Id of the user of a session, for `revoke` and `grant`. Default: its name. */
  readonly user?: (name: string) => string
  /** Default: one of its own, closed with the sessions. */
  readonly browser?: Browser
  readonly context?: BrowserContextOptions
}

/**
 * Somebody's browser: cookies and storage of their own, and one page to begin with. Its faults are there where the
 * sessions were started with a test server; the user is who the session's name says, as `user` gives it.
 */
export interface BrowserSession extends Faults {
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
  const { server, address = server?.address, watch = server?.watch ?? new Watch(), user = String } = options
  if (address === undefined) throw new TypeError('startSessions needs a server or an address.')
  await assertReachable({ 'the application': address })
  const browser = options.browser ?? (await launchChromium())
  const sessions = new Map<string, BrowserSession>()
  const errors: string[] = []
  const lines: Line[] = []
  let current: BrowserSession | undefined

  const open = async (name: string): Promise<BrowserSession> => {
    const line = server && (await openLine({ target: address, path: server.path }))
    if (line !== undefined) lines.push(line)
    const context = await browser.newContext({ baseURL: line?.address ?? address, ...options.context })
    await watch.context(context, () => line?.isSilent === true)
    const page = await context.newPage()
    page.on('pageerror', ({ message }) => errors.push(`${name}: ${message}`))
    const faults = line && server ? faultsOf(line, server, user(name)) : faultless
    const session = { ...faults, name, page, context }
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
      await Promise.all(lines.map((line) => line.close()))
      if (options.browser === undefined) await browser.close()
    },
  }
}
