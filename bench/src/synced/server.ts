import { createServer } from 'node:http'
import type { PageSession, PageState } from '@lockstep/protocol'
import { createSyncServer, type SyncServer, type SyncServerStatus, silentLogger } from '@lockstep/server'
import { listen } from '../load/listen.ts'
import { answerCalls } from '../process/answer.ts'
import { itemsSync } from './items.ts'

/** A whole sync server on a real database, as an application runs it, in a process of its own. */
export type SyncedServerMethods = {
  /** Resolves with the port. The database is set up where it is not. */
  start(database: string): Promise<number>
  /** Sessions of so many users. */
  sessions(count: number): readonly PageSession[]
  /** What a page of user 1 would carry. */
  page(channels: readonly string[]): Promise<PageState>
  status(): SyncServerStatus
  barrier(): Promise<string>
}

const http = createServer()
let server: SyncServer | undefined
let users = 0

function running(): SyncServer {
  if (server === undefined) throw new Error('not started')
  return server
}

const methods: SyncedServerMethods = {
  start: async (database) => {
    server = await createSyncServer({
      sync: itemsSync,
      database,
      authenticate: () => null,
      setup: 'apply',
      slot: 'bench',
      logger: silentLogger,
      limits: { tokenTtlMs: 8 * 3_600_000 },
    })
    server.attach(http)
    return listen(http)
  },
  sessions: (count) => Array.from({ length: count }, () => running().issueSession({ id: ++users })),
  page: (channels) => running().page({ id: 1 }, channels),
  status: () => running().status(),
  barrier: () => running().barrier(),
}

answerCalls(methods, async () => {
  await server?.close()
  http.closeAllConnections()
})
