import { type CutProxy, createDatabase, cutProxy, eventually } from '@lockstep/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { SourceHarness } from './harness.ts'

let harness: SourceHarness
let proxy: CutProxy

beforeEach(async () => {
  harness = await SourceHarness.open(await createDatabase())
})

afterEach(async () => {
  await harness.close()
  await proxy.close()
})

it('a barrier whose mark went with the slot ends, also where the new stream fails at first', async () => {
  const { sql, database } = harness
  const target = new URL(database.url)
  proxy = await cutProxy({ targetPort: Number(target.port), targetHost: target.hostname })
  target.host = `127.0.0.1:${proxy.port}`
  const { source, sink } = await harness.start({ url: target.href })
  const epoch = sink.epoch.bind(sink)
  let refusals = 0
  sink.epoch = (name, lsn) => {
    epoch(name, lsn)
    refusals++
    proxy.refuse(true) // the stream of the new slot cannot be opened
    setTimeout(() => proxy.refuse(false), 300)
  }
  await eventually(async () => {
    await sql`SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = ${database.name}`
    await sql`SELECT pg_drop_replication_slot(${database.name})`
  })
  const lsn = await source.barrier()
  expect(refusals).toBe(1)
  expect(lsn).toBeGreaterThanOrEqual(sink.epochs[1]?.lsn ?? Number.POSITIVE_INFINITY)
}, 15_000)
