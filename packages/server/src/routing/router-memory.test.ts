import { expect, it } from 'vitest'
import type { Bus, BusEntry } from '../bus/bus.ts'
import { EmbeddedBus } from '../bus/embedded.ts'
import { silentLogger } from '../runtime/logger.ts'
import { forEachMember } from './json-scan.ts'
import { ModelTuple, modelSync } from './model.setup.ts'
import { Router, type RouterLimits } from './router.ts'
import type { RoutedTransaction } from './routing.ts'

const roomy: RouterLimits = { transactionBytesMax: 1e6, transactionTotalBytesMax: 1e7 }

function start(limits: RouterLimits = roomy) {
  const entries: BusEntry[] = []
  const bus = new EmbeddedBus()
  bus.subscribe((entry) => entries.push(entry))
  const router = new Router({ sync: modelSync, bus, limits, logger: silentLogger })
  let lsn = 0
  /** Runs one transaction and gives what the bus got. */
  const commit = (run: () => void): BusEntry => {
    router.begin(100 + lsn, ++lsn, 1_700_000_000_000)
    run()
    router.commit()
    const entry = entries.at(-1)
    if (entry === undefined) throw new Error('nothing on the bus')
    return entry
  }
  return { router, commit }
}

function transactionOf(entry: BusEntry): RoutedTransaction {
  if (entry.kind !== 'transaction') throw new Error(`a ${entry.kind}`)
  return entry.transaction
}

function textOf(pieces: readonly Buffer[]): string {
  return Buffer.concat(pieces).toString()
}

/** Channel to changes, for one view. Before the next commit: the router uses the memory again. */
function changesOf(entry: BusEntry, view = 0): Record<string, unknown> {
  return Object.fromEntries(
    transactionOf(entry).channels.map((routed) => [
      routed.channel,
      routed.reset ?? (routed.views[view] && JSON.parse(textOf(routed.views[view]))),
    ]),
  )
}

const [items, , secrets] = modelSync.collections
if (items === undefined || secrets === undefined) throw new Error('collections')
// id, title, assignee_id, notes, project_id
const item = (...texts: (string | null | undefined)[]) => new ModelTuple(texts)
const member = modelSync.viewOf('member') ?? -1
const guest = modelSync.viewOf('guest') ?? -1

it('tells rows that are larger than a piece of memory, of keys with escapes, to two views', () => {
  const { router, commit } = start()
  const title = 'ü"\\'.repeat(15_000)
  const entry = commit(() => {
    for (const key of ['a "b"\\', '__proto__', 'ünï']) {
      router.change(items, null, item(key, title, null, 'n', '5'), 'create')
      router.change(items, null, item(`${key}!`, 'small', null, 'n', '5'), 'create')
    }
    router.change(items, item('ünï', title, null, 'n', '5'), item('ünï', 'new', null, 'm', '5'), 'update')
    router.change(items, item('a "b"\\!', 'small', null, 'n', '5'), null, 'destroy')
  })
  const titles = (view: number) => {
    const [routed] = transactionOf(entry).channels
    const told = new Map<string, unknown>()
    forEachMember(textOf(routed?.views[view] ?? []), (_, changes) => {
      expect(changes).not.toContain('"update"')
      expect(changes).not.toContain('"destroy"')
      forEachMember(changes, (_, creates) => {
        forEachMember(creates, (key, row) => told.set(key, JSON.parse(row)))
      })
    })
    return [...told]
  }
  const expected = [
    ['a "b"\\', title],
    ['__proto__', title],
    ['__proto__!', 'small'],
    ['ünï', 'new'],
    ['ünï!', 'small'],
  ] as const
  expect(titles(guest)).toEqual(expected.map(([id, title]) => [id, { id, title }]))
  expect(titles(member)).toEqual(
    expected.map(([id, title]) => [id, { id, title, assignee_id: null, notes: title === 'new' ? 'm' : 'n' }]),
  )
})

it('G12: frees the rows of channels that were reset, and keeps those of the others', () => {
  const { router, commit } = start({ transactionBytesMax: 200_000, transactionTotalBytesMax: 900_000 })
  const big = 'x'.repeat(50_000)
  const entry = commit(() => {
    for (let channel = 0; channel < 40; channel++) {
      const row = (title: string) => item(`${channel}`, title, null, null, `${channel}`)
      router.change(items, null, item(`kept ${channel}`, 'a', null, null, 'kept'), 'create')
      router.change(items, row('a'), row('b'), 'update')
      router.change(
        secrets,
        new ModelTuple(['7', 'a', 'kept']),
        new ModelTuple(['7', `${channel}`, 'kept']),
        'update',
      )
      for (let i = 0; i < 8; i++) router.change(items, row('a'), row(big), 'update')
    }
  })
  expect(changesOf(entry)).toMatchObject({
    'project/0': 'too_large',
    'project/39': 'too_large',
    'project/kept': {
      items: {
        create: Object.fromEntries(
          Array.from({ length: 40 }, (_, channel) => [
            `kept ${channel}`,
            { id: `kept ${channel}`, title: 'a', assignee_id: null, notes: null },
          ]),
        ),
      },
      secrets: { update: { 7: { title: '39' } } },
    },
  })
})

it('leaves the bytes of an entry alone until the bus has taken it', async () => {
  const entries: BusEntry[] = []
  const bus: Bus = {
    append: (entry) => {
      entries.push(entry)
      return Promise.resolve()
    },
    subscribe: () => {},
    close: () => Promise.resolve(),
  }
  const router = new Router({ sync: modelSync, bus, limits: roomy, logger: silentLogger })
  for (const [i, title] of ['first', 'other'].entries()) {
    router.begin(i + 1, i + 1, 5)
    router.change(items, null, item('1', title, null, null, '5'), 'create')
    router.commit()
  }
  expect(entries.map((entry) => changesOf(entry, guest)['project/5'])).toEqual(
    ['first', 'other'].map((title) => ({ items: { create: { 1: { id: '1', title } } } })),
  )
  await Promise.resolve()
  expect(router.takenLsn).toBe(2)
})
