import { setTimeout as wait } from 'node:timers/promises'
import { startEmbeddedPostgres } from '@lockstep/server/embedded'
import postgres, { type Sql } from 'postgres'
import { type Bench, type BenchOptions, type Row, ratioOf, row } from '../bench.ts'
import type { LoadMethods } from '../load/main.ts'
import { Child } from '../process/child.ts'
import { quantile } from '../report/statistics.ts'
import { createItems } from '../synced/items.ts'
import type { SyncedServerMethods } from '../synced/server.ts'
import type { ListenerMethods } from './listener.ts'

const channel = 'project/1'
const perSecond = 20
const notifications = 'bench_items'
const subscriberCounts = [1, 100, 1_000] as const
/** A row that is not seen by then is lost. */
const seenMsMax = 10_000

type Listener = Child<ListenerMethods>

/** From sending an INSERT to a listener's call in another process; one monotonic clock serves both. */
export const latency: Bench = {
  name: 'latency',
  timeoutMs: 300_000,
  async run(options) {
    const cluster = await startEmbeddedPostgres()
    const sql = postgres(cluster.url, { max: 1, onnotice: () => {} })
    const children: Child<never>[] = []
    const start = <T extends Child<never>>(child: T): T => {
      children.push(child)
      return child
    }
    try {
      await createItems(sql)
      await createNotifying(sql)
      const server = start(new Child<SyncedServerMethods>('../synced/server.js', import.meta.url))
      const port = await server.call('start', cluster.url)
      const listening: Listener = start(new Child<ListenerMethods>('./listener.js', import.meta.url))
      await listening.call('listen', { database: cluster.url, notifications })
      const client: Listener = start(new Child<ListenerMethods>('./listener.js', import.meta.url))
      const crowd = start(new Child<LoadMethods>('../load/main.js', import.meta.url))

      const rows: Row[] = []
      let connected = 1
      for (const subscribers of subscriberCounts) {
        // The client that is looked at comes in the middle of the crowd, and so gets its messages.
        const more = subscribers - connected
        await join(server, crowd, port, Math.floor(more / 2))
        const page = await server.call('page', [channel])
        await client.call('open', { origin: `http://127.0.0.1:${port}`, page, channel })
        await join(server, crowd, port, Math.ceil(more / 2))
        connected = subscribers
        rows.push(...(await compare(sql, client, listening, subscribers, options)))
      }
      return rows
    } finally {
      await Promise.all(children.map((child) => child.stop()))
      await sql.end({ timeout: 1 })
      await cluster.stop()
    }
  },
}

/** Adds light subscribers. */
async function join(
  server: Child<SyncedServerMethods>,
  crowd: Child<LoadMethods>,
  port: number,
  count: number,
): Promise<void> {
  if (count === 0) return
  const sessions = await server.call('sessions', count)
  const tokens = sessions.map(({ token }) => token)
  await crowd.call('connect', {
    port,
    count,
    dialect: { kind: 'lockstep', path: '/lockstep', channel, tokens },
  })
}

/** The control's table: a trigger notifies within the same insert. */
async function createNotifying(sql: Sql): Promise<void> {
  await sql.unsafe(`
    CREATE TABLE notified (id integer PRIMARY KEY, project_id integer NOT NULL, title text NOT NULL);
    CREATE FUNCTION notify_items() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_notify('${notifications}', NEW.id::text); RETURN NULL; END $$;
    CREATE TRIGGER notify AFTER INSERT ON notified FOR EACH ROW EXECUTE FUNCTION notify_items()`)
}

async function compare(
  sql: Sql,
  client: Listener,
  listening: Listener,
  subscribers: number,
  options: BenchOptions,
): Promise<Row[]> {
  const rounds = options.quick ? 1 : 3
  const samples = options.quick ? 20 : 100
  const lockstep: number[] = []
  const control: number[] = []
  const replied: number[] = []
  await measure(sql, 'items', client, perSecond) // warm
  await measure(sql, 'notified', listening, perSecond)
  for (let round = 0; round < rounds; round++) {
    options.log(`${subscribers} subscribers: round ${round + 1} of ${rounds}`)
    control.push(...(await measure(sql, 'notified', listening, samples)).seen)
    const measured = await measure(sql, 'items', client, samples)
    lockstep.push(...measured.seen)
    replied.push(...measured.replied)
  }
  const name = `${subscribers} subscriber${subscribers === 1 ? '' : 's'}`
  const of = (q: number): Partial<Row> & { lockstep: number; control: number } => {
    const values = {
      lockstep: quantile(lockstep, q),
      control: quantile(control, q),
      limit: quantile(replied, q),
    }
    return { ...values, ratio: ratioOf(values.lockstep, values.control) }
  }
  const middle = of(0.5)
  const slow = of(0.99)
  return [
    row({
      metric: `p50, ${name}`,
      unit: 'ms',
      ...middle,
      ...(subscribers === 1 && { target: '<= 2 x control', met: middle.lockstep <= 2 * middle.control }),
    }),
    row({
      metric: `p99, ${name}`,
      unit: 'ms',
      ...slow,
      ...(subscribers === 100 && { target: '< 10 ms', met: slow.lockstep < 10 }),
    }),
  ]
}

let lastId = 0

/** In milliseconds from sending each insert. */
interface Delays {
  /** Until the listener saw it. */
  readonly seen: readonly number[]
  /** Until the writer itself was told that it is committed: who else could know it much sooner? */
  readonly replied: readonly number[]
}

/** Sends `count` inserts, `perSecond` a second. */
async function measure(sql: Sql, table: string, listener: Listener, count: number): Promise<Delays> {
  const sentAt = new Map<number, bigint>()
  const replied: number[] = []
  const begin = performance.now()
  for (let i = 0; i < count; i++) {
    await wait(Math.max(0, begin + (i * 1000) / perSecond - performance.now()))
    const id = ++lastId
    const sent = process.hrtime.bigint()
    sentAt.set(id, sent)
    await sql`INSERT INTO ${sql(table)} VALUES (${id}, 1, ${`item ${id}`})`
    replied.push(Number(process.hrtime.bigint() - sent) / 1e6)
  }
  const delays: number[] = []
  const deadline = performance.now() + seenMsMax
  while (delays.length < count) {
    for (const [id, seenAt] of await listener.call('take')) {
      const sent = sentAt.get(id)
      if (sent === undefined) continue
      sentAt.delete(id)
      delays.push(Number(seenAt - sent) / 1e6)
    }
    if (performance.now() > deadline) throw new Error(`${sentAt.size} of ${count} rows were never seen`)
    if (delays.length < count) await wait(20)
  }
  return { seen: delays, replied }
}
