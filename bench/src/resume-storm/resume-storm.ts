import { setTimeout as wait } from 'node:timers/promises'
import { startEmbeddedPostgres } from '@lockstep/server/embedded'
import postgres, { type Sql } from 'postgres'
import { type Bench, type Row, ratioOf, row } from '../bench.ts'
import type { MemoryMethods } from '../memory/server.ts'
import { Child } from '../process/child.ts'
import { within } from '../process/deadline.ts'
import { median } from '../report/statistics.ts'
import { createItems } from '../synced/items.ts'
import type { SyncedServerMethods } from '../synced/server.ts'
import type { CrowdMethods, Tally } from './crowd.ts'

const channelCount = 10
const rowsPerChannel = 20
const changesPerSecond = 50
const stormMsMax = 60_000

type Server = Child<SyncedServerMethods>
type Crowd = Child<CrowdMethods>

interface Storm {
  readonly ms: number
  readonly queriesPerChannel: number
}

/** Thousands of clients are cut at once and come back, while changes go on. */
export const resumeStorm: Bench = {
  name: 'resume-storm',
  timeoutMs: 300_000,
  async run(options) {
    const clients = options.quick ? 500 : 5_000
    const cluster = await startEmbeddedPostgres()
    const sql = postgres(cluster.url, { max: 2, onnotice: () => {} })
    const server: Server = new Child('../synced/server.js', import.meta.url, { core: 'server' })
    const crowd: Crowd = new Child('./crowd.js', import.meta.url, { core: 'load' })
    const writer = new Writer(sql)
    try {
      await createItems(sql)
      const channels = await fill(sql)
      const port = await server.call('start', cluster.url)
      const tokens = (await server.call('sessions', clients)).map(({ token }) => token)
      options.log(`${clients} clients of ${channelCount} channels join`)
      await within(crowd.call('join', { port, channels, tokens }), stormMsMax, 'joining')
      const joinQueries = (await server.call('status')).snapshots.queries / channelCount
      writer.start()
      const resumed: Storm[] = []
      const reloaded: Storm[] = []
      const handshakes: number[] = []
      for (let round = 0; round < (options.quick ? 1 : 3); round++) {
        options.log(`round ${round + 1}: bare handshakes; cut, back with positions; cut, back without`)
        handshakes.push(await bareHandshakes(clients))
        resumed.push(await storm(server, crowd, false))
        reloaded.push(await storm(server, crowd, true))
      }
      const written = await writer.stop()
      options.log(`${written} changes were written meanwhile; comparing rows`)
      const tally = await settle(sql, server, crowd)
      return rowsOf(clients, joinQueries, resumed, reloaded, tally, median(handshakes))
    } finally {
      await writer.stop()
      await Promise.all([crowd.stop(), server.stop()])
      await sql.end({ timeout: 1 })
      await cluster.stop()
    }
  },
}

function rowsOf(
  clients: number,
  joinQueries: number,
  resumed: readonly Storm[],
  reloaded: readonly Storm[],
  tally: Tally,
  control: number,
): Row[] {
  const times = (metric: string, storms: readonly Storm[]): Row => {
    const lockstep = median(storms.map(({ ms }) => ms))
    return row({
      metric,
      unit: 'ms until all are live',
      lockstep,
      control,
      limit: control,
      ratio: ratioOf(lockstep, control),
    })
  }
  const queries = (metric: string, lockstep: number): Row => {
    const unit = 'database queries per channel'
    return row({ metric, unit, lockstep, limit: 1, target: '<= 1', met: lockstep <= 1 })
  }
  const most = (storms: readonly Storm[]): number =>
    Math.max(...storms.map(({ queriesPerChannel }) => queriesPerChannel))
  const none = (metric: string, lockstep: number, unit: string): Row =>
    row({ metric, unit, lockstep, limit: 0, target: '0', met: lockstep === 0 })
  return [
    queries(`${clients} come at once to a server just started`, joinQueries),
    times(`${clients} back with positions`, resumed),
    queries(`${clients} back with positions`, most(resumed)),
    times(`${clients} back without positions`, reloaded),
    queries(`${clients} back without positions`, most(reloaded)),
    none('missed', tally.missed, 'messages'),
    none('doubled', tally.doubled, 'messages'),
    none('resets', tally.resets, 'messages'),
    none('rows other than the database', tally.wrong, 'clients'),
  ]
}

async function fill(sql: Sql): Promise<string[]> {
  await sql`
    INSERT INTO items
    SELECT n, n % ${channelCount}, 'item ' || n FROM generate_series(1, ${channelCount * rowsPerChannel}) AS n`
  return Array.from({ length: channelCount }, (_, i) => `project/${i}`)
}

async function storm(server: Server, crowd: Crowd, forget: boolean): Promise<Storm> {
  const before = (await server.call('status')).snapshots.queries
  const ms = await within(crowd.call('storm', { forget }), stormMsMax, 'coming back')
  const after = (await server.call('status')).snapshots.queries
  await wait(1_000) // lets some changes go by while all are live
  return { ms, queriesPerChannel: (after - before) / channelCount }
}

/** Updates, creates and destroys rows at a steady rate until stopped. */
class Writer {
  readonly #sql: Sql
  #running: Promise<number> | undefined
  #stopped = false

  constructor(sql: Sql) {
    this.#sql = sql
  }

  start(): void {
    this.#running = this.#write()
  }

  /** Resolves with how many changes were committed. */
  async stop(): Promise<number> {
    this.#stopped = true
    return (await this.#running) ?? 0
  }

  async #write(): Promise<number> {
    const sql = this.#sql
    const begin = performance.now()
    const rows = channelCount * rowsPerChannel
    let n = 0
    while (!this.#stopped) {
      await wait(Math.max(0, begin + (n * 1_000) / changesPerSecond - performance.now()))
      n++
      const id = 1 + ((n * 37) % rows)
      const extra = rows + 1 + (n % 50)
      if (n % 10 === 0) await sql`DELETE FROM items WHERE id = ${extra}`
      else if (n % 10 === 5) {
        await sql`INSERT INTO items VALUES (${extra}, ${n % channelCount}, ${`extra ${n}`}) ON CONFLICT DO NOTHING`
      } else await sql`UPDATE items SET title = ${`title ${n}`} WHERE id = ${id}`
    }
    return n
  }
}

/** Compares until all clients have what the database has; what is still wrong after that stays. */
async function settle(sql: Sql, server: Server, crowd: Crowd): Promise<Tally> {
  const rows: Record<string, Record<string, string>> = {}
  for (const { id, project_id, title } of await sql`SELECT id, project_id, title FROM items`) {
    const channel = `project/${project_id}`
    rows[channel] = { ...rows[channel], [id]: title }
  }
  await server.call('barrier')
  const deadline = performance.now() + 10_000
  for (;;) {
    const tally = await crowd.call('compare', rows)
    if (tally.wrong === 0 || performance.now() > deadline) return tally
    await wait(50)
  }
}

/** The control: the ms in which so many bare WebSocket handshakes of `ws` are through. */
async function bareHandshakes(clients: number): Promise<number> {
  const server = new Child<MemoryMethods>('../memory/server.js', import.meta.url, { core: 'server' })
  try {
    await server.call('start', 'ws')
    return await server.call('handshakes', clients)
  } finally {
    await server.stop()
  }
}
