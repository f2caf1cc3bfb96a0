import type { Position } from '@lockstep/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { payloadOf } from '../log/frame.ts'
import { applyChanges, type ModelRows, modelChannels, modelSync } from '../routing/model.setup.ts'
import { VirtualRuntime } from '../runtime/virtual.ts'
import { type ModelStep, modelStep, PostgresModel, rowsOfText } from './postgres-model.setup.ts'
import type { SnapshotPart, SnapshotRead } from './snapshot.ts'
import { type CachedSnapshot, SnapshotStore } from './store.ts'

const ample = { retentionMs: 1e9, logBytesMax: 1e9, logTotalBytesMax: 1e9 }
const tight = { retentionMs: 100, logBytesMax: 2_000, logTotalBytesMax: 4_000 }
const member = modelSync.viewOf('member') ?? -1
const channel = 'project/1'

function start(options: { limits?: typeof ample; snapshotBytesMax?: number } = {}) {
  const { limits = ample, snapshotBytesMax = 1e9 } = options
  const postgres = new PostgresModel(1000, limits)
  const runtime = new VirtualRuntime()
  const hooks = {
    /** Runs in the middle of a read. */
    read: async (parts: readonly SnapshotPart[]): Promise<SnapshotRead> => postgres.read(parts),
    barrier: async (): Promise<number> => postgres.barrier(),
  }
  const store = new SnapshotStore({
    sync: modelSync,
    log: postgres.log,
    reader: { read: (parts) => hooks.read(parts) },
    barrier: () => hooks.barrier(),
    runtime,
    limits: { snapshotBytesMax, retentionMs: 60_000 },
  })
  return { postgres, runtime, hooks, store }
}

/** Creates an item, or writes over it, in its own transaction. */
function put(postgres: PostgresModel, key: number, text: number): void {
  postgres.take({ kind: 'begin', backend: 3 })
  postgres.take({
    kind: 'write',
    backend: 3,
    write: { kind: 'put', collection: 0, key, texts: [null, text, null, null, 1, 1] },
  })
  postgres.take({ kind: 'finish', backend: 3 })
}

/** What a client has that takes the snapshot and then the log. */
function caughtUp(postgres: PostgresModel, snapshot: CachedSnapshot, view: number): ModelRows {
  const rows = rowsOfText(JSON.stringify(JSON.parse(snapshot.json).collections))
  const range = postgres.log.read(snapshot.channel, view, snapshot.position)
  if ('reset' in range) throw new Error(range.reset)
  for (const { frame } of range.entries) {
    if (frame === undefined) throw new Error('no frame')
    applyChanges(rows, JSON.stringify(JSON.parse(payloadOf(frame)).changes))
  }
  return rows
}

/** Lets promises and virtual timers run until `promise` is settled. */
async function drive<T>(runtime: VirtualRuntime, promise: Promise<T>): Promise<T> {
  let settled = false
  const watched = promise.finally(() => {
    settled = true
  })
  watched.catch(() => undefined)
  for (let i = 0; i < 1000 && !settled; i++) {
    for (let j = 0; j < 20; j++) await Promise.resolve()
    if (!settled) runtime.advance(50)
  }
  return watched
}

describe('the snapshot store', () => {
  it('reads once for everyone who asks at the same time, and for those who come later', async () => {
    const { store, postgres } = start()
    put(postgres, 0, 1)
    const snapshots = await Promise.all(Array.from({ length: 1000 }, () => store.get(channel, member)))
    expect(new Set(snapshots).size).toBe(1)
    put(postgres, 1, 2)
    const later = await store.get(channel, member)
    expect(later).toBe(snapshots[0])
    expect(store.status()).toMatchObject({ queries: 1, cached: 1 })
    expect(caughtUp(postgres, later, member)).toEqual(
      postgres.replay(postgres.log.position.lsn, channel, member),
    )
  })

  it('encodes the snapshot as the protocol says', async () => {
    const { store, postgres } = start()
    put(postgres, 0, 1)
    const { frame, json, position } = await store.get('project/1', member)
    expect(payloadOf(frame)).toBe(json)
    expect(position).toEqual({ epoch: 'e', lsn: 1008 })
    const { collections, ...head } = JSON.parse(json)
    expect(head).toEqual({ type: 'snapshot', channel: 'project/1', position: 'e.3f0', view: member })
    expect(collections).toEqual({
      items: {
        columns: ['id', 'title', 'assignee_id', 'notes'],
        key: [0],
        rows: [['7', '1', null, null]],
      },
      links: { columns: ['id', 'kind', 'title'], key: [0, 1], rows: [] },
      secrets: { columns: ['id', 'title'], key: [0], rows: [] },
    })
  })

  it('G1: snapshot and log together are the rows of the channel, whatever was going on', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(ample, tight),
        fc.array(
          fc.record({
            steps: fc.array(modelStep, { maxLength: 25, size: 'max' }),
            during: fc.array(modelStep, { maxLength: 10, size: 'max' }),
            channel: fc.constantFrom(...modelChannels),
            view: fc.nat(modelSync.viewCount - 1),
            fresh: fc.boolean(),
          }),
          { minLength: 1, maxLength: 8 },
        ),
        async (limits, rounds) => {
          const { store, postgres, hooks, runtime } = start({ limits })
          for (const { steps, during, channel, view, fresh } of rounds) {
            for (const step of steps) postgres.take(step)
            let left: ModelStep[] = during
            let reads = 0
            hooks.read = async (parts) => {
              // What is flushed becomes visible at last.
              if (reads++ > 0)
                for (let backend = 0; backend < 4; backend++) postgres.take({ kind: 'finish', backend })
              return postgres.read(parts)
            }
            hooks.barrier = async () => {
              for (const step of left) postgres.take(step)
              left = []
              return postgres.barrier()
            }
            const snapshot = await drive(runtime, store.get(channel, view, { fresh }))
            const end = postgres.log.position.lsn
            expect(caughtUp(postgres, snapshot, view)).toEqual(postgres.replay(end, channel, view))
            if (fresh) expect(postgres.log.last(channel, view)).toBeLessThanOrEqual(snapshot.position.lsn)
          }
        },
      ),
      { numRuns: 150 },
    )
  })

  it('is brought up to date from the log, without a query, when much has happened', async () => {
    const { store, postgres } = start()
    put(postgres, 0, 1)
    const first = await store.get(channel, member)
    for (let i = 0; i < 200; i++) put(postgres, i % 3, i % 5)
    const second = await store.get(channel, member)
    expect(second.position.lsn).toBe(postgres.log.position.lsn)
    expect(second.position.lsn).toBeGreaterThan(first.position.lsn)
    expect(caughtUp(postgres, second, member)).toEqual(postgres.replay(second.position.lsn, channel, member))
    expect(store.status().queries).toBe(1)
  })

  it('is brought up to date by one entry when it must be fresh', async () => {
    const { store, postgres } = start()
    put(postgres, 0, 1)
    const first = await store.get(channel, member)
    expect(await store.get(channel, member, { fresh: true })).toBe(first)
    put(postgres, 1, 2)
    const fresh = await store.get(channel, member, { fresh: true })
    expect(fresh.position.lsn).toBe(postgres.log.position.lsn)
    expect(JSON.parse(fresh.json).collections.items.rows).toHaveLength(2)
    expect(store.status().queries).toBe(1)
  })

  it('reads anew where the log no longer reaches back, or a reset lies between', async () => {
    const { store, postgres } = start({ limits: tight })
    put(postgres, 0, 1)
    await store.get(channel, member)
    for (let i = 0; i < 20; i++) put(postgres, i % 3, i)
    const { position } = await store.get(channel, member)
    expect(store.status().queries).toBe(2)
    postgres.log.append({ kind: 'reset', lsn: position.lsn + 1, reason: 'truncated' })
    const third = await store.get(channel, member)
    expect(third.position.lsn).toBeGreaterThan(position.lsn)
    expect(store.status().queries).toBe(3)
    postgres.log.append({ kind: 'epoch', epoch: 'f', lsn: 5000 })
    const range = (p: Position) => postgres.log.read(channel, member, p)
    expect(range(third.position)).toEqual({ reset: 'epoch' })
  })

  it('tries again where a transaction cannot be told, and gives up with unavailable', async () => {
    const { store, postgres, hooks, runtime } = start()
    put(postgres, 0, 1)
    let reads = 0
    hooks.read = async (parts) => {
      const read = postgres.read(parts)
      reads++
      // A transaction that it does not see resets the channel before the barrier.
      if (reads < 4)
        postgres.log.append({
          kind: 'reset',
          lsn: postgres.log.position.lsn + 1,
          reason: 'truncated',
          xid: 1,
        })
      return read
    }
    hooks.barrier = async () => postgres.log.position.lsn
    await drive(runtime, store.get(channel, member))
    expect(store.status().queries).toBe(4)
    reads = -100
    const failure = drive(runtime, store.get('project/2', member))
    await expect(failure).rejects.toMatchObject({ code: 'unavailable', retryable: true })
  })

  it('tells all who wait when the database fails, and asks it anew for the next', async () => {
    const { store, postgres, hooks } = start()
    put(postgres, 0, 1)
    const { read } = hooks
    hooks.read = () => Promise.reject(new Error('gone'))
    const results = await Promise.allSettled([store.get(channel, member), store.get(channel, member)])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    hooks.read = read
    expect((await store.get(channel, member)).channel).toBe(channel)
    expect(store.status().queries).toBe(2)
  })

  it('waits for the log to pass the barrier, but not for ever', async () => {
    const { store, postgres, hooks, runtime } = start()
    let lsn = 0
    hooks.barrier = async () => {
      lsn = postgres.log.position.lsn + 100
      return lsn
    }
    const waiting = store.get(channel, member)
    for (let i = 0; i < 20; i++) await Promise.resolve()
    postgres.log.append({ kind: 'progress', lsn: lsn - 1 })
    postgres.log.append({ kind: 'progress', lsn: lsn + 7 })
    expect((await waiting).position.lsn).toBe(lsn)
    const late = drive(runtime, store.get('project/2', member))
    await expect(late).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('G12: lets go of the snapshots that were used longest ago when they are too many bytes', async () => {
    const { store, runtime } = start({ snapshotBytesMax: 1_000 })
    for (let i = 0; i < 20; i++) {
      await store.get(`project/${i}`, member)
      expect(store.status().bytes).toBeLessThanOrEqual(1_000)
    }
    const { queries, cached } = store.status()
    expect(queries).toBe(20)
    expect(cached).toBeGreaterThan(1)
    await store.get('project/19', member)
    expect(store.status().queries).toBe(20)
    await store.get('project/0', member)
    expect(store.status().queries).toBe(21)
    runtime.advance(60_001)
    await store.get('project/0', member)
    expect(store.status()).toMatchObject({ queries: 21, cached: 1 })
  })

  it('gives a channel without collections without asking the database', async () => {
    const { store } = start()
    expect(JSON.parse((await store.get('elsewhere/1', member)).json).collections).toEqual({})
    expect(store.status().queries).toBe(0)
  })
})
