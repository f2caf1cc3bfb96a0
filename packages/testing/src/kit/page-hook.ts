import type { BrowserContext, Page } from 'playwright-core'
import { watchBayeux } from './bayeux-link.ts'
import { type WatchedLink, watchLink } from './link.ts'
import { watchCarriers } from './page-carriers.ts'

/** What pages of a watched context have as `globalThis.lockstepTest`. */
export interface PageHook {
  /** Resolves when no write of this page is on its way. */
  written(): Promise<void>
  /** Resolves when every connection of this page has settled and the page has painted after it. */
  settled(): Promise<void>
}

/** Puts the hook into every page that the context opens from now on, before the page's own scripts. */
export async function addPageHook(context: BrowserContext): Promise<void> {
  const parts = [watchLink, watchBayeux, watchCarriers].map(String).join(', ')
  await context.addInitScript(`(${installPageHook.toString()})(${parts})`)
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
function installPageHook(
  watch: typeof watchLink,
  watchFaye: typeof watchBayeux,
  carriersOf: typeof watchCarriers,
): void {
  const links = new Set<WatchedLink>()
  const opening = new Set<Promise<void>>()
  let writes = 0
  const looks = new Set<() => void>()
  const begun = (): void => {
    writes++
  }
  const ended = (): void => {
    writes--
    for (const look of [...looks]) look()
  }
  const isReading = (method: string): boolean => method === 'GET' || method === 'HEAD'
  /** Such requests are held, and say nothing of what the application writes. */
  const isBayeux = (body: unknown): boolean => typeof body === 'string' && /"channel":\s*"\//.test(body)

  const PlainSocket = globalThis.WebSocket
  globalThis.WebSocket = class extends PlainSocket {
    /** Undefined: not known yet who speaks here, or nobody of ours. */
    #link: WatchedLink | undefined

    constructor(...[url, protocols]: ConstructorParameters<typeof PlainSocket>) {
      super(url, protocols)
      const opened = new Promise<void>((resolve) => {
        // By the next task the client has said hello.
        for (const event of ['open', 'close']) this.addEventListener(event, () => setTimeout(resolve))
      }).then(() => void opening.delete(opened))
      opening.add(opened)
      // Told before the client's own listeners; by the next task those have run.
      this.addEventListener('message', ({ data }) => setTimeout(() => this.#link?.came(String(data))))
      this.addEventListener('close', () => {
        if (this.#link === undefined) return
        links.delete(this.#link)
        this.#link.closed()
      })
    }

    override send(data: Parameters<WebSocket['send']>[0]): void {
      if (typeof data === 'string') {
        // Other sockets of the page are none of ours.
        const speaks = data.includes('"hello"') ? watch : data.includes('"/meta/') ? watchFaye : undefined
        if (this.#link === undefined && speaks !== undefined) {
          this.#link = speaks((text) => super.send(text))
          links.add(this.#link)
        }
        this.#link?.sent(data)
      }
      super.send(data)
    }
  }

  const plainFetch = globalThis.fetch.bind(globalThis)
  const carriedFetch = carriersOf(plainFetch, watch, links)
  globalThis.fetch = async (...request) => {
    const carried = carriedFetch(...request)
    if (carried !== undefined) return carried
    if (isReading(new Request(...request).method) || isBayeux(request[1]?.body)) return plainFetch(...request)
    begun()
    try {
      return await plainFetch(...request)
    } finally {
      ended()
    }
  }

  const PlainXhr = globalThis.XMLHttpRequest
  globalThis.XMLHttpRequest = class extends PlainXhr {
    #reads = true

    override open(...[method, url, ...more]: [method: string, url: string | URL, ...more: unknown[]]): void {
      this.#reads = isReading(method.toUpperCase())
      // One of two forms, with what else the page gives.
      Reflect.apply(super.open, this, [method, url, ...more])
    }

    override send(body?: Parameters<XMLHttpRequest['send']>[0]): void {
      if (!this.#reads && !isBayeux(body)) {
        begun()
        this.addEventListener('loadend', ended, { once: true })
      }
      super.send(body)
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
