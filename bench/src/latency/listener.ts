import { createClient, webSocketTransport } from '@lockstep/client'
import type { PageState } from '@lockstep/protocol'
import postgres from 'postgres'
import WebSocket from 'ws'
import { answerCalls } from '../process/answer.ts'

/** When rows were seen: id to the reading of the host's monotonic clock, in ns. */
export type Sightings = readonly (readonly [id: number, at: bigint])[]

/** A process that waits for rows: Lockstep's client, or bare LISTEN. */
export type ListenerMethods = {
  /** Opens a real client on what a page carries, in place of one that is open; resolves when its channel is live. */
  open(from: { readonly origin: string; readonly page: PageState; readonly channel: string }): Promise<void>
  /** LISTENs on a notification channel whose payloads are ids. */
  listen(on: { readonly database: string; readonly notifications: string }): Promise<void>
  /** What was seen since the last call. */
  take(): Sightings
}

let sightings: [number, bigint][] = []
let close = (): Promise<void> | void => {}

function saw(id: number): void {
  sightings.push([id, process.hrtime.bigint()])
}

const methods: ListenerMethods = {
  open: async ({ origin, page, channel }) => {
    await close()
    const client = createClient(
      { page: { ...page, url: `${origin}${page.url}` } },
      { transport: webSocketTransport(WebSocket) },
    )
    close = () => client.close()
    const project = client.channel(channel)
    project.collection('items').subscribe((changes) => {
      for (const key of changes.created) saw(Number(key))
    })
    await project.ready
  },
  listen: async ({ database, notifications }) => {
    const sql = postgres(database, { max: 1 })
    close = () => sql.end({ timeout: 1 })
    await sql.listen(notifications, (payload) => saw(Number(payload)))
  },
  take: () => {
    const seen = sightings
    sightings = []
    return seen
  },
}

answerCalls(methods, () => close())
