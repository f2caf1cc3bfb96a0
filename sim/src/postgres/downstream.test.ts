import { compileSync, RecordingSink } from '@lockstep/server/stages'
import { expect, it } from 'vitest'
import { bank } from '../bank/bank.ts'
import { bankTables } from './bank-tables.ts'
import { PostgresModel } from './model.ts'
import { StepClock } from './step-clock.ts'

async function world() {
  const clock = new StepClock(1)
  const model = new PostgresModel({ clock, seed: 1, tables: bankTables })
  const sink = new RecordingSink()
  const source = model.source({
    node: 'a',
    runtime: clock,
    sync: compileSync(bank(() => 'member')),
    retentionMs: 1_000,
  })
  let makeRoom = (): void => {}
  const downstream = {
    takenLsn: Number.MAX_SAFE_INTEGER,
    full: false,
    whenRoom: () =>
      new Promise<void>((resolve) => {
        makeRoom = resolve
      }),
  }
  await clock.until(source.start(sink, downstream))
  let n = 0
  const commit = () =>
    clock.until(model.transaction((tx) => tx.insert('rooms', { id: `r${n++}`, version: 1 })))
  const confirmed = (): number => model.slots.get('lockstep')?.confirmed ?? 0
  return { clock, sink, source, downstream, makeRoom: () => makeRoom(), commit, confirmed }
}

it('G2: acknowledges nothing that the bus has not taken, however long that takes', async () => {
  const { clock, sink, source, downstream, commit, confirmed } = await world()
  await commit()
  await clock.until(source.barrier())
  downstream.takenLsn = sink.transactions[0]?.lsn ?? 0
  for (let i = 0; i < 5; i++) await commit()
  await clock.advance(60_000)
  expect(sink.transactions).toHaveLength(6)
  expect(confirmed()).toBeLessThanOrEqual(sink.transactions[1]?.lsn ?? 0)
  downstream.takenLsn = sink.transactions[5]?.lsn ?? 0
  await clock.advance(60_000)
  expect(confirmed()).toBeGreaterThan(sink.transactions[4]?.lsn ?? 0)
  await clock.until(source.close())
})

it('G12: reads no more while there is nowhere to put it, and all of it afterwards', async () => {
  const { clock, sink, source, downstream, makeRoom, commit } = await world()
  downstream.full = true
  for (let i = 0; i < 20; i++) await commit()
  await clock.advance(5_000)
  expect(sink.transactions.length).toBeLessThan(20)
  downstream.full = false
  makeRoom()
  await clock.until(source.barrier())
  expect(sink.transactions).toHaveLength(20)
  await clock.until(source.close())
})
