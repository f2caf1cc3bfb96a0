import { createServer, type Server } from 'node:http'
import { collection, defaultLimits, defineSync, silentLogger } from '@lockstep/server'
import { compileSync, Engine, nodeRuntime, type SnapshotReader } from '@lockstep/server/stages'
import type { DialectChoice } from '../load/dialect.ts'
import { listen } from '../load/listen.ts'
import { type Contender, titleOf } from './contender.ts'
import { HandSource } from './hand-source.ts'

const definition = defineSync({
  channels: { 'project/:projectId': { authorize: () => true } },
  collections: {
    items: collection<{ id: number; title: string }>({
      table: 'items',
      channel: 'project/:project_id',
      columns: ['id', 'title'],
    }),
  },
})

/** Rows do not matter here: every snapshot is empty. */
const emptySnapshots: SnapshotReader = {
  read: async (parts) => ({
    visibility: { xmin: 1, xmax: 1, inProgress: new Set() },
    rows: parts.map(() => []),
  }),
}

const hourMs = 3_600_000

/** How subscribers come to a started engine, and what it is told by hand. */
interface Carried {
  attach(engine: Engine, http: Server): void
  dialect(tokens: readonly string[]): DialectChoice
}

/**
 * Lockstep from the source's sink on: routing, bus, log, hub and WebSockets as in production, with real
 * sessions and subscriptions. Only decoding is missing, which the `decode` bench measures.
 */
export function startLockstep(): Promise<Contender> {
  return start({
    attach: (engine, http) => {
      http.on('upgrade', (request, socket, head) => engine.upgrade(request, socket, head))
    },
    dialect: (tokens) => ({ kind: 'lockstep', path: '/lockstep', channel: 'project/1', tokens }),
  })
}

/** The same for Bayeux clients. */
export function startLockstepBayeux(): Promise<Contender> {
  return start({
    attach: (engine, http) => {
      const bayeux = engine.bayeux(
        { timeoutMs: hourMs },
        {
          authenticate: async () => null,
          addressOf: () => '',
          isOriginAllowed: () => true,
          isOriginListed: () => false,
        },
      )
      http.on('request', (request, response) => void bayeux.request(request, response))
      http.on('upgrade', (request, socket, head) => bayeux.upgrade(request, socket, head))
    },
    dialect: (tokens) => ({ kind: 'bayeux', channel: '/sync/project/1/items', tokens }),
  })
}

async function start(carried: Carried): Promise<Contender> {
  const sync = compileSync(definition)
  const [items] = sync.collections
  if (items === undefined) throw new Error('no collection')
  const source = new HandSource(items)
  const engine = new Engine({
    sync,
    source,
    reader: emptySnapshots,
    secrets: ['a secret for benchmarks alone, of some length'],
    runtime: nodeRuntime,
    logger: silentLogger,
    // No heartbeat among the counted frames. The rest is as shipped.
    limits: { ...defaultLimits, heartbeatMs: hourMs, tokenTtlMs: 8 * hourMs },
  })
  await engine.start()
  const http = createServer()
  carried.attach(engine, http)
  const port = await listen(http)
  const row = (n: number): readonly string[] =>
    items.columns.map((name) =>
      name === 'id' ? '17' : name === 'project_id' ? '1' : JSON.stringify(titleOf(n)),
    )
  let sent = 0
  return {
    port,
    dialect: (subscribers) =>
      carried.dialect(
        Array.from({ length: subscribers }, (_, id) => engine.issueSession({ id: id + 1 }).token),
      ),
    send(count) {
      for (let k = 0; k < count; k++) {
        source.commitUpdate(row(sent), row(sent + 1))
        sent++
      }
    },
    verify() {
      const { behind, resets } = engine.hub.status()
      if (behind > 0 || resets > 0) throw new Error(`${behind} subscribers behind, ${resets} resets`)
    },
    async close() {
      await engine.close()
      http.close()
    },
  }
}
