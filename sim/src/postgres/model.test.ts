import { compileSync, RecordingSink } from '@lockstep/server/stages'
import { expect, it } from 'vitest'
import { bank } from '../bank/bank.ts'
import { bankTables } from './bank-tables.ts'
import { PostgresModel } from './model.ts'
import { StepClock } from './step-clock.ts'

const sync = compileSync(bank(() => 'member'))

async function world(seed: number) {
  const clock = new StepClock(seed)
  const model = new PostgresModel({ clock, seed, tables: bankTables })
  const sink = new RecordingSink()
  const lines: string[] = []
  const keep = (line: string): void => void lines.push(line)
  const start = () =>
    model.source({
      node: 'a',
      runtime: clock,
      sync,
      logger: { debug: keep, info: keep, warn: keep, error: keep },
    })
  const source = start()
  await clock.until(source.start(sink))
  return { clock, model, sink, source, start, lines }
}

it('streams what is committed', async () => {
  const { clock, model, sink, source } = await world(1)
  await clock.until(
    model.transaction(async (tx) => {
      await tx.insert('rooms', { id: 'a', version: 1 })
      await tx.emit('{"session":"s"}')
      await tx.update('rooms', 'a', { version: 2 })
    }),
  )
  await clock.until(source.barrier())
  expect(sink.events).toEqual([
    { kind: 'create', of: 'rooms', after: ['"a"', '1'] },
    { kind: 'message', of: '{"session":"s"}' },
    { kind: 'update', of: 'rooms', before: ['"a"', '1'], after: ['"a"', '2'] },
  ])
  await clock.until(source.close())
})

it('loses nothing and doubles nothing over cuts, crashes and restarts', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { clock, model, sink, source, lines } = await world(seed)
    const committed: number[] = []
    model.onCommit(({ lsn }) => committed.push(lsn))
    let n = 0
    for (let i = 0; i < 60; i++) {
      model
        .transaction(async (tx) => {
          await tx.insert('rooms', { id: `r${n++}`, version: 1 })
        })
        .catch(() => {})
      if (i % 13 === 5) model.cut('a')
      if (i % 29 === 7) model.crash(50)
      await clock.advance(i % 3)
      if (i % 29 === 7) await clock.advance(60)
    }
    await clock.advance(1_000)
    await clock.until(source.barrier())
    expect(sink.transactions.map(({ lsn }) => lsn)).toEqual(committed)
    expect(sink.epochs, lines.join('\n')).toHaveLength(1)
    await clock.until(source.close())
  }
})

it.each(['files', 'backup', 'standby'] as const)(
  'G11: begins a new epoch when Postgres goes back in time (%s)',
  async (how) => {
    for (let seed = 1; seed <= 10; seed++) {
      const { clock, model, sink, source, lines } = await world(seed)
      const insert = (id: string) =>
        clock.until(model.transaction((tx) => tx.insert('rooms', { id, version: 1 })))
      await insert('before')
      const restore = model.backup()
      for (let i = 0; i < 10; i++) await insert(`lost ${i}`)
      await clock.until(source.barrier())
      restore(how)
      await clock.advance(100)
      await insert('after')
      await clock.advance(10_000)
      expect(sink.epochs, lines.join('\n')).toHaveLength(2)
      await insert('later')
      await clock.until(source.barrier())
      expect(sink.events.at(-1)).toMatchObject({ after: ['"later"', '1'] })
      await clock.until(source.close())
    }
  },
)
