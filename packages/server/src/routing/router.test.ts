import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BusEntry } from '../bus/bus.ts'
import { EmbeddedBus } from '../bus/embedded.ts'
import { silentLogger } from '../runtime/logger.ts'
import { forEachElement, forEachMember } from './json-scan.ts'
import {
  applyChanges,
  ModelDatabase,
  type ModelRows,
  ModelTuple,
  modelChannels,
  modelSync,
  modelWrite,
  tell,
} from './model.setup.ts'
import { Router, type RouterLimits } from './router.ts'
import type { RoutedTransaction } from './routing.ts'

const roomy: RouterLimits = { transactionBytesMax: 1e6, transactionTotalBytesMax: 1e7 }

function start(limits: RouterLimits = roomy) {
  const entries: BusEntry[] = []
  const warnings: string[] = []
  const bus = new EmbeddedBus()
  bus.subscribe((entry) => entries.push(entry))
  const logger = { ...silentLogger, warn: (message: string) => warnings.push(message) }
  const router = new Router({ sync: modelSync, bus, limits, logger })
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
  return { router, commit, entries, warnings }
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

const [items, links, secrets] = modelSync.collections
if (items === undefined || links === undefined || secrets === undefined) throw new Error('collections')
// id, title, assignee_id, notes, project_id
const item = (...texts: (string | null | undefined)[]) => new ModelTuple(texts)
const member = modelSync.viewOf('member') ?? -1
const guest = modelSync.viewOf('guest') ?? -1

describe('the router', () => {
  it('G1: tells changes that lead every channel and view to the rows of the database, commit by commit', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('full' as const, 'index' as const),
        fc.array(fc.array(modelWrite, { maxLength: 8 }), { minLength: 1, maxLength: 12 }),
        (identity, transactions) => {
          const database = new ModelDatabase(identity)
          const { router, commit } = start()
          const clients = new Map<string, ModelRows>()
          let resets = 0
          for (const writes of transactions) {
            const entry = commit(() => {
              tell(
                router,
                writes.flatMap((write) => database.write(write) ?? []),
              )
            })
            for (const { channel, views, reset } of transactionOf(entry).channels) {
              if (reset !== undefined) resets++
              views.forEach((pieces, view) => {
                const text = pieces && textOf(pieces)
                const client = clients.get(`${view}/${channel}`) ?? new Map()
                clients.set(`${view}/${channel}`, client)
                if (text !== undefined) {
                  expectNet(text)
                  applyChanges(client, text)
                } else if (reset !== undefined)
                  clients.set(`${view}/${channel}`, database.query(channel, view))
              })
            }
            for (const channel of modelChannels) {
              for (const view of [member, guest]) {
                expect(clients.get(`${view}/${channel}`) ?? new Map()).toEqual(database.query(channel, view))
              }
            }
          }
          // Under FULL every value is in the old row: nothing needs a reset.
          if (identity === 'full') expect(resets).toBe(0)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('tells of each key at most one event in a commit', () => {
    const { router, commit } = start()
    const entry = commit(() => {
      router.change(items, null, item('1', 'a', null, null, '5'), 'create')
      router.change(items, item('1', 'a', null, null, '5'), item('1', 'b', null, null, '5'), 'update')
      router.change(items, item('2', 'x', null, null, '5'), item('2', 'y', null, null, '5'), 'update')
      router.change(items, item('2', 'y', null, null, '5'), item('2', 'y', null, 'n', '5'), 'update')
      router.change(items, item('3', 'x', null, null, '5'), null, 'destroy')
      router.change(items, null, item('3', 'new', null, null, '5'), 'create')
      router.change(items, null, item('4', 'x', null, null, '5'), 'create')
      router.change(items, item('4', 'x', null, null, '5'), null, 'destroy')
    })
    expect(changesOf(entry)).toEqual({
      'project/5': {
        items: {
          create: {
            1: { id: '1', title: 'b', assignee_id: null, notes: null },
            3: { id: '3', title: 'new', assignee_id: null, notes: null },
          },
          update: { 2: { title: 'y', notes: 'n' } },
        },
      },
    })
  })

  it('forgets a row that was created and destroyed in the same commit, but not one that was replaced', () => {
    const { router, commit } = start()
    const row = item('1', 'a', null, null, '5')
    const nothing = commit(() => {
      router.change(items, null, row, 'create')
      router.change(items, row, null, 'destroy')
    })
    expect(transactionOf(nothing).channels).toEqual([])
    const gone = commit(() => {
      router.change(items, row, null, 'destroy')
      router.change(items, null, row, 'create')
      router.change(items, row, null, 'destroy')
    })
    expect(changesOf(gone)).toEqual({ 'project/5': { items: { destroy: ['1'] } } })
  })

  it('tells a move as destroy in the old and create in the new channel, with what did not change', () => {
    const { router, commit } = start()
    const entry = commit(() =>
      router.change(items, item('1', 'a', '9', 'n', '5'), item('1', 'a', '9', undefined, '6'), 'update'),
    )
    expect(changesOf(entry)).toEqual({
      'project/5': { items: { destroy: ['1'] } },
      'project/6': { items: { create: { 1: { id: '1', title: 'a', assignee_id: '9', notes: 'n' } } } },
    })
  })

  it('gives a view no message for a change it does not see, and the bus the transaction all the same', () => {
    const { router, commit } = start()
    const notes = commit(() =>
      router.change(items, item('1', 'a', null, 'x', '5'), item('1', 'a', null, 'y', '5'), 'update'),
    )
    expect(changesOf(notes, member)).toEqual({ 'project/5': { items: { update: { 1: { notes: 'y' } } } } })
    expect(changesOf(notes, guest)).toEqual({ 'project/5': undefined })
    const hidden = commit(() => {
      router.change(secrets, null, new ModelTuple(['1', 's', '5']), 'create')
      router.message('{"session":"s1","mutation":"m1"}')
    })
    expect(changesOf(hidden, guest)).toEqual({ 'project/5': undefined })
    expect(transactionOf(hidden)).toMatchObject({ session: 's1', mutation: 'm1' })
    const same = commit(() =>
      router.change(items, item('1', 'a', null, 'x', '5'), item('1', 'a', null, 'x', '5'), 'update'),
    )
    expect(transactionOf(same).channels).toEqual([])
  })

  it('G11: resets a channel where a value that it needs is not in the stream', () => {
    const { router, commit } = start()
    const entry = commit(() => {
      router.change(
        items,
        item('1', undefined, '9', undefined, '5'),
        item('1', 'a', '9', undefined, '6'),
        'update',
      )
      router.change(items, null, item('2', 'b', '9', 'n', '6'), 'create')
    })
    expect(changesOf(entry)).toEqual({
      'project/5': { items: { destroy: ['1'] } },
      'project/6': 'too_large',
      'user/9': { items: { update: { 1: { title: 'a' } }, create: { 2: expect.anything() } } },
    })
  })

  it('G11: resets the channels of a collection on a truncate, and what else the commit touched, and names the writer', () => {
    const { router, commit } = start()
    const truncated = commit(() => {
      router.change(items, null, item('1', 'a', null, null, '5'), 'create')
      router.truncate(links)
      router.change(items, null, item('2', 'a', '9', null, '5'), 'create')
      router.message('{"session":"s","mutation":"m"}')
    })
    expect(truncated).toEqual({
      kind: 'reset',
      lsn: 1,
      xid: 100,
      reason: 'truncated',
      session: 's',
      mutation: 'm',
      scope: {
        templates: [
          expect.objectContaining({ source: 'project/:from_id' }),
          expect.objectContaining({ source: 'project/:to_id' }),
        ],
        channels: ['project/5', 'user/9'],
      },
    })
    const unknown = commit(() => router.change(items, item('1'), null, 'destroy'))
    expect(unknown).toMatchObject({
      kind: 'reset',
      reason: 'too_large',
      scope: {
        templates: [
          expect.objectContaining({ source: 'project/:project_id' }),
          expect.objectContaining({ source: 'user/:assignee_id' }),
        ],
        channels: [],
      },
    })
    const after = commit(() => router.change(items, null, item('3', 'a', null, null, '5'), 'create'))
    expect(after.kind).toBe('transaction')
  })

  it('G12: drops what a channel gathered beyond its bound, and goes on with the others', () => {
    const { router, commit } = start({ transactionBytesMax: 2_000, transactionTotalBytesMax: 1e6 })
    const entry = commit(() => {
      for (let i = 0; i < 100; i++)
        router.change(items, null, item(`${i}`, 'title', null, null, '5'), 'create')
      router.change(items, null, item('1000', 'a', null, null, '6'), 'create')
    })
    expect(changesOf(entry)).toEqual({ 'project/5': 'too_large', 'project/6': { items: expect.anything() } })
  })

  it('G12: bounds a transaction over very many channels', () => {
    const { router, commit } = start({ transactionBytesMax: 1e6, transactionTotalBytesMax: 50_000 })
    const entry = commit(() => {
      for (let i = 0; i < 1000; i++)
        router.change(items, null, item(`${i}`, 'a', null, null, `${i}`), 'create')
    })
    expect(entry).toMatchObject({ kind: 'reset', reason: 'too_large' })
  })

  it('carries operations as JSON text to their channels', () => {
    const { router, commit } = start()
    const entry = commit(() =>
      router.message(
        JSON.stringify({
          operations: [
            { channel: 'project/5', operation: 'items/create', envelope: { a: [1, '"'] } },
            { channel: 'project/5', operation: 'items/flash' },
          ],
        }),
      ),
    )
    const [routed] = transactionOf(entry).channels
    expect(routed?.views).toEqual([undefined, undefined])
    expect(JSON.parse(routed?.operations ?? '')).toEqual([
      { operation: 'items/create', envelope: { a: [1, '"'] } },
      { operation: 'items/flash', envelope: null },
    ])
  })

  it('ignores messages that are not understood, with a warning that does not quote them', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (content) => {
        const { router, commit } = start()
        expect(commit(() => router.message(content)).kind).toBe('transaction')
      }),
    )
    const bad = [
      'x',
      '[]',
      'null',
      '{"session":5}',
      '{"mutation":""}',
      '{"operations":{}}',
      '{"operations":[{"channel":"a b","operation":"x"}]}',
      '{"operations":[{"channel":"a","operation":7}]}',
      `{"operations":[{"channel":"a","operation":"x","envelope":${'['.repeat(200_000)}${']'.repeat(200_000)}}]}`,
      `{"mutation":"${'m'.repeat(1000)}"}`,
    ]
    for (const content of bad) {
      const { router, commit, warnings } = start()
      const entry = commit(() => router.message(content))
      expect(transactionOf(entry)).toEqual({ xid: 100, lsn: 1, at: 1_700_000_000_000, channels: [] })
      expect(warnings).toHaveLength(1)
      expect(warnings[0]).not.toContain('a b')
    }
  })

  it('puts a row with a null, empty or overlong value into no channel', () => {
    const { router, commit } = start()
    const entry = commit(() => {
      router.change(items, null, item('1', 'a', null, null, null), 'create')
      router.change(items, null, item('2', 'a', null, null, ''), 'create')
      router.change(items, null, item('3', 'a', null, null, 'x'.repeat(300)), 'create')
    })
    expect(transactionOf(entry).channels).toEqual([])
  })
})

/** No key twice, in no two events. */
function expectNet(changes: string): void {
  forEachMember(changes, (_, collection) => {
    const keys: string[] = []
    forEachMember(collection, (event, told) => {
      if (event === 'destroy') forEachElement(told, (key) => keys.push(String(JSON.parse(key))))
      else forEachMember(told, (key) => keys.push(key))
    })
    expect(new Set(keys).size).toBe(keys.length)
    expect(keys.length).toBeGreaterThan(0)
  })
}
