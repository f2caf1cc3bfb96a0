import type { Logger, Source } from '@lockstep/server/stages'
import { nodeRuntime, postgresSource, RecordingSink } from '@lockstep/server/stages'
import { eventually, startPostgres, type TestPostgres } from '@lockstep/testing'
import postgres, { type Sql } from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tables, tablesSql } from './agreement/operation.ts'
import { sync } from './agreement/side.ts'
import { PostgresModel } from './model.ts'
import { StepClock } from './step-clock.ts'

/** What the product sees and says of a slot whose WAL is removed. */
interface Seen {
  /** Why a new log begins, for each but the first. */
  readonly why: readonly string[]
  readonly epochs: number
  /** Keys of the rows that were told. */
  readonly told: readonly string[]
}

/** A database that keeps WAL within a bound, and a reader of its slot, which keeps all that it was given. */
interface Scene {
  insert(id: number): Promise<void>
  /** Far more WAL than is kept, and a checkpoint. */
  flood(): Promise<void>
  open(sink: RecordingSink, logger: Logger): Promise<Source>
  /** Waits for what a reader does. */
  settle<T>(promise: Promise<T>): Promise<T>
  /** Resolves when the condition holds. */
  until(condition: () => boolean): Promise<void>
}

const silent = (): void => {}

/** Row 1 is told, row 2 is written before the slot is lost and row 3 after the next log has begun. */
async function play(scene: Scene, where: 'away' | 'there'): Promise<Seen> {
  const sink = new RecordingSink()
  const lines: string[] = []
  const keep = (line: string): void => void lines.push(line)
  const logger: Logger = { debug: silent, info: keep, warn: keep, error: silent }
  const first = await scene.open(sink, logger)
  await scene.insert(1)
  await scene.settle(first.barrier())
  if (where === 'away') {
    await scene.settle(first.close())
    await scene.insert(2)
  }
  await scene.flood()
  const second = where === 'away' ? await scene.open(sink, logger) : first
  await scene.until(() => sink.epochs.length > 1)
  await scene.settle(second.barrier())
  await scene.insert(3)
  await scene.settle(second.barrier())
  await scene.settle(second.close())
  const why = lines.flatMap((line) => /^A new log begins \(epoch [^)]*\): (.*)\. All/.exec(line)?.[1] ?? [])
  return {
    why: why.slice(1),
    epochs: new Set(sink.epochs.map(({ epoch }) => epoch)).size,
    told: sink.events.flatMap(({ kind, after }) => (kind === 'create' ? [after?.[0] ?? ''] : [])),
  }
}

async function modelled(): Promise<Scene> {
  const clock = new StepClock(1)
  const model = new PostgresModel({ clock, seed: 1, tables, walKeepBytesMax: 50_000 })
  return {
    insert: (id) => clock.until(model.transaction((tx) => tx.insert('items', { id, room: 'a', n: 0 }))),
    flood: async () => model.writeElsewhere(200_000),
    async open(sink, logger) {
      const source = model.source({ node: 'a', runtime: clock, sync, logger, retentionMs: 1e9 })
      await clock.until(source.start(sink))
      return source
    },
    settle: (promise) => clock.until(promise),
    until: async (condition) => {
      for (let i = 0; i < 600 && !condition(); i++) await clock.advance(100)
      expect(condition()).toBe(true)
    },
  }
}

describe('a slot whose WAL is removed', () => {
  let cluster: TestPostgres
  let sql: Sql

  beforeAll(async () => {
    cluster = await startPostgres({ max_slot_wal_keep_size: '16MB', min_wal_size: '32MB' })
    sql = postgres(cluster.url, { max: 1, onnotice: () => {} })
    await sql.unsafe(tablesSql)
  })

  afterAll(async () => {
    await sql.end({ timeout: 1 })
    await cluster.stop()
  })

  function real(slot: string): Scene {
    return {
      insert: async (id) => void (await sql`INSERT INTO items (id, room, n) VALUES (${id}, 'a', 0)`),
      async flood() {
        await eventually(
          async () => {
            // A segment of WAL each time, of which nearly nothing is used.
            await sql`SELECT pg_logical_emit_message(false, 'elsewhere', 'x')`
            await sql`SELECT pg_switch_wal()`
            await sql`CHECKPOINT`
            const rows = await sql`
              SELECT FROM pg_replication_slots WHERE slot_name = ${slot} AND wal_status <> 'lost'`
            return rows.length === 0
          },
          { timeoutMs: 30_000 },
        )
      },
      async open(sink, logger) {
        const { collections, fingerprint } = sync
        const source = postgresSource({
          url: cluster.url,
          collections,
          fingerprint,
          slot,
          logger,
          runtime: nodeRuntime,
          retentionMs: 1e9,
        })
        await source.start(sink)
        return source
      },
      settle: (promise) => promise,
      until: (condition) => eventually(condition, { timeoutMs: 30_000 }).then(silent),
    }
  }

  it.each(['away', 'there'] as const)(
    'G11: begins a new log in the model as over a real one, with its reader %s',
    async (where) => {
      await sql`TRUNCATE items`
      const seen = await play(real(`lost_${where}`), where)
      expect(seen).toEqual({
        why: ['the replication slot was invalidated (wal_removed)'],
        epochs: 2,
        told: ['1', '3'],
      })
      expect(await play(await modelled(), where)).toEqual(seen)
    },
    90_000,
  )
})
