import { compileSync, RecordingSink } from '@lockstep/server/stages'
import { expect, it } from 'vitest'
import { bank } from '../bank/bank.ts'
import { tables } from './agreement/operation.ts'
import { sync as roomSync, Side } from './agreement/side.ts'
import { bankTables } from './bank-tables.ts'
import { PostgresModel, type PostgresModelOptions } from './model.ts'
import { StepClock } from './step-clock.ts'
import { usualTiming } from './timing.ts'

const sync = compileSync(bank(() => 'member'))

async function world(seed: number, options: Partial<PostgresModelOptions> = {}) {
  const clock = new StepClock(seed)
  const model = new PostgresModel({ clock, seed, tables: bankTables, ...options })
  const sink = new RecordingSink()
  const lines: string[] = []
  const keep = (line: string): void => void lines.push(line)
  const start = (node = 'a', busyMs?: number) =>
    model.source({
      node,
      runtime: clock,
      sync,
      ...(busyMs === undefined ? {} : { busyMs }),
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

it('keeps WAL for a reader that is away, up to its bound', async () => {
  for (const [walKeepBytesMax, epochs] of [
    [1e9, 1],
    [20_000, 2],
  ] as const) {
    const { clock, model, sink, source, start, lines } = await world(1, { walKeepBytesMax })
    source.kill()
    for (let i = 0; i < 200; i++)
      await clock.until(model.transaction((tx) => tx.insert('rooms', { id: `r${i}`, version: 1 })))
    const next = start()
    await clock.until(next.start(sink))
    expect(new Set(sink.epochs.map(({ epoch }) => epoch)).size, lines.join('\n')).toBe(epochs)
    expect(sink.transactions).toHaveLength(epochs === 1 ? 200 : 0)
    await clock.until(next.close())
  }
})

it('has one reader of the slot at a time', async () => {
  const { clock, sink, source, start } = await world(1)
  const second = start('b', 400)
  await expect(clock.until(second.start(new RecordingSink()))).rejects.toThrow(/in use by another process/)
  // A process that was killed lets go when Postgres notices.
  const third = start('c')
  const started = third.start(sink)
  source.kill()
  await clock.until(started)
  await clock.until(third.close())
})

it('wakes a commit to its reader though the walsender missed it', async () => {
  const { clock, model, sink, source } = await world(1, { missedWake: 1 })
  await clock.until(model.transaction((tx) => tx.insert('rooms', { id: 'a', version: 1 })))
  await clock.advance(400)
  expect(sink.transactions).toHaveLength(1)
  await clock.until(source.close())
})

it('notices a reader that is cut off without a word, and the reader notices too', async () => {
  const { clock, model, sink, source, lines } = await world(1)
  model.silence('a', 200_000)
  await clock.until(model.transaction((tx) => tx.insert('rooms', { id: 'a', version: 1 })))
  await clock.advance(100_000)
  expect(lines.join('\n')).toMatch(/silent for a minute/)
  await clock.advance(120_000)
  await clock.until(source.barrier())
  expect(sink.transactions).toHaveLength(1)
  await clock.until(source.close())
})

it('G11: begins a new epoch when the slot is lost', async () => {
  const { clock, model, sink, source } = await world(1)
  model.loseSlot()
  await clock.advance(1_000)
  await clock.until(model.transaction((tx) => tx.insert('rooms', { id: 'a', version: 1 })))
  await clock.until(source.barrier())
  expect(sink.epochs).toHaveLength(2)
  expect(sink.transactions).toHaveLength(1)
  await clock.until(source.close())
})

it('G1: a commit that waits for a standby longer than the retention is in the snapshots of a restarted server', async () => {
  const seed = 1
  const clock = new StepClock(seed)
  const timing = { ...usualTiming, visible: 'by hand' } as const
  const model = new PostgresModel({ clock, seed, tables, timing })
  const live = () => {
    const runtime = clock.process()
    const source = model.source({ node: 'a', runtime, sync: roomSync, retentionMs: 5_000, pollMs: 1_000 })
    return { side: new Side(source, model.reader({ node: 'a' }), runtime), kill: () => source.kill() }
  }
  const first = live()
  await clock.until(first.side.start())
  const waiting = model.open()
  await clock.until(waiting.insert('items', { id: 1, room: 'a' }))
  const committed = waiting.commit()
  for (let i = 0; i < 20; i++) {
    await clock.advance(1_000)
    await clock.until(model.mark('time passes'))
  }
  first.kill()
  const second = live()
  await clock.until(second.side.start())
  const snapshot = await clock.until(second.side.snapshot('a'))
  expect(snapshot === 'unavailable' ? snapshot : [...snapshot.rows.keys()]).toEqual(['items/1'])
  // Once it is visible, the slot moves on.
  waiting.show()
  await clock.until(committed)
  for (let i = 0; i < 20; i++) {
    await clock.advance(1_000)
    await clock.until(model.mark('time passes'))
  }
  second.kill()
  const third = live()
  await clock.until(third.side.start())
  expect(third.side.transactions).toEqual([])
  expect(await clock.until(third.side.snapshot('a'))).toMatchObject({
    rows: snapshot === 'unavailable' ? {} : snapshot.rows,
  })
  await clock.until(third.side.source.close())
})
