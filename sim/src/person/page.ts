import { type Client, createClient, type Link, type TransportEvents } from '@lockstep/client'
import type { ClientMessage, PageState, ServerMessage } from '@lockstep/protocol'
import type { BankRows } from '../bank/bank.ts'
import { Owner } from '../clock/owner.ts'
import { PageRuntime } from '../clock/page-runtime.ts'
import type { WallClock } from '../clock/wall-clock.ts'
import { Wire } from '../history/wire.ts'
import type { Line } from '../network/line.ts'
import type { Random } from '../random/random.ts'
import type { Journal } from '../run/journal.ts'

export type BankClient = Client<{ readonly $rows?: BankRows }>

export interface PageParts {
  /** Client whose page it is. */
  readonly name: string
  readonly device: Owner
  readonly clock: WallClock
  readonly line: Line
  readonly random: Random
  readonly journal: Journal
}

/** A page in a browser with the client in it, and what is seen on its wire. */
export class Page {
  readonly client: BankClient
  readonly runtime: PageRuntime
  readonly owner: Owner
  readonly #parts: PageParts
  readonly #wire: Wire
  #session = ''

  /** Its rows come with it, or it only knows where the server is. */
  constructor(source: { readonly page: PageState } | { readonly url: string }, parts: PageParts) {
    const { device, clock, random, line, name } = parts
    this.#parts = parts
    this.#wire = new Wire(name)
    this.owner = new Owner(device.scheduler)
    const life = new PageLife(this.owner, device)
    this.runtime = new PageRuntime(
      life,
      clock,
      random,
      (url, request) =>
        new Promise((resolve, reject) => {
          line.fetch(url, request).then(
            (reply) => life.do(() => resolve(reply)),
            (error) => life.do(() => reject(error)),
          )
        }),
    )
    this.client = createClient(source, {
      runtime: this.runtime,
      transport: (_url, events) => this.#connect(events),
      onError: (error) => this.#report(error),
      connect: false,
    })
    this.#session = this.client.sessionId
    parts.journal.add({ kind: 'page', client: name, what: 'opened', session: this.#session })
  }

  /** The tab is closed: its client is told. */
  close(): void {
    if (!this.owner.alive) return
    this.client.close()
    this.kill()
  }

  /** The browser is gone, and has told nobody. The operating system closes its sockets. */
  kill(): void {
    if (!this.owner.alive) return
    this.owner.kill()
    const { journal, name, line } = this.#parts
    for (const event of this.#wire.lost(this.owner.scheduler.now)) journal.take(event)
    for (const connection of [...line.connections]) connection.close()
    journal.add({ kind: 'page', client: name, what: 'closed', session: this.#session })
  }

  #connect(events: TransportEvents): Link {
    const { line, journal } = this.#parts
    const { scheduler } = this.owner
    const lost = (): void => {
      for (const event of this.#wire.lost(scheduler.now)) journal.take(event)
    }
    this.#look(this.client.sessionId)
    const alive = (run: () => void): void => {
      if (this.owner.alive) run()
    }
    const link = line.connect(
      {
        opened: () => alive(() => events.opened()),
        message: (text) => alive(() => events.message(text)),
        closed: (code, reason) =>
          alive(() => {
            lost()
            events.closed(code, reason)
          }),
      },
      (text) => alive(() => this.#hear(text)),
    )
    return {
      send: (text) => {
        // What the client has made.
        const message = JSON.parse(text) as ClientMessage
        for (const event of this.#wire.said(scheduler.now, message)) journal.take(event)
        link.send(text)
      },
      close: () => {
        lost()
        link.close()
      },
    }
  }

  #hear(text: string): void {
    // What the server has made.
    const message = JSON.parse(text) as ServerMessage
    if (message.type === 'welcome') this.#look(message.session)
    for (const event of this.#wire.heard(this.owner.scheduler.now, message)) this.#parts.journal.take(event)
  }

  /** Whether it goes on as another session. */
  #look(session: string): void {
    if (session === this.#session) return
    this.#session = session
    this.#parts.journal.add({ kind: 'page', client: this.#parts.name, what: 'session', session })
  }

  /** That the server could not do something just then is none of our faults. */
  #report(error: unknown): void {
    if (Object(error).code === 'unavailable') return
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.#parts.journal.add({ kind: 'broken', of: this.#parts.name, message })
  }
}

/** A page lives as long as its tab, and sleeps as its computer does. */
class PageLife extends Owner {
  readonly #page: Owner
  readonly #device: Owner

  constructor(page: Owner, device: Owner) {
    super(page.scheduler)
    this.#page = page
    this.#device = device
  }

  override do(run: () => void): void {
    this.#device.do(() => this.#page.do(run))
  }
}
