import { describe, expect, it } from 'vitest'
import type { RoutedTransaction } from '../routing/routing.ts'
import type { Bus, BusEntry } from './bus.ts'

export interface BusSetup {
  readonly bus: Bus
  /** Resolves when every entry that was appended has come to the readers. */
  settled(): Promise<void>
}

/** What every bus must do. `setup` gives a new one, `bus.close` ends it. */
export function runBusTests(name: string, setup: () => Promise<BusSetup>): void {
  describe(`${name} as a bus`, () => {
    const withBus = async (run: (made: BusSetup) => Promise<void>): Promise<void> => {
      const made = await setup()
      try {
        await run(made)
      } finally {
        await made.bus.close()
      }
    }

    it('gives every entry to every reader, whole and in order', () =>
      withBus(async ({ bus, settled }) => {
        const first: BusEntry[] = []
        const second: BusEntry[] = []
        bus.subscribe((entry) => first.push(entry))
        bus.subscribe((entry) => second.push(entry))
        for (const entry of entriesOfEveryKind) await bus.append(entry)
        await settled()
        expect(first).toEqual(entriesOfEveryKind)
        expect(second).toEqual(entriesOfEveryKind)
      }))

    it('keeps the order of entries that are appended without waiting', () =>
      withBus(async ({ bus, settled }) => {
        const seen: number[] = []
        bus.subscribe((entry) => {
          if (entry.kind === 'transaction') seen.push(entry.transaction.lsn)
        })
        const taken: (void | Promise<void>)[] = []
        for (let lsn = 1; lsn <= 100; lsn++)
          taken.push(bus.append({ kind: 'transaction', transaction: transaction(lsn) }))
        await Promise.all(taken)
        await settled()
        expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
      }))

    it('gives nothing from before a reader came', () =>
      withBus(async ({ bus, settled }) => {
        await bus.append({ kind: 'progress', lsn: 1 })
        await settled()
        const seen: BusEntry[] = []
        bus.subscribe((entry) => seen.push(entry))
        await bus.append({ kind: 'progress', lsn: 2 })
        await settled()
        expect(seen).toEqual([{ kind: 'progress', lsn: 2 }])
      }))

    it('gives nothing more after it is closed', async () => {
      const { bus } = await setup()
      const seen: BusEntry[] = []
      bus.subscribe((entry) => seen.push(entry))
      await bus.close()
      await Promise.resolve(bus.append({ kind: 'progress', lsn: 1 })).catch(() => undefined)
      expect(seen).toEqual([])
    })
  })
}

function transaction(lsn: number): RoutedTransaction {
  return { xid: lsn, lsn, at: 1_700_000_000_000, channels: [] }
}

const entriesOfEveryKind: readonly BusEntry[] = [
  { kind: 'epoch', epoch: 'e1', lsn: 1 },
  {
    kind: 'transaction',
    transaction: {
      ...transaction(2),
      session: 's',
      mutation: 'm',
      channels: [
        {
          channel: 'a/1',
          views: [[Buffer.from('{"items":{"destroy":["ü"]}}')], undefined],
          operations: '[]',
        },
        { channel: 'a/2', views: [undefined, undefined], reset: 'too_large' },
      ],
    },
  },
  { kind: 'progress', lsn: 3 },
  { kind: 'reset', lsn: 4, reason: 'truncated', xid: 9, session: 's' },
  { kind: 'transaction', transaction: transaction(Number.MAX_SAFE_INTEGER) },
]
