import type { BrowserContext, Page } from 'playwright-core'
import { type WatchedLink, watchLink } from './link.ts'

/** What pages of a watched context have as `globalThis.lockstepTest`. */
export interface PageHook {
  /** Resolves when no write of this page is on its way. */
  written(): Promise<void>
  /** Resolves when every connection of this page has settled and the page has painted after it. */
  settled(): Promise<void>
}

/** Puts the hook into every page that the context opens from now on, before the page's own scripts. */
export async function addPageHook(context: BrowserContext): Promise<void> {
  await context.addInitScript(`(${installPageHook.toString()})(${watchLink.toString()})`)
}

/** Asks again where the page goes to another address meanwhile. */
export async function askPage(page: Page, question: keyof PageHook): Promise<void> {
  for (;;) {
    try {
      await page.evaluate((name) => {
        // The page has the hook from its first script on; about:blank never has.
        const { lockstepTest } = globalThis as unknown as { lockstepTest?: PageHook }
        return lockstepTest?.[name]()
      }, question)
      return
    } catch (error) {
      if (page.isClosed()) return
      if (!/context was destroyed|because of a navigation/.test(String(error))) throw error
      await page.waitForLoadState()
    }
  }
}

/** Runs inside pages, as its own source text: it must use nothing from outside. */
function installPageHook(watch: (send: (text: string) => void) => WatchedLink): void {
  const links = new Set<WatchedLink>()
  const opening = new Set<Promise<void>>()
  let writes = 0
  const looks = new Set<() => void>()

  const PlainSocket = globalThis.WebSocket
  globalThis.WebSocket = class extends PlainSocket {
    readonly #link: WatchedLink

    constructor(...[url, protocols]: ConstructorParameters<typeof PlainSocket>) {
      super(url, protocols)
      const link = watch((text) => super.send(text))
      this.#link = link
      const opened = new Promise<void>((resolve) => {
        // By the next task the client has said hello.
        for (const event of ['open', 'close']) this.addEventListener(event, () => setTimeout(resolve))
      }).then(() => void opening.delete(opened))
      opening.add(opened)
      // Told before the client's own listeners; by the next task those have run.
      this.addEventListener('message', ({ data }) => setTimeout(() => link.came(String(data))))
      this.addEventListener('close', () => {
        links.delete(link)
        link.closed()
      })
    }

    override send(data: Parameters<WebSocket['send']>[0]): void {
      if (typeof data === 'string') {
        // Other sockets of the page are none of ours: a client says hello first.
        if (data.includes('"hello"')) links.add(this.#link)
        this.#link.sent(data)
      }
      super.send(data)
    }
  }

  const plainFetch = globalThis.fetch
  globalThis.fetch = async (...request) => {
    const method = new Request(...request).method
    if (method === 'GET' || method === 'HEAD') return plainFetch(...request)
    writes++
    try {
      return await plainFetch(...request)
    } finally {
      writes--
      for (const look of [...looks]) look()
    }
  }

  const hook: PageHook = {
    written: () =>
      new Promise((resolve) => {
        const look = (): void => {
          if (writes > 0) return
          looks.delete(look)
          resolve()
        }
        looks.add(look)
        look()
      }),
    async settled() {
      await Promise.all(opening)
      await Promise.all([...links].map((link) => link.settled()))
      // The first frame may have begun before; what the second one begins with has been painted.
      for (let frame = 0; frame < 2; frame++) await new Promise((resolve) => requestAnimationFrame(resolve))
    },
  }
  Object.assign(globalThis, { lockstepTest: hook })
}
