import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFrame } from '../log/frame.ts'
import type { LogEntry } from '../log/log.ts'
import { modelChannels, modelSync } from '../routing/model.setup.ts'
import { isVisible } from '../source/visibility.ts'
import { cutSnapshot } from './cut.ts'
import { partsOf } from './parts.ts'
import { modelStep, PostgresModel, rowsOfText } from './postgres-model.setup.ts'

const ample = { retentionMs: 1e9, logBytesMax: 1e9, logTotalBytesMax: 1e9 }
const tight = { retentionMs: 50, logBytesMax: 1_200, logTotalBytesMax: 1_800 }
const steps = (min: number, max: number) =>
  fc.array(modelStep, { minLength: min, maxLength: max, size: 'max' })
/** Xids that wrap around in the middle of a run, or compare wrongly as plain numbers. */
const firstXid = fc.constantFrom(1000, 0xffff_ffff - 5, 0x7fff_ffff - 5)
const targets = modelChannels.flatMap((channel) =>
  Array.from({ length: modelSync.viewCount }, (_, view) => ({
    channel,
    view,
    parts: partsOf(modelSync, channel, view),
  })),
)

describe('the snapshot cut', () => {
  for (const [bounds, limits] of [
    ['ample', ample],
    ['tight', tight],
  ] as const) {
    it(`G1: equals the replay of the stream up to its position, under ${bounds} bounds of the log`, () => {
      let cuts = 0
      let applied = 0
      fc.assert(
        fc.property(firstXid, steps(20, 80), steps(0, 12), steps(0, 12), (xid, before, during, after) => {
          const postgres = new PostgresModel(xid, limits)
          for (const step of before) postgres.take(step)
          const reads = targets.map((target) => ({
            ...target,
            pin: postgres.log.pin(target.channel),
            read: postgres.read(target.parts),
          }))
          for (const step of during) postgres.take(step)
          const lsn = postgres.barrier()
          for (const step of after) postgres.take(step)
          for (const { channel, view, parts, pin, read } of reads) {
            const entries = pin.entries(view)
            const { trimmedXids } = pin
            const tables =
              entries === undefined ? 'retry' : cutSnapshot({ parts, read, entries, trimmedXids, lsn })
            pin.release()
            if (limits === ample) expect(tables).not.toBe('retry')
            if (tables === 'retry') continue
            cuts++
            if (entries?.some((entry) => entry.lsn <= lsn && !isVisible(entry.xid, read.visibility)))
              applied++
            expect(rowsOfText(tables.collectionsText())).toEqual(postgres.replay(lsn, channel, view))
          }
        }),
        { numRuns: 800 },
      )
      // The runs must be about something.
      expect(cuts).toBeGreaterThan(200)
      expect(applied).toBeGreaterThan(100)
    })
  }

  const [items] = modelSync.collections
  if (items === undefined) throw new Error('items')
  const parts = partsOf(modelSync, 'project/5', modelSync.viewOf('guest') ?? 0).slice(0, 1)
  const entry = (xid: number, lsn: number, changes: string | undefined): LogEntry => ({
    xid,
    lsn,
    frame: changes === undefined ? undefined : encodeFrame(`{"type":"transaction","changes":${changes}}`),
    bytes: 1,
    appendedAt: 0,
    ...(changes === undefined ? { reset: 'too_large' as const } : undefined),
  })
  const read = {
    visibility: { xmin: 100, xmax: 110, inProgress: new Set([100, 105]) },
    rows: [[{ key: '1', values: ['"1"', '1e400'] }]],
  }
  const cut = (entries: readonly LogEntry[], trimmedXids: readonly number[] = []) => {
    const tables = cutSnapshot({ parts, read, entries, trimmedXids, lsn: 50 })
    return tables === 'retry' ? tables : tables.collectionsText()
  }
  const text = (rows: string) => `{"items":{"columns":["id","title"],"key":[0],"rows":[${rows}]}}`

  it('applies what was not visible, also from before the read, and nothing beyond its position', () => {
    expect(
      cut([
        entry(99, 10, '{"items":{"destroy":["1"]}}'),
        entry(105, 20, '{"items":{"create":{"__proto__":{"id":"__proto__","title":"\\"}]"}}}}'),
        entry(104, 30, '{"items":{"destroy":["1"]}}'),
        entry(110, 50, '{"items":{"update":{"__proto__":{"title":12345678901234567890}}}}'),
        entry(111, 51, '{"items":{"destroy":["1","__proto__"]}}'),
      ]),
    ).toBe(text('["1",1e400],["__proto__",12345678901234567890]'))
  })

  it('retries where a transaction that it needs cannot be told', () => {
    expect(cut([entry(105, 20, undefined)])).toBe('retry')
    expect(cut([entry(99, 20, undefined)])).toBe(text('["1",1e400]'))
    expect(cut([entry(111, 51, undefined)])).toBe(text('["1",1e400]'))
    expect(cut([entry(105, 20, '{"items":{"update":{"9":{"title":"x"}}}}')])).toBe('retry')
    expect(cut([], [98, 99, 101])).toBe(text('["1",1e400]'))
    expect(cut([], [99, 105])).toBe('retry')
    expect(cut([], [110])).toBe('retry')
    expect(cut([], [5_000])).toBe('retry')
  })

  it('G1: knows by its number, and by no clock, that a transaction is of an earlier round of xids', () => {
    expect(cut([], [0x7000_0000, 0x1000_0000])).toBe(text('["1",1e400]'))
    expect(cut([], [0x7000_0000, 105])).toBe('retry')
  })

  it('compares xids modulo 2^32', () => {
    const visibility = { xmin: 0xffff_fff0, xmax: 5, inProgress: new Set([0xffff_fff0, 2]) }
    const visible = [0xffff_ff00, 0xffff_fff1, 0, 1, 4].filter((xid) => isVisible(xid, visibility))
    expect(visible).toEqual([0xffff_ff00, 0xffff_fff1, 0, 1, 4])
    expect([0xffff_fff0, 2, 5, 100].some((xid) => isVisible(xid, visibility))).toBe(false)
  })
})
