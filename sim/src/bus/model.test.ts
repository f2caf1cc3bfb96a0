import type { BusEntry } from '@lockstep/server/stages'
import { expect, it } from 'vitest'
import { StepClock } from '../postgres/step-clock.ts'
import { BusModel } from './model.ts'

const progress = (lsn: number): BusEntry => ({ kind: 'progress', lsn })
const lsnsOf = (entries: readonly BusEntry[]) =>
  entries.map((entry) => (entry.kind === 'transaction' ? entry.transaction.lsn : entry.lsn))

it('takes nothing twice, whoever appends it', async () => {
  const clock = new StepClock(1)
  const bus = new BusModel({ clock, seed: 1 })
  const seen: BusEntry[] = []
  const [leader, next] = [bus.node(), bus.node()]
  next.subscribe((entry) => seen.push(entry))
  for (const lsn of [1, 2, 3]) void leader.append(progress(lsn))
  await clock.advance(100)
  await leader.close()
  for (const lsn of [2, 3, 4]) void next.append(progress(lsn))
  await clock.advance(100)
  expect(lsnsOf(seen)).toEqual([1, 2, 3, 4])
})

it('begins anew with another epoch, and not with the same', async () => {
  const clock = new StepClock(1)
  const bus = new BusModel({ clock, seed: 1 })
  const node = bus.node()
  const seen: BusEntry[] = []
  node.subscribe((entry) => seen.push(entry))
  for (const epoch of ['a', 'a', 'b']) {
    void node.append({ kind: 'epoch', epoch, lsn: 5 })
    void node.append(progress(7))
  }
  await clock.advance(100)
  expect(lsnsOf(seen)).toEqual([5, 7, 5, 7])
})

it('when it crashes, has a prefix of what was appended, and tells of the rest', async () => {
  for (let seed = 1; seed <= 50; seed++) {
    const clock = new StepClock(seed)
    const bus = new BusModel({ clock, seed, network: [1, 5] })
    const node = bus.node()
    const seen: BusEntry[] = []
    node.subscribe((entry) => seen.push(entry))
    const taken: number[] = []
    for (let lsn = 1; lsn <= 20; lsn++) {
      const appended = Promise.resolve(node.append(progress(lsn)))
      appended.then(
        () => taken.push(lsn),
        () => {},
      )
      if (lsn === 15) bus.crash(3)
      await clock.advance(1)
    }
    await clock.advance(100)
    expect(lsnsOf(seen)).toEqual(taken)
    expect(taken.length).toBeLessThan(20)
    // Whoever replays from what was taken last gives all that is missing.
    const last = taken.findIndex((lsn, i) => lsn !== i + 1)
    const from = (last === -1 ? taken.length : last) + 1
    expect(from).toBeLessThanOrEqual(15)
  }
})

it('does not share its memory with who appends', async () => {
  const clock = new StepClock(1)
  const node = new BusModel({ clock, seed: 1 }).node()
  const bytes = Buffer.from('before')
  let seen = ''
  node.subscribe((entry) => {
    if (entry.kind === 'transaction') seen = String(entry.transaction.channels[0]?.views[0]?.[0])
  })
  const channels = [{ channel: 'a/1', views: [[bytes]] }]
  const appended = node.append({ kind: 'transaction', transaction: { xid: 1, lsn: 1, at: 1, channels } })
  bytes.fill('x')
  await clock.until(Promise.resolve(appended))
  await clock.advance(100)
  expect(seen).toBe('before')
})
