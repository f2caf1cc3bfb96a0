import { expect, it } from 'vitest'
import type { Bus, BusEntry } from './bus.ts'
import { BusFeed } from './feed.ts'

/** A bus whose promises the test settles, and a clock that it moves. */
function start(bytesMax = 1e6) {
  const appended: { lsn: number; take(): void; refuse(): void }[] = []
  const timers: { ms: number; run(): void }[] = []
  const warnings: string[] = []
  const bus: Bus = {
    append: (entry) =>
      new Promise((resolve, reject) => {
        appended.push({ lsn: lsnOf(entry), take: resolve, refuse: () => reject(new Error('away')) })
      }),
    subscribe: () => {},
    close: () => Promise.resolve(),
  }
  const feed = new BusFeed({
    bus,
    bytesMax,
    logger: { warn: (message) => warnings.push(message) },
    runtime: {
      timer: (ms, run) => {
        const timer = { ms, run }
        timers.push(timer)
        return { cancel: () => void timers.splice(timers.indexOf(timer), 1) }
      },
    },
  })
  const taken: number[] = []
  const give = (lsn: number): void => void feed.append({ kind: 'progress', lsn })?.then(() => taken.push(lsn))
  const turn = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await Promise.resolve()
  }
  return { feed, give, appended, taken, timers, warnings, turn }
}

const lsnOf = (entry: BusEntry): number => (entry.kind === 'transaction' ? entry.transaction.lsn : entry.lsn)

it('G2: hands an entry that was refused to the bus again, and none before it', async () => {
  const { give, appended, taken, timers, warnings, turn } = start()
  for (const lsn of [1, 2, 3]) give(lsn)
  appended[0]?.refuse()
  await turn()
  expect(taken).toEqual([])
  expect(warnings).toHaveLength(1)
  timers.shift()?.run()
  await turn()
  appended[1]?.refuse()
  await turn()
  expect(timers[0]?.ms).toBe(40)
  timers.shift()?.run()
  await turn()
  for (const i of [2, 3, 4]) {
    appended[i]?.take()
    await turn()
  }
  expect(appended.map(({ lsn }) => lsn)).toEqual([1, 1, 1, 2, 3])
  expect(taken).toEqual([1, 2, 3])
})

it('G12: says that it is full, and when there is room again', async () => {
  const { feed, give, appended, turn } = start(250)
  for (const lsn of [1, 2]) give(lsn)
  expect(feed.full).toBe(false)
  give(3)
  expect(feed.full).toBe(true)
  let room = false
  void feed.whenRoom().then(() => {
    room = true
  })
  await turn()
  expect(room).toBe(false)
  appended[0]?.take()
  await turn()
  expect(feed.full).toBe(false)
  expect(room).toBe(true)
})

it('takes at once what a bus takes that is a function call', () => {
  const entries: BusEntry[] = []
  const feed = new BusFeed({
    bus: { append: (entry) => void entries.push(entry), subscribe: () => {}, close: () => Promise.resolve() },
    bytesMax: 0,
    logger: { warn: () => {} },
    runtime: { timer: () => ({ cancel: () => {} }) },
  })
  expect(feed.append({ kind: 'progress', lsn: 1 })).toBeUndefined()
  expect(entries).toHaveLength(1)
  expect(feed.full).toBe(false)
})

it('hands nothing more to a bus after it was closed', async () => {
  const { feed, give, appended, timers, turn } = start()
  give(1)
  give(2)
  appended[0]?.refuse()
  await turn()
  expect(timers).toHaveLength(1)
  feed.close()
  expect(timers).toHaveLength(0)
  await turn()
  expect(appended).toHaveLength(1)
})
