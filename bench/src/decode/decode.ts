import { createSyncServer, silentLogger } from '@lockstep/server'
import { startEmbeddedPostgres } from '@lockstep/server/embedded'
import { type Bench, type BenchOptions, type Row, row } from '../bench.ts'
import { Child } from '../process/child.ts'
import { totalUs, type Usage } from '../process/cpu.ts'
import { within } from '../process/deadline.ts'
import { medianOf, pairedRatio } from '../report/statistics.ts'
import {
  type Backlog,
  createSlots,
  createTable,
  definitionOf,
  fillTable,
  type Reader,
  slotOf,
  writeBacklog,
} from './backlog.ts'
import type { ReaderMethods } from './reader-process.ts'
import { retentionMs } from './readers.ts'

const readers: readonly Reader[] = ['stream', 'raw', 'lockstep', 'pg-logical-replication']
const roundMsMax = 60_000

/** Rows per second from the slot to encoded messages in the log, and CPU per row. */
export const decode: Bench = {
  name: 'decode',
  timeoutMs: 600_000,
  async run(options) {
    const rows = options.quick ? 20_000 : 200_000
    const cluster = await startEmbeddedPostgres({ settings: { max_wal_size: '4GB' } })
    try {
      const result: Row[] = []
      for (const kind of ['inserts', 'updates'] as const) {
        for (const transactions of [1, rows / 10]) {
          const table = `${kind}_${transactions}`
          const backlog: Backlog = { url: cluster.url, table, rows, transactions, kind }
          options.log(`writing ${rows} ${kind} in ${transactions} transactions`)
          await prepare(backlog)
          result.push(...(await compare(backlog, options)))
        }
      }
      return result
    } finally {
      await cluster.stop()
    }
  },
}

async function prepare(backlog: Backlog): Promise<void> {
  await createTable(backlog.url, backlog.table)
  await fillTable(backlog)
  await createSlots(backlog)
  const server = await createSyncServer({
    sync: definitionOf(backlog.table),
    database: backlog.url,
    authenticate: () => null,
    setup: 'apply',
    slot: slotOf(backlog, 'lockstep'),
    limits: { retentionMs },
    logger: silentLogger,
  })
  await server.close()
  await writeBacklog(backlog)
}

async function compare(backlog: Backlog, options: BenchOptions): Promise<Row[]> {
  const processes = readers.map((reader) => ({
    reader,
    child: new Child<ReaderMethods>('./reader-process.js', import.meta.url, { core: 'server' }),
    usages: [] as Usage[], // starts empty
  }))
  try {
    const rounds = options.quick ? 1 : 5
    for (let round = -1; round < rounds; round++) {
      if (round >= 0)
        options.log(
          `${backlog.kind} in ${backlog.transactions} transactions: round ${round + 1} of ${rounds}`,
        )
      for (const { reader, child, usages } of processes) {
        const usage = await within(child.call('read', { reader, backlog }), roundMsMax, `${reader} reading`)
        if (round >= 0) usages.push(usage)
      }
    }
  } finally {
    await Promise.all(processes.map(({ child }) => child.stop()))
  }
  const of = (reader: Reader): Usage[] => processes.find((p) => p.reader === reader)?.usages ?? []
  const commits = backlog.transactions === 1 ? 'one transaction' : `${backlog.transactions} transactions`
  const rowsPerSecond = (usage: Usage): number => (backlog.rows * 1e6) / usage.wallUs
  const cpuPerRow = (usage: Usage): number => totalUs(usage) / backlog.rows
  return [
    compareBy('rows/s', rowsPerSecond, 'raw', (ratio) => ratio >= 0.9, '>= 0.9 x control'),
    compareBy(
      'us CPU per row',
      cpuPerRow,
      'pg-logical-replication',
      (ratio) => ratio <= 0.6,
      '<= 0.6 x pg-logical-replication',
    ),
  ]

  function compareBy(
    unit: string,
    pick: (usage: Usage) => number,
    against: Reader,
    reached: (ratio: number) => boolean,
    target: string,
  ): Row {
    const ratio = pairedRatio(of('lockstep').map(pick), of(against).map(pick))
    return row({
      metric: `${backlog.rows} ${backlog.kind} in ${commits}`,
      unit,
      lockstep: medianOf(of('lockstep'), pick),
      control: medianOf(of('raw'), pick),
      limit: medianOf(of('stream'), pick),
      peers: { 'pg-logical-replication': medianOf(of('pg-logical-replication'), pick) },
      ratio,
      target,
      met: ratio === null ? null : reached(ratio),
    })
  }
}
