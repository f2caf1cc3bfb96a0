import { createServer, type Server } from 'node:http'
import { collection, defaultLimits, defineSync, type Limits, silentLogger } from '@lockstep/server'
import {
  compileSync,
  Engine,
  exactClock,
  nodeRuntime,
  type SnapshotReader,
  Trace,
} from '@lockstep/server/stages'
import type { DialectChoice } from '../load/dialect.ts'
import { listen } from '../load/listen.ts'
import { type Contender, titleOf } from './contender.ts'
import { HandSource } from './hand-source.ts'

const definition = defineSync({
  channels: {
    'project/:projectId': { authorize: () => true },
    'hall/:hallId': { authorize: () => true, presence: true },
  },
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
  return start(overWebSockets('project/1'))
}

/** The same, with the inspector on. */
export function startLockstepInspected(): Promise<Contender> {
  return start(overWebSockets('project/1'), undefined, {}, new Trace(exactClock(nodeRuntime)))
}

/** The same, with changes that are locks taken and released by turns, by a session of somebody else. */
export function startLockstepLocks(): Promise<Contender> {
  const claim = {
    channel: 'project/1',
    resource: 'items/17',
    session: 'somebody',
    user: { id: 0 },
    by: 'Olivia',
  }
  return start(overWebSockets('project/1'), ({ locks }, n) =>
    n % 2 === 0
      ? locks.take({ ...claim, doing: 'editing', leaseMs: undefined, waitMs: 0, ask: false })
      : locks.release(claim, claim.session),
  )
}

/** The same, with changes that are sessions coming and going by turns, each told without delay. */
export function startLockstepPresence(): Promise<Contender> {
  return start(
    overWebSockets('hall/1'),
    ({ presence }, n) =>
      n % 2 === 0 ? presence.enter('hall/1', 'somebody', 'Olivia') : presence.leave('somebody', 'hall/1'),
    { presenceMs: 0 },
  )
}

function overWebSockets(channel: string): Carried {
  return {
    attach: (engine, http) => {
      http.on('upgrade', (request, socket, head) => engine.upgrade(request, socket, head))
    },
    dialect: (tokens) => ({ kind: 'lockstep', path: '/lockstep', channel, tokens }),
  }
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

/** `change`: makes the n-th change where that is not one of a row. */
async function start(
  carried: Carried,
  change?: (engine: Engine, n: number) => Promise<unknown>,
  limits: Partial<Limits> = {},
  trace?: Trace,
): Promise<Contender> {
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
    limits: { ...defaultLimits, heartbeatMs: hourMs, tokenTtlMs: 8 * hourMs, ...limits },
    ...(trace && { trace, tap: (router) => trace.sink(router) }),
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
        if (change === undefined) source.commitUpdate(row(sent), row(sent + 1))
        else void change(engine, sent)
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
