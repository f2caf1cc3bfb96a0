import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Operation } from './agreement/operation.ts'
import { RealPostgres } from './agreement/real-postgres.ts'
import { noCounts, runHistory, runScenario } from './agreement/run.ts'
import { scenarios } from './agreement/scenarios.ts'

/** How many histories; more where that is asked for. */
const histories = Number(process.env['LOCKSTEP_AGREEMENT_HISTORIES'] ?? 200)
const firstSeed = Number(process.env['LOCKSTEP_AGREEMENT_SEED'] ?? 1)
const crashes = Math.ceil(histories / 50)
const steps = 60

describe('the model of Postgres', () => {
  let real: RealPostgres

  beforeAll(async () => {
    real = await RealPostgres.start(3)
  })

  afterAll(() => real.stop())

  it.each(Object.entries(scenarios))('and a real one: %s', (_, scenario) => runScenario(scenario, real))

  it(
    `agrees with a real one on ${histories} histories`,
    async () => {
      const counts = noCounts()
      for (let seed = firstSeed; seed < firstSeed + histories; seed++)
        await runHistory(seed, steps, real, counts)
      if (histories > 100) console.log(JSON.stringify(counts))
      // A run in which nothing blocked, failed or was cut has shown nothing.
      if (histories >= 100)
        for (const [what, count] of Object.entries(counts)) expect(count, what).toBeGreaterThan(9)
    },
    histories * 2_000 + 30_000,
  )

  it(
    `agrees with a real one on what is there after a crash, ${crashes} times`,
    async () => {
      for (let seed = firstSeed; seed < firstSeed + crashes; seed++)
        await runHistory(seed, steps / 2, real, noCounts(), true)
    },
    crashes * 20_000 + 30_000,
  )

  it('G1: a commit that waits longer than the retention is in the snapshots of a restarted server', async () => {
    await real.clean()
    const first = await real.replaceSide(200, 20)
    const [session] = real.sessions
    if (session === undefined) throw new Error('no session')
    const operations: readonly Operation[] = [
      { kind: 'begin' },
      { kind: 'insert', table: 'items', row: { id: 1, room: 'a' } },
    ]
    for (const operation of operations) {
      session.start(operation, false)
      await real.ends(session)
    }
    session.start({ kind: 'commit' }, false)
    await real.waits(session)
    // Several times the retention, in which marks go through the stream.
    for (const end = performance.now() + 1_500; performance.now() < end; ) await first.source.barrier()
    const second = await real.replaceSide(1e9, 10_000)
    const snapshot = await second.snapshot('a')
    await real.cancel(session)
    expect(snapshot === 'unavailable' ? snapshot : [...snapshot.rows.keys()]).toEqual(['items/1'])
  })
})
