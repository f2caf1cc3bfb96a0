import type { BrowserContext } from 'playwright-core'
import { type WatchedLink, watchLink } from './link.ts'
import { addPageHook, askPage } from './page-hook.ts'

/** A client's transport, as `@lockstep/client` has it. */
export type Transport<Link> = (
  url: string,
  events: {
    opened(): void
    message(text: string): void
    closed(code: number, reason: string): void
  },
) => Link

/** How long `settled` waits, in ms. */
export const settleMsMax = 10_000

/** Knows the clients of a test, in browsers and in this process, and can tell when they are all up to date. */
export class Watch {
  /** Each with whether it is cut off without knowing it, so that nobody need wait for it. */
  readonly #links = new Map<WatchedLink, () => boolean>()
  readonly #contexts = new Map<BrowserContext, () => boolean>()
  readonly #barrier: () => Promise<unknown>

  /** `barrier` of a server in this process, where there is one. */
  constructor(barrier: () => Promise<unknown> = () => Promise.resolve()) {
    this.#barrier = barrier
  }

  /** Watches the pages that this context opens from now on. While `isSilent`, they are not waited for. */
  async context(context: BrowserContext, isSilent: () => boolean = () => false): Promise<void> {
    await addPageHook(context)
    this.#contexts.set(context, isSilent)
    context.on('close', () => this.#contexts.delete(context))
  }

  /**
   * The same transport, watched: for `createClient(..., { transport: watch.transport(...) })` in this process. While
   * `isSilent`, it is not waited for.
   */
  transport<Link extends { send(text: string): void; close(): void }>(
    plain: Transport<Link>,
    isSilent: () => boolean = () => false,
  ): Transport<Link> {
    return (url, events) => {
      let open: Link | undefined
      const watched = watchLink((text) => open?.send(text))
      this.#links.set(watched, isSilent)
      const end = (): void => {
        this.#links.delete(watched)
        watched.closed()
      }
      const link = plain(url, {
        ...events,
        opened: () => events.opened(),
        message(text) {
          events.message(text)
          watched.came(text)
        },
        closed(code, reason) {
          end()
          events.closed(code, reason)
        },
      })
      open = link
      const send = (text: string): void => {
        watched.sent(text)
        link.send(text)
      }
      const close = (): void => {
        end()
        link.close()
      }
      // What else a link has stays its own.
      return new Proxy(link, {
        get: (target, name) =>
          name === 'send' ? send : name === 'close' ? close : Reflect.get(target, name),
      })
    }
  }

  /**
   * Resolves when every connected client has applied everything committed before the call, what its own pages
   * were sending included, and pages have painted it. Without sleeps: each client's connection is asked.
   * @throws Error when that takes longer than `timeoutMs`.
   */
  async settled({ timeoutMs = settleMsMax }: { readonly timeoutMs?: number } = {}): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`The clients did not settle within ${timeoutMs} ms.`)),
        timeoutMs,
      )
    })
    try {
      await Promise.race([this.#settle(), late])
    } finally {
      clearTimeout(timer)
    }
  }

  async #settle(): Promise<void> {
    const heard = <T>(all: ReadonlyMap<T, () => boolean>): T[] =>
      [...all].flatMap(([one, isSilent]) => (isSilent() ? [] : [one]))
    const pages = heard(this.#contexts).flatMap((context) => context.pages())
    await Promise.all(pages.map((page) => askPage(page, 'written')))
    await this.#barrier()
    await Promise.all([
      ...pages.map((page) => askPage(page, 'settled')),
      ...heard(this.#links).map((link) => link.settled()),
    ])
  }
}
