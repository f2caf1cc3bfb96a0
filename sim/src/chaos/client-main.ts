import { RunClock } from './clock.ts'
import { Page, type PageOptions, type PageStanding } from './page.ts'
import { Recorder } from './recorder.ts'

/** What a process with pages is started with. */
export interface ClientConfig {
  readonly began: string
  readonly file: string
}

export type ClientOrder =
  | { readonly order: 'open'; readonly id: number; readonly page: PageOptions }
  | { readonly order: 'close'; readonly id: number; readonly client: string }
  | { readonly order: 'quiet'; readonly id: number }
  | { readonly order: 'standing'; readonly id: number }

export interface ClientAnswer {
  readonly standing?: readonly PageStanding[]
}

const config = JSON.parse(process.env['CHAOS'] ?? '{}') as ClientConfig // made by clients.ts
const recorder = new Recorder(config.file, RunClock.of(config.began))
const pages = new Map<string, Page>()

process.on('message', (message) => {
  const order = message as ClientOrder // from clients.ts
  process.send?.({ id: order.id, ...take(order) })
})

function take(order: ClientOrder): ClientAnswer {
  switch (order.order) {
    case 'open': {
      pages.get(order.page.client)?.close()
      pages.set(order.page.client, new Page(order.page, recorder))
      return {}
    }
    case 'close':
      pages.get(order.client)?.close()
      pages.delete(order.client)
      return {}
    case 'quiet':
      for (const page of pages.values()) page.quiet()
      return {}
    case 'standing':
      return { standing: [...pages.values()].map((page) => page.standing()) }
  }
}

process.on('unhandledRejection', broken)
process.on('uncaughtException', broken)
process.on('disconnect', () => process.exit())

function broken(error: unknown): void {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  recorder.record({ kind: 'broken', of: 'clients', message })
  recorder.flush()
}

process.send?.({ ready: true })
