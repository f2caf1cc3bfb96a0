import type { Duplex } from 'node:stream'
import { defaultLimits, silentLogger } from '@lockstep/server'
import {
  compileSync,
  EmbeddedBus,
  MemoryLog,
  nodeRuntime,
  PostgresStreamConnection,
  postgresSource,
  ReplicationStream,
  Router,
  type SourceSink,
} from '@lockstep/server/stages'
import { LogicalReplicationService, PgoutputPlugin } from 'pg-logical-replication'
import postgres from 'postgres'
import { measureUsage, type Usage } from '../process/cpu.ts'
import { type Backlog, definitionOf, type Reader, slotFree, slotOf } from './backlog.ts'

/** A slot is read no further than the backlog, and nothing of it is ever acknowledged: an hour is for ever. */
export const retentionMs = 3_600_000

export async function readBacklog(reader: Reader, backlog: Backlog): Promise<Usage> {
  await slotFree(backlog.url, slotOf(backlog, reader))
  switch (reader) {
    case 'stream':
      return readStream(backlog)
    case 'raw':
      return readRaw(backlog)
    case 'pg-logical-replication':
      return readWithPeer(backlog)
    case 'lockstep':
      return readWithLockstep(backlog)
  }
}

/** The letter of pgoutput's messages about rows. */
function letterOf({ kind }: Backlog): number {
  return kind === 'inserts' ? 0x49 : 0x55
}

/**
 * The limit: Lockstep's own replication stream, with nothing behind it. What the walsender gives, and what
 * taking it off the socket costs.
 */
async function readStream(backlog: Backlog): Promise<Usage> {
  const letter = letterOf(backlog)
  let used: (() => Usage) | undefined
  let rows = 0
  let done: (usage: Usage) => void = () => {}
  const usage = new Promise<Usage>((resolve) => {
    done = resolve
  })
  const stream = await ReplicationStream.open({
    connection: new PostgresStreamConnection(backlog.url, 'stream of the benchmark'),
    slot: slotOf(backlog, 'stream'),
    publication: `${backlog.table}_rows`,
    from: 0,
    runtime: nodeRuntime,
    reader: {
      data(bytes, start) {
        used ??= measureUsage()
        if (bytes[start] === letter && ++rows === backlog.rows) done(used())
      },
      keepalive: () => {},
      acknowledged: () => 0,
    },
  })
  stream.resume()
  try {
    const ended = stream.ended.then((error) => {
      throw error ?? new Error('the stream ended')
    })
    return await Promise.race([usage, ended])
  } finally {
    await stream.close()
  }
}

/**
 * The control: takes the messages off the slot, through the same replication stream as Lockstep, and looks
 * at one letter of each. From the first message to the last row.
 */
async function readRaw(backlog: Backlog): Promise<Usage> {
  const connection: Record<string, string> = { replication: 'database' }
  const sql = postgres(backlog.url, { max: 1, fetch_types: false, prepare: false, connection })
  const stream = await sql
    .unsafe(
      `START_REPLICATION SLOT "${slotOf(backlog, 'raw')}" LOGICAL 0/0 ` +
        `(proto_version '1', publication_names '${backlog.table}_rows')`,
    )
    .writable()
  const usage = await new Promise<Usage>((resolve, reject) => {
    let used: (() => Usage) | undefined
    let rows = 0
    stream.on('error', reject)
    // What `.writable()` gives for START_REPLICATION can be read, too.
    const readable = stream as Duplex
    const letter = letterOf(backlog)
    readable.on('data', (bytes: Buffer) => {
      if (bytes[0] !== 0x77) return
      used ??= measureUsage()
      if (bytes[25] === letter && ++rows === backlog.rows) resolve(used())
    })
  })
  await sql.end({ timeout: 0 })
  return usage
}

/** npm pg-logical-replication with its pgoutput plugin: rows as objects, nothing made of them. */
async function readWithPeer(backlog: Backlog): Promise<Usage> {
  const service = new LogicalReplicationService(
    { connectionString: backlog.url },
    { acknowledge: { auto: false, timeoutSeconds: 0 } },
  )
  const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: [`${backlog.table}_rows`] })
  const usage = await new Promise<Usage>((resolve, reject) => {
    let used: (() => Usage) | undefined
    let rows = 0
    const tag = backlog.kind === 'inserts' ? 'insert' : 'update'
    service.on('error', reject)
    service.on('data', (_lsn: string, message: { readonly tag: string }) => {
      used ??= measureUsage()
      if (message.tag === tag && ++rows === backlog.rows) resolve(used())
    })
    service.subscribe(plugin, slotOf(backlog, 'pg-logical-replication')).catch(reject)
  })
  await service.destroy()
  return usage
}

/** From the slot to encoded and framed messages in the log: source, routing, bus and log as shipped. */
async function readWithLockstep(backlog: Backlog): Promise<Usage> {
  const sync = compileSync(definitionOf(backlog.table))
  const limits = { ...defaultLimits, retentionMs }
  const bus = new EmbeddedBus()
  const log = new MemoryLog({ viewCount: sync.viewCount, runtime: nodeRuntime, limits })
  bus.subscribe((entry) => log.append(entry))
  const router = new Router({ sync, bus, limits, logger: silentLogger })
  const source = postgresSource({
    url: backlog.url,
    collections: sync.collections,
    fingerprint: sync.fingerprint,
    slot: slotOf(backlog, 'lockstep'),
    retentionMs,
  })
  try {
    return await new Promise<Usage>((resolve, reject) => {
      let used: (() => Usage) | undefined
      let rows = 0
      const sink: SourceSink = {
        begin(xid, lsn, at) {
          used ??= measureUsage()
          router.begin(xid, lsn, at)
        },
        change(collection, before, after, event) {
          rows++
          router.change(collection, before, after, event)
        },
        commit() {
          router.commit()
          if (rows < backlog.rows || used === undefined) return
          const usage = used()
          // Every row is in the log: the entries are as long as what was inserted, and none was a reset.
          if (log.status().bytes < backlog.rows * 50) reject(new Error('rows are missing in the log'))
          resolve(usage)
        },
        untold: (collection) => router.untold(collection),
        truncate: (collection) => router.truncate(collection),
        message: (content) => router.message(content),
        progress: (lsn) => router.progress(lsn),
        epoch: (epoch, lsn) => router.epoch(epoch, lsn),
      }
      source.start(sink).catch(reject)
    })
  } finally {
    await source.close()
  }
}
